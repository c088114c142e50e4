"""One id for a request, through the hook, its check, the child that reads the data, and calls to lakeFS."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from structlog.contextvars import bind_contextvars, bound_contextvars, clear_contextvars, get_contextvars

HEADER = "X-Request-ID"
_FORM = re.compile(r"[A-Za-z0-9._-]{1,64}")  # what others choose stands in our logs and headers


def begin_request(given: str) -> str:
    """Take the id that a caller sent, or make one where it sent none or none of our form; return it."""
    chosen = given if _FORM.fullmatch(given) else secrets.token_hex(8)
    clear_contextvars()  # the thread may have answered another
    bind_contextvars(request_id=chosen)
    return chosen


def request_id() -> str:
    """Return the id of the request that this thread works for, or nothing."""
    return str(get_contextvars().get("request_id", ""))


@contextmanager
def working_for(request: str, **more: object) -> Iterator[None]:
    """Log as work for a request, with whatever else is told, until the block ends."""
    with bound_contextvars(request_id=request, **more):
        yield
