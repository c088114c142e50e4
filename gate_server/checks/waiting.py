"""Waiting for checks: one thread watches all awaited rows (design, processes 2)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import structlog

from gate_server.telemetry.traces import span

POLL_S = 0.03

log = structlog.get_logger()


class Waiting:
    """Lets many threads wait for checks at the cost of one query at a time.

    Parameters
    ----------
    done
        Which of some checks are done.
    most
        How many may wait at once; more are turned away at once, so that health and known verdicts never
        starve.
    """

    def __init__(self, done: Callable[[Iterable[str]], set[str]], most: int) -> None:
        self._done = done
        self._places = threading.BoundedSemaphore(most)
        self._changed = threading.Condition()
        self._awaited: dict[str, int] = {}
        self._finished: set[str] = set()
        self._closed = False
        self._thread: threading.Thread | None = None

    @span("wait")
    def until_done(self, check_id: str, timeout_s: float) -> bool:
        """Wait for a check; return whether it is done. False at once where no place is left."""
        if not self._places.acquire(blocking=False):
            return False
        try:
            return self._wait(check_id, timeout_s)
        finally:
            self._places.release()

    def close(self) -> None:
        """Send all who wait away."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wait(self, check_id: str, timeout_s: float) -> bool:
        with self._changed:
            self._awaited[check_id] = self._awaited.get(check_id, 0) + 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="awaited-checks", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            try:
                self._changed.wait_for(lambda: self._closed or check_id in self._finished, timeout_s)
                return check_id in self._finished
            finally:
                self._awaited[check_id] -= 1
                if not self._awaited[check_id]:
                    del self._awaited[check_id]
                    self._finished.discard(check_id)

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or bool(self._awaited))
                if self._closed:
                    return
                awaited = list(self._awaited)
            try:
                found = self._done(awaited)
            except Exception:
                # Who waits gets "still running" at the end of the wait: no verdict is made up here.
                log.exception("the database did not say which checks are done")
                found = set()
            with self._changed:
                self._finished |= found & set(self._awaited)
                if found:
                    self._changed.notify_all()
                self._changed.wait_for(lambda: self._closed, POLL_S)
