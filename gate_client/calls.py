"""What can be asked of a gate, noun by noun, without the I/O (see `exchange`). The clients are made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from gate_client.errors import CouldNotTell, StillRunning, UsageError
from gate_client.exchange import Connection, Flow, Pause, Request, content_of, exchange
from gate_client.failures import require_allowed
from gate_client.wire import (
    ActivePolicyBody,
    CheckBody,
    CheckRequest,
    CheckRow,
    ChecksBody,
    HealthBody,
    InstallationBody,
    InstallationRequest,
    ListQuery,
    NewTokenBody,
    OneTokenBody,
    ReadinessBody,
    RegistrationRequest,
    ReloadedBody,
    ReloadRequest,
    ReportForm,
    ReportQuery,
    RoleName,
    Sent,
    TokenBody,
    TokenRequest,
    TokensBody,
    VerdictBody,
)

S = TypeVar("S", bound=Sent)

CHECKS = "/api/v1/checks"
POLICY = "/api/v1/policy"
TOKENS = "/api/v1/tokens"
ONE_WAIT_S = 30.0
BETWEEN_WAITS_S = 0.2  # a gate with no place left to wait in answers at once
GATE_AWAY_PAUSE_S = 1.0


def check(
    gate: Connection, repository: str, source: str, destination: str, *, wait_s: float = 0.0
) -> Flow[VerdictBody]:
    """Ask what merging `source` into `destination` would be judged as; nothing is merged.

    Asking again joins the check that runs.

    Parameters
    ----------
    wait_s
        How long to wait for the verdict; it is empty where the check still runs then.
    """
    body = checked(CheckRequest, repository=repository, source=source, destination=destination)
    asked = Request("POST", CHECKS, body, {"wait": wait_s}, wait_s=wait_s)
    return (yield from exchange(gate, asked, VerdictBody))


def wait_for_check(gate: Connection, check_id: str, *, timeout_s: float = 600.0) -> Flow[CheckBody]:
    """Wait for a check's verdict; a gate that is away meanwhile is waited for too.

    Raises
    ------
    StillRunning
        When there is no verdict in time; `CouldNotTell` when the gate is away at that time.
    """
    deadline = gate.clock() + timeout_s
    while True:
        left_s = max(0.0, deadline - gate.clock())
        try:
            found = yield from get_check(gate, check_id, wait_s=min(left_s, ONE_WAIT_S))
        except CouldNotTell:
            if not left_s:
                raise
            yield Pause(min(left_s, GATE_AWAY_PAUSE_S))
            continue
        if found.verdict:
            return found
        if not left_s:
            late = StillRunning(
                f"check {check_id} still runs after {timeout_s:g} s",
                f"look at {found.report}, or wait for it again",
            )
            late.check_id = check_id
            raise late
        yield Pause(BETWEEN_WAITS_S)


def judge(
    gate: Connection, repository: str, source: str, destination: str, *, timeout_s: float = 600.0
) -> Flow[CheckBody]:
    """Ask as `check` does, and wait for the verdict; the whole check, whatever the verdict.

    Raises
    ------
    StillRunning
        When there is no verdict in time.
    """
    asked = yield from check(gate, repository, source, destination, wait_s=min(timeout_s, ONE_WAIT_S))
    if asked.check:
        return (yield from wait_for_check(gate, asked.check, timeout_s=timeout_s))
    return CheckBody.model_validate(asked.model_dump())  # no check can be made: a conflict, for instance


def require(
    gate: Connection, repository: str, source: str, destination: str, *, timeout_s: float = 600.0
) -> Flow[CheckBody]:
    """Judge as `judge` does, and return only what is allowed.

    Raises
    ------
    GateRefused
        When the data is bad; with the check and what failed.
    CouldNotTell
        When no judgement was possible, or not in time.
    """
    judged = yield from judge(gate, repository, source, destination, timeout_s=timeout_s)
    return require_allowed(judged, f"lakefs://{repository}/{source} into {destination}")


def get_check(gate: Connection, check_id: str, *, wait_s: float = 0.0) -> Flow[CheckBody]:
    """Return a check with every result; `wait_s` waits for its verdict.

    Raises
    ------
    NotFound
        When there is none.
    """
    request = Request("GET", f"{CHECKS}/{in_path(check_id)}", params={"wait": wait_s}, wait_s=wait_s)
    return (yield from exchange(gate, request, CheckBody))


def get_report(gate: Connection, check_id: str, form: ReportForm = "json") -> Flow[bytes]:
    """Return a check's report as a file: Great Expectations' JSON, ``html``, or JUnit's ``xml``.

    Raises
    ------
    Conflict
        While the check has no verdict.
    """
    query = checked(ReportQuery, format=form)
    request = Request("GET", f"{CHECKS}/{in_path(check_id)}/report", params=query.model_dump())
    return (yield from content_of(gate, request, f"gate-check-{check_id}.{form}"))


def list_checks(gate: Connection, repository: str = "", *, limit: int = 50) -> Flow[list[CheckRow]]:
    """Return the newest checks, newest first."""
    query = checked(ListQuery, repository=repository, limit=limit)
    return (yield from exchange(gate, Request("GET", CHECKS, params=query.model_dump()), ChecksBody)).checks


def register_merge(
    gate: Connection, repository: str, base_commit: str, source_commit: str
) -> Flow[RegistrationRequest]:
    """Let exactly this merge change the gate's own files; for an admin's token."""
    body = checked(
        RegistrationRequest, repository=repository, base_commit=base_commit, source_commit=source_commit
    )
    return (yield from exchange(gate, Request("POST", "/api/v1/registrations", body), RegistrationRequest))


def record_installation(
    gate: Connection, repository: str, branch: str, files: Mapping[str, str], commit_id: str
) -> Flow[InstallationBody]:
    """Have the gate remember the files that it was installed with (text by path); for an admin's token."""
    body = checked(
        InstallationRequest, repository=repository, branch=branch, files=dict(files), commit_id=commit_id
    )
    return (yield from exchange(gate, Request("PUT", "/api/v1/installations", body), InstallationBody))


def policy(gate: Connection) -> Flow[ActivePolicyBody]:
    """Return the policy that the gate asks by, and what a refused reload was refused for."""
    return (yield from exchange(gate, Request("GET", POLICY), ActivePolicyBody))


def reload_policy(gate: Connection) -> Flow[ReloadedBody]:
    """Have the gate read its policy's file again; for an admin's token without limits.

    Raises
    ------
    UsageError
        With all findings; the gate goes on with the old one, as after any other error.
    """
    request = Request("POST", f"{POLICY}/reload", ReloadRequest(), again="never")
    return (yield from exchange(gate, request, ReloadedBody))


def create_token(
    gate: Connection,
    name: str,
    roles: Sequence[RoleName],
    *,
    repositories: Sequence[str] = (),
    branches: Sequence[str] = (),
    days: int | None = None,
) -> Flow[NewTokenBody]:
    """Make a token; its text is in this answer and nowhere else. For an admin's token without limits."""
    body = checked(
        TokenRequest,
        name=name,
        roles=list(roles),
        repositories=list(repositories),
        branches=list(branches),
        days=days,
    )
    # Never again: the first one may have been made, and nobody would know its text.
    return (yield from exchange(gate, Request("POST", TOKENS, body, again="never"), NewTokenBody))


def list_tokens(gate: Connection) -> Flow[list[TokenBody]]:
    """Return all tokens, newest first, without their texts."""
    return (yield from exchange(gate, Request("GET", TOKENS), TokensBody)).tokens


def revoke_token(gate: Connection, token_id: str) -> Flow[TokenBody]:
    """End a token, and the sessions made from it.

    Raises
    ------
    NotFound
        When there is none.
    """
    return (yield from exchange(gate, Request("DELETE", f"{TOKENS}/{in_path(token_id)}"), OneTokenBody)).token


def health(gate: Connection) -> Flow[HealthBody]:
    """Return whether the gate is up."""
    return (yield from exchange(gate, Request("GET", "/healthz"), HealthBody))


def readiness(gate: Connection) -> Flow[ReadinessBody]:
    """Return whether the gate can judge; raises `CouldNotTell` with what is missing."""
    return (yield from exchange(gate, Request("GET", "/readyz", again="never"), ReadinessBody))


def in_path(text: str) -> str:
    """Return an id as a part of an address; raises `UsageError` for what is none."""
    if text in ("", ".", ".."):  # an HTTP client would fold these away, and another thing would be asked for
        raise UsageError(f"{text!r} is no id")
    return quote(text, safe="")


def checked(body: type[S], **fields: Any) -> S:
    """Return a request's body; raises `UsageError` that names what is wrong in it."""
    try:
        return body(**fields)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(step) for step in item['loc'])}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise UsageError(wrong) from error
