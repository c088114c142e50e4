"""What calling lakeFS can end in, said so that people know what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from lakefs.exceptions import ServerException
from lakefs_sdk.exceptions import ApiException
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
)

from gate_client.errors import LakeFSError
from gate_client.lakefs import PASSING

_NEVER_CONNECTED = (NewConnectionError, ConnectTimeoutError, NameResolutionError)
_HINTS = {
    401: "check access_key_id and secret_access_key of the LakeFSCredentials block",
    403: "give the block's access key the right to do this, or take another block",
    412: "one of the repository's actions said no: look at its run",
    429: "many write to this branch at once: try again",
}


class LakeFSFailed(LakeFSError):
    """lakeFS did not do what a task asked.

    Parameters
    ----------
    message, hint, status
        As in `GateError`; ``status`` is lakeFS's, 0 when it did not answer.
    untouched
        Whether nothing was changed for sure, because the call never reached lakeFS or was turned away.
    """

    def __init__(self, message: str, hint: str = "", status: int = 0, *, untouched: bool = False) -> None:
        super().__init__(message, hint, status=status)
        self.untouched = untouched

    def __reduce__(self) -> tuple[object, ...]:
        """Keep what happened when Prefect pickles the exception."""
        return (_again, (self.message, self.hint, self.status, self.untouched))

    @property
    def passing(self) -> bool:
        """Whether it may go better in a moment."""
        return self.status in PASSING


def _again(message: str, hint: str, status: int, untouched: bool) -> LakeFSFailed:
    return LakeFSFailed(message, hint, status, untouched=untouched)


@contextmanager
def said_clearly(endpoint: str) -> Iterator[None]:
    """Turn what the SDK raises inside the block into `LakeFSFailed`.

    Parameters
    ----------
    endpoint
        lakeFS's address, for the message.
    """
    try:
        yield
    except ApiException as error:
        raise _refused(endpoint, int(error.status or 0), _message(error.body) or str(error.reason)) from error
    except ServerException as error:
        status = int(error.status_code or 0)
        raise _refused(endpoint, status, str(error.body.get("message") or error.reason)) from error
    except HTTPError as error:
        cause = error.reason if isinstance(error, MaxRetryError) else error
        raise LakeFSFailed(
            f"lakeFS does not answer at {endpoint} ({type(cause).__name__})",
            "is it running there? check endpoint_url of the LakeFSCredentials block",
            untouched=isinstance(cause, _NEVER_CONNECTED),
        ) from error


def _refused(endpoint: str, status: int, message: str) -> LakeFSFailed:
    what = {
        401: f"lakeFS at {endpoint} does not know these keys",
        403: f"lakeFS at {endpoint} does not let these keys do this",
    }.get(status, f"lakeFS at {endpoint} answered {status}")
    # Four hundreds are turned away before anything is done; so is 429, after a merge's tries were undone.
    return LakeFSFailed(f"{what}: {message}", _HINTS.get(status, ""), status, untouched=status < 500)


def _message(body: object) -> str:
    try:
        return str(json.loads(str(body))["message"])
    except (ValueError, KeyError, TypeError):
        return ""
