"""How work that must not go on is ended: its lease was taken, or the process is told to end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_stop: ContextVar[threading.Event | None] = ContextVar("stop", default=None)


class Stopped(BaseException):
    """The work of this thread is to end without a word; like asyncio's CancelledError it is no error.

    What turns errors into verdicts must not turn this into one.
    """


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
