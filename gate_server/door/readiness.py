"""Whether the gate can judge, for `/readyz`: public, so looked at seldom, and by one thread at a time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from gate_server.errors import CouldNotTell, GateError
from gate_server.lakefs.client import LakeFS
from gate_server.store.store import Store

FRESH_S = 2.0


@dataclass(frozen=True)
class Ready:
    """What was found: checks in the queue, workers alive, and what is missing for a judgement."""

    queued: int
    workers: int
    missing: tuple[GateError, ...]


class Readiness:
    """Looks at database, workers and lakeFS at most every `FRESH_S` seconds, whoever asks how often."""

    def __init__(self, lakefs: LakeFS, store: Store) -> None:
        self._lakefs = lakefs
        self._store = store
        self._looking = threading.Lock()
        self._found: Ready | None = None
        self._found_at = 0.0

    def now(self) -> Ready:
        """Return what was found last, or look again; raises `CouldNotTell` while the first look takes long.

        While one thread looks, and lakeFS does not answer, the others are not held up: they get what was
        found before.
        """
        if not self._is_fresh() and self._looking.acquire(blocking=False):
            try:
                self._found, self._found_at = self._look(), time.monotonic()
            finally:
                self._looking.release()
        if self._found is None:
            raise CouldNotTell("not ready: the first look at lakeFS has no answer yet", "ask again")
        return self._found

    def _is_fresh(self) -> bool:
        return self._found is not None and time.monotonic() - self._found_at < FRESH_S

    def _look(self) -> Ready:
        queue, workers = self._store.checks.queue(), self._store.workers.alive()
        missing = []
        if not workers:
            hint = "`gate serve` starts one within seconds; its log says more"
            missing.append(GateError("no worker is alive", hint))
        try:
            self._lakefs.get("/user")
        except GateError as error:
            missing.append(error)
        return Ready(queue.queued, workers, tuple(missing))
