"""The bodies of the API."""

from __future__ import annotations

from typing import Any

from flask import url_for
from pydantic import BaseModel, ConfigDict, Field

from gate_server.door.context import services
from gate_server.model import Check, Reason, Verdict, dump


class Body(BaseModel):
    """A body; what it does not know is refused."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(BaseModel):
    """What happened, and what to do."""

    code: str
    message: str
    hint: str = ""


class ErrorBody(BaseModel):
    """The one shape of every error."""

    error: ErrorDetail


class VerdictBody(BaseModel):
    """The answer to a hook: one line per reason, no cell values."""

    allowed: bool
    verdict: str
    check: str
    report: str
    summary: str
    reasons: list[str]
    rules: list[str]


class CheckRequest(Body):
    """Judge what merging `source` into `destination` would make of it."""

    repository: str = Field(min_length=1, max_length=1024)
    source: str = Field(min_length=1, max_length=1024)
    destination: str = Field(min_length=1, max_length=1024)


class WaitQuery(Body):
    """How long to wait for the verdict."""

    wait: float = Field(default=0, ge=0, le=600, description="seconds")


class CheckPath(BaseModel):
    """One check."""

    check_id: str


class RevertPath(BaseModel):
    """One revert."""

    revert_id: str


class ListQuery(Body):
    """Which rows, newest first."""

    repository: str = ""
    limit: int = Field(default=50, ge=1, le=1000)


class RevertRequest(Body):
    """Put `branch` back to the commit that `to` names."""

    repository: str = Field(min_length=1, max_length=1024)
    branch: str = Field(min_length=1, max_length=1024)
    to: str = Field(min_length=1, max_length=1024)
    reason: str = Field(default="", max_length=4000)
    expected_head: str = Field(default="", max_length=64)
    keep: list[str] = Field(default_factory=list, max_length=1000)
    dry_run: bool = False


class RegistrationRequest(Body):
    """The exact merge with which `gate install` changes the gate's files."""

    repository: str = Field(min_length=1, max_length=1024)
    base_commit: str = Field(pattern="^[0-9a-f]{64}$")
    source_commit: str = Field(pattern="^[0-9a-f]{64}$")


class InstallationRequest(Body):
    """What `gate install` wrote."""

    repository: str = Field(min_length=1, max_length=1024)
    branch: str = Field(min_length=1, max_length=1024)
    files: dict[str, str]
    commit_id: str = Field(pattern="^[0-9a-f]{64}$")


def report_url(check_id: str) -> str:
    """Return the address of a check's page, as people reach it."""
    public = services().settings.public_url.rstrip("/")
    path = url_for("web.check_page", check_id=check_id)
    return public + path if public else url_for("web.check_page", check_id=check_id, _external=True)


def verdict_body(verdict: Verdict | None, check: Check | None) -> dict[str, Any]:
    """Return the answer for `verdict`; None is a check that still runs."""
    check_id = check.id if check else ""
    report = report_url(check_id) if check_id else ""
    if verdict is None:
        text = "still running: merge again, the verdict will be there"
        body = VerdictBody(
            allowed=False, verdict="", check=check_id, report=report, summary=text, reasons=[text], rules=[]
        )
    else:
        body = VerdictBody(
            allowed=verdict.allowed,
            verdict=verdict.outcome.value,
            check=check_id,
            report=report,
            summary=verdict.summary,
            reasons=[reason_line(reason) for reason in verdict.reasons],
            rules=list(verdict.rules),
        )
    return body.model_dump()


def reason_line(reason: Reason) -> str:
    """Return a reason as one line."""
    where = f" in {reason.path}" if reason.path and reason.path not in reason.message else ""
    rule = f" (rule {reason.rule})" if reason.rule else ""
    waived = f" - waived by {reason.waived_by}" if reason.waived_by else ""
    return f"{reason.outcome.value}: {reason.message}{where}{rule}{waived}"


def check_body(check: Check, verdict: Verdict | None) -> dict[str, Any]:
    """Return a whole check: its verdict, its plan, and every result in Great Expectations' format."""
    whole: dict[str, Any] = dump(check)
    return {
        **verdict_body(verdict, check),
        "repository": check.repository,
        "destination": check.destination,
        "base_commit": check.base_commit,
        "judged_commit": check.judged_commit,
        "source_commit": check.source_commit,
        "source_name": check.source_name,
        "state": check.state,
        "policy_digest": check.policy_digest,
        "created_at": whole["created_at"],
        "finished_at": whole["finished_at"],
        "duration_s": check.duration_s,
        "lakefs_calls": check.lakefs_calls,
        "failure": whole["failure"],
        "plan": whole["plan"],
        "evaluations": whole["evaluations"],
        "details": [dump(reason) for reason in verdict.reasons] if verdict else [],
    }
