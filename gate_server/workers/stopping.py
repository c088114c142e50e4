"""How work that must not go on is ended: its lease was taken, or the process is told to end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_stop: ContextVar[threading.Event | None] = ContextVar("stop", default=None)


class Stopped(BaseException):  # noqa: N818 - like asyncio's CancelledError no error: nothing turns it into a verdict
    """The work that is under way in this thread is to end, without a word."""


@contextmanager
def stopped_by(stop: threading.Event) -> Iterator[None]:
    """Let `go_on` raise in this thread, inside the block, as soon as `stop` is set."""
    token = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(token)


def go_on() -> None:
    """Raise `Stopped` where the work of this thread is to end."""
    stop = _stop.get()
    if stop is not None and stop.is_set():
        raise Stopped
