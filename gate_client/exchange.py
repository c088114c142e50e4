"""One call to a gate without its I/O: what is sent, what an answer means, when to try again.

A `Flow` is a generator that yields what is to be done (a `Request`, a `Pause`) and is sent what came of it;
the clients do the I/O, each in its own way. So all that can go wrong is written once.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from gate_client.errors import (
    Conflict,
    CouldNotTell,
    Forbidden,
    GateError,
    GateUnreachable,
    NotFound,
    TooManyFailures,
    Unauthorized,
    UsageError,
)
from gate_client.wire import ErrorBody

T = TypeVar("T")
A = TypeVar("A", bound=BaseModel)
R = TypeVar("R")

CONNECT_TIMEOUT_S = 10.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
UNAVAILABLE = 503
_KINDS: Mapping[int, type[GateError]] = {
    400: UsageError,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: UsageError,
    415: UsageError,
    422: UsageError,
    429: TooManyFailures,
}


@dataclass(frozen=True)
class Request:
    """A call to make.

    Parameters
    ----------
    again
        When a 503 is tried again: ``always`` where doing it twice is doing it once, or ``never``.
    wait_s
        How long the gate is asked to wait before it answers.
    accepts
        Statuses from 300 on that bring an answer of the call's own form, not an error.
    """

    method: str
    path: str
    body: BaseModel | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    again: Literal["always", "never"] = "always"
    wait_s: float = 0.0
    accepts: tuple[int, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pause:
    """Wait before going on."""

    seconds: float


Came: TypeAlias = httpx.Response | httpx.RequestError | None
Flow: TypeAlias = Generator[Request | Pause, Came, T]


class Connection:
    """Where the gate is, and how patiently it is asked.

    Parameters
    ----------
    url
        The gate's address; ``GATE_URL`` where it is empty.
    token
        An API token; ``GATE_API_TOKEN``, or the file that ``GATE_API_TOKEN_FILE`` names, where it is empty.
    timeout_s
        How long one answer may take, beyond what the gate is asked to wait.
    retry_for_s
        For how long a call that the gate answers with 503 is tried again, where it may be; 0 for not at all.

    Raises
    ------
    UsageError
        When the address is none.
    Unauthorized
        When there is no token.
    """

    def __init__(
        self,
        url: str = "",
        token: str = "",
        *,
        timeout_s: float = 120.0,
        retry_for_s: float = 30.0,
    ) -> None:
        self.url = (url or os.environ.get("GATE_URL", "")).rstrip("/")
        self.timeout_s = timeout_s
        self.retry_for_s = retry_for_s
        self.clock: Callable[[], float] = time.monotonic
        if not self.url:
            raise UsageError("no gate is named", "give its address, or set GATE_URL")
        try:
            parsed = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise _no_address(self.url) from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise _no_address(self.url)
        text = token or _token_of_environment()
        if not text:
            raise Unauthorized(
                f"the gate at {self.url} wants a token",
                "give it, or set GATE_API_TOKEN to the gate's or to one of `gate tokens create`",
            )
        if not text.isascii() or not text.isprintable():
            raise Unauthorized("the token holds what no token does", "set GATE_API_TOKEN again")
        self._headers = {"Authorization": f"Bearer {text}"}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def _timeout(self, request: Request) -> httpx.Timeout:
        return httpx.Timeout(self.timeout_s + request.wait_s, connect=CONNECT_TIMEOUT_S)


def _token_of_environment() -> str:
    text = os.environ.get("GATE_API_TOKEN", "")
    path = os.environ.get("GATE_API_TOKEN_FILE", "")
    if text or not path:
        return text.strip()
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"GATE_API_TOKEN_FILE: cannot read {path} ({type(error).__name__})") from error


def exchange(gate: Connection, request: Request, answer: type[A]) -> Flow[A]:
    """Make a call and return its answer.

    Raises
    ------
    GateError
        Of the kind that the answer says.
    """
    return (yield from _answered(gate, request, lambda came: _as_answer(gate, came, answer)))


def content_of(gate: Connection, request: Request, name: str) -> Flow[bytes]:
    """Make a call that a file called `name` answers, and return its bytes; raises as `exchange` does."""
    return (yield from _answered(gate, request, lambda came: _as_file(gate, came, name)))


def _answered(gate: Connection, request: Request, read: Callable[[httpx.Response], R | None]) -> Flow[R]:
    """Make a call, again where it may be; `read` returns None of what is an error after all."""
    deadline = gate.clock() + gate.retry_for_s
    attempt = 0
    while True:
        came = yield request
        if isinstance(came, httpx.RequestError):
            raise _unreachable(gate, came) from came
        assert came is not None  # noqa: S101 - for the type checker: a request brings an answer
        if came.status_code < 300 or came.status_code in request.accepts:
            found = read(came)
            if found is not None:
                return found
        error = error_of(gate, came)
        pause_s = _pause_s(attempt, came)
        may = request.again == "always"
        if came.status_code != UNAVAILABLE or not may or gate.clock() + pause_s > deadline:
            raise error
        yield Pause(pause_s)
        attempt += 1


def error_of(gate: Connection, came: httpx.Response) -> GateError:
    """Return what an answer that is none of the call's own form means."""
    status = came.status_code
    try:
        said = ErrorBody.model_validate_json(came.content).error
    except ValidationError:
        return GateUnreachable(
            f"{gate.url} answers {status}, but not as a gate does",
            "set GATE_URL to the gate's own address",
            status=status,
        )
    kind = _KINDS.get(status, UsageError if status < 500 else CouldNotTell)
    return kind(said.message, said.hint, said.code, status)


def _as_answer(gate: Connection, came: httpx.Response, answer: type[A]) -> A | None:
    """Return the answer; None where it is an error of the gate's after all."""
    try:
        return answer.model_validate_json(came.content)
    except ValidationError as error:
        if came.status_code >= 300:
            return None
        wrong = ".".join(str(step) for step in error.errors(include_input=False)[0]["loc"])
        raise GateUnreachable(
            f"{gate.url} answers {came.status_code}, but not as a gate does"
            + (f" (at {wrong})" if wrong else ""),
            "set GATE_URL to the gate's own address; are gate and client of about the same version?",
            status=came.status_code,
        ) from error


def _as_file(gate: Connection, came: httpx.Response, name: str) -> bytes | None:
    """Return the file; None where it is an error, an error where a proxy answers with a page of its own."""
    if came.status_code >= 300:
        return None
    if f'"{name}"' not in came.headers.get("Content-Disposition", ""):
        raise GateUnreachable(
            f"{gate.url} answers {came.status_code}, but not as a gate does",
            "set GATE_URL to the gate's own address; are gate and client of about the same version?",
            status=came.status_code,
        )
    return came.content


def _pause_s(attempt: int, came: httpx.Response) -> float:
    """Return how long to wait: as the gate says, else longer each time, and not all at the same moment."""
    said = came.headers.get("Retry-After", "")
    if said.isascii() and said.isdigit():
        return float(said)
    longest = min(FIRST_PAUSE_S * 2.0**attempt, LONGEST_PAUSE_S)
    return random.uniform(longest / 2, longest)  # noqa: S311 - no secret


def _unreachable(gate: Connection, error: httpx.RequestError) -> GateUnreachable:
    return GateUnreachable(
        f"gate unreachable at {gate.url} ({type(error).__name__})",
        "is `gate serve` running there? set GATE_URL to its address",
    )


def _no_address(url: str) -> UsageError:
    return UsageError(f"{url!r} is no gate's address", "such as http://127.0.0.1:8090")
