"""The one tree of exceptions.

::

    GateError                what happened, where, what to do; an HTTP status and an exit code
    ├── UsageError           the request or command is wrong          422, exit 2
    │   ├── NotFound         no such check, revert, repository, ref    404
    │   └── Conflict         the state of things does not allow it     409
│       └── BranchMoved  its head is not the one that was looked at
    ├── AccessDenied         no token, or a wrong one              401, exit 2
    │   ├── Forbidden        a token that is not for this          403
    │   └── TooManyFailures  too many wrong ones from an address   429
    ├── ConfigError          settings, policy or suite are invalid     500, exit 2
    ├── CouldNotTell         no judgement was possible                 503, exit 3
    │   ├── LakeFSError      lakeFS did not do what was asked
    │   │   └── LakeFSUnreachable  lakeFS gone, or our keys refused
    │   └── LimitOfRun       time, memory or disk of the run, a crash
    └── BadData              the data itself is unreadable             412, exit 1
        └── LimitOfData      bytes, rows, columns or fields over the limit

Every message says what happened and where; ``hint`` says what to do. None holds a cell value.
"""

from __future__ import annotations

from typing import Any


class GateError(Exception):
    """Base of all errors the gate raises on purpose.

    Parameters
    ----------
    message
        What happened and where (repository, ref, path, line).
    hint
        What the reader can do about it.
    """

    code = "error"
    status = 500
    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def body(self) -> dict[str, Any]:
        """Return the one JSON shape of an error."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint}}


class UsageError(GateError):
    """The request or the command is wrong."""

    code = "usage"
    status = 422
    exit_code = 2


class NotFound(UsageError):
    """There is no such thing."""

    code = "not_found"
    status = 404


class Conflict(UsageError):
    """The state of things does not allow what was asked."""

    code = "conflict"
    status = 409
    exit_code = 3


class BranchMoved(Conflict):
    """A branch's head is not the one that the caller looked at."""


class AccessDenied(GateError):
    """No token, or a wrong one."""

    code = "access_denied"
    status = 401
    exit_code = 2


class Forbidden(AccessDenied):
    """The token is not for this: its roles, or the repositories and branches it is limited to."""

    code = "forbidden"
    status = 403


class TooManyFailures(AccessDenied):
    """Too many wrong tokens came from this address.

    Parameters
    ----------
    message, hint
        As in `GateError`.
    retry_after_s
        When to try again.
    """

    code = "too_many_failures"
    status = 429

    def __init__(self, message: str, hint: str = "", retry_after_s: int = 0) -> None:
        super().__init__(message, hint)
        self.retry_after_s = retry_after_s


class ConfigError(GateError):
    """Settings, policy or a suite are invalid."""

    code = "config"
    status = 500
    exit_code = 2


class CouldNotTell(GateError):
    """No judgement was possible. Never a pass."""

    code = "could_not_tell"
    status = 503


class LakeFSError(CouldNotTell):
    """lakeFS did not do what was asked.

    Parameters
    ----------
    message, hint
        As in `GateError`.
    http_status
        What lakeFS answered, 0 when it did not answer, or not in a way to be understood.
    retry_after_s
        After which time it wants to be asked again, 0 when it did not say.
    """

    code = "lakefs"

    def __init__(
        self, message: str, hint: str = "", http_status: int = 0, *, retry_after_s: float = 0.0
    ) -> None:
        super().__init__(message, hint)
        self.http_status = http_status
        self.retry_after_s = retry_after_s


class LakeFSUnreachable(LakeFSError):
    """lakeFS does not answer, or refuses our keys."""

    code = "lakefs_unreachable"


class LimitOfRun(CouldNotTell):
    """The run overran its time, memory, disk or output, or its process died.

    Parameters
    ----------
    message, hint
        As in `GateError`.
    limit
        Which limit it was: ``time_s``, ``memory_bytes``, ``disk_bytes``, ``answer_bytes``, ``start``, or
        ``died``.
    """

    code = "limit_of_run"

    def __init__(self, message: str, hint: str = "", limit: str = "died") -> None:
        super().__init__(message, hint)
        self.limit = limit


class BadData(GateError):
    """The data cannot be read as what the rule says it is."""

    code = "bad_data"
    status = 412
    exit_code = 1


class LimitOfData(BadData):
    """The data is larger than the rule allows."""

    code = "limit_of_data"
