"""Leases: what this process judges is its own as long as it says so in time, by the database's clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from gate_server.model import Check
from gate_server.store.checks import Checks
from gate_server.workers.stopping import Stopped, stopped_by

BEATS_A_LEASE = 4

log = structlog.get_logger()


@dataclass
class _Held:
    attempt: int
    stop: threading.Event = field(default_factory=threading.Event)


class Leases:
    """Holds the checks that this process judges; a heartbeat thread renews them.

    Parameters
    ----------
    lease_s
        How long a check stays held without a heartbeat, seconds.
    on_beat
        Called at each heartbeat as well.
    """

    def __init__(self, checks: Checks, lease_s: float, on_beat: Callable[[], object] = lambda: None) -> None:
        self.lease_s = lease_s
        self._checks = checks
        self._on_beat = on_beat
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}
        self._end = threading.Event()
        self._ending = False

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Run the heartbeat; at the end hand back what is still held."""
        thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join(self.lease_s)
            self.hand_back()

    @contextmanager
    def hold(self, check: Check) -> Iterator[None]:
        """Hold `check`, just claimed, while it is judged; the block is left early when it has to end.

        Then it was either taken over, and there is nothing more to do, or it is handed back.
        """
        held = _Held(check.attempt)
        with self._lock:
            self._held[check.id] = held
            if self._ending:
                held.stop.set()
        try:
            with stopped_by(held.stop):
                yield
        except Stopped:
            log.info("check given up", check=check.id, attempt=check.attempt, handed_back=self._ending)
            if self._ending:
                self._checks.hand_back({check.id: check.attempt})
        except (KeyboardInterrupt, SystemExit):
            self._checks.hand_back({check.id: check.attempt})
            raise
        finally:
            with self._lock:
                if self._held.get(check.id) is held:
                    del self._held[check.id]

    def stop_all(self) -> None:
        """Tell all work under way to end."""
        with self._lock:
            self._ending = True
            for held in self._held.values():
                held.stop.set()

    def hand_back(self) -> None:
        """Put back what did not end in time; what it may still find out is not written."""
        with self._lock:
            held = {check_id: item.attempt for check_id, item in self._held.items()}
        if held:
            self._checks.hand_back(held)

    def _beat(self) -> None:
        renewed_at = time.monotonic()
        while True:
            try:
                self._renew()
                self._on_beat()
                renewed_at = time.monotonic()
            except Exception:
                log.exception("no heartbeat, it is tried again")
                if time.monotonic() - renewed_at > self.lease_s:
                    self._lose(set())
            if self._end.wait(self.lease_s / BEATS_A_LEASE):
                return

    def _renew(self) -> None:
        with self._lock:
            held = {check_id: item.attempt for check_id, item in self._held.items()}
        if held:
            kept = self._checks.renew(held, self.lease_s)
            self._lose(kept, among=held)

    def _lose(self, kept: set[str], among: dict[str, int] | None = None) -> None:
        """Stop what is not `kept`; what was claimed after `among` was made is."""
        with self._lock:
            for check_id, held in self._held.items():
                asked = among is None or among.get(check_id) == held.attempt
                if asked and check_id not in kept and not held.stop.is_set():
                    log.warning("a lease was lost", check=check_id, attempt=held.attempt)
                    held.stop.set()
