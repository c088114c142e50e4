"""The one tree of what calling a gate can raise.

::

    GateError                 what happened, where, what to do; the gate's code and HTTP status, an exit code
    ├── UsageError            the call is wrong                             400, 422, exit 2
    │   ├── NotFound          no such check, revert, repository, branch    404
    │   └── Conflict          the state of things does not allow it        409, exit 3
    │       ├── NotReverted   a revert that was refused, or not done right; holds what the gate answered
    │       └── NotGuarded    a merge about which lakeFS would not ask the gate
    ├── Unauthorized          no token, or a wrong one                      401, exit 2
    │   ├── Forbidden         a token that is not for this                  403
    │   └── TooManyFailures   too many wrong ones from this address         429
    ├── CouldNotTell          no judgement was possible, or the gate failed 5xx, exit 3
    │   ├── GateUnreachable   nobody answers at the address, or no gate does
    │   ├── StillRunning      a check that runs longer than one waits
    │   ├── LakeFSError       lakeFS did not do what was asked
    │   │   └── LakeFSUnreachable  lakeFS does not answer
    │   └── MergeUnknown      whether a merge was made could not be read
    └── GateRefused           the data is bad; holds the check and what failed     exit 1

All can be pickled, as Prefect does with what a task raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gate_client.failures import FailedExpectation
    from gate_client.revert_wire import RevertAnswer
    from gate_client.wire import CheckBody


class GateError(Exception):
    """Base of all errors.

    Parameters
    ----------
    message
        What happened, and where.
    hint
        What to do about it.
    code
        The gate's word for it; this class's own where no gate said one.
    status
        The HTTP status, 0 where there was no answer.
    """

    code = "error"
    exit_code = 3

    def __init__(self, message: str, hint: str = "", code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or type(self).code
        self.status = status

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def body(self) -> dict[str, Any]:
        """Return the one JSON shape of an error."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint}}


class UsageError(GateError):
    """The call is wrong."""

    code = "usage"
    exit_code = 2


class NotFound(UsageError):
    """There is no such thing, or it is not theirs to see."""

    code = "not_found"


class Conflict(UsageError):
    """The state of things does not allow what was asked."""

    code = "conflict"
    exit_code = 3


class NotReverted(Conflict):
    """The branch is not what was asked for. ``answer`` says what was done.

    Its ``revert.state`` is ``refused`` (nothing was changed), ``moved`` or ``failed``.
    """

    code = "not_reverted"
    answer: RevertAnswer | None = None


class NotGuarded(Conflict):
    """lakeFS would not ask the gate about a merge."""

    code = "not_guarded"


class Unauthorized(GateError):
    """No token, or a wrong one."""

    code = "access_denied"
    exit_code = 2


class Forbidden(Unauthorized):
    """The token is not for this."""

    code = "forbidden"


class TooManyFailures(Unauthorized):
    """Too many wrong tokens came from this address."""

    code = "too_many_failures"


class CouldNotTell(GateError):
    """No judgement was possible, or the gate failed. Never a pass."""

    code = "could_not_tell"


class GateUnreachable(CouldNotTell):
    """Nobody answers at the gate's address, or somebody who is no gate."""

    code = "gate_unreachable"


class StillRunning(CouldNotTell):
    """A check runs longer than one wants to wait. ``check_id`` can be waited for again."""

    code = "still_running"
    check_id: str = ""


class LakeFSError(CouldNotTell):
    """lakeFS did not do what was asked; ``status`` is its own."""

    code = "lakefs"


class LakeFSUnreachable(LakeFSError):
    """lakeFS does not answer."""

    code = "lakefs_unreachable"


class MergeUnknown(CouldNotTell):
    """Whether a merge was made could not be read. Asking for it again does not make it twice."""

    code = "merge_unknown"


class GateRefused(GateError):
    """The gate said no: the data is bad.

    ``check`` is the whole check; `failed` what failed, ``report`` the address of its page.
    """

    code = "refused"
    exit_code = 1
    check: CheckBody | None = None

    @property
    def verdict(self) -> str:
        """FAIL."""
        return self.check.verdict if self.check else "FAIL"

    @property
    def report(self) -> str:
        """Where people read the check."""
        return self.check.report if self.check else ""

    @property
    def failed(self) -> list[FailedExpectation]:
        """What failed, strongest first."""
        from gate_client.failures import failed_expectations

        return failed_expectations(self.check) if self.check else []
