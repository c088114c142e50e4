"""The worker: takes the oldest check, judges it, takes the next."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gate_server.checks.remembering import died_too_often, give_up, nobody_took
from gate_server.model import Check, Problem
from gate_server.store.checks import ELSEWHERE_WAIT_S
from gate_server.store.store import Store
from gate_server.telemetry.metrics import taken_over
from gate_server.workers.bell import Bell
from gate_server.workers.duties import AFTER_A_FAULT_S, Duty, Rounds
from gate_server.workers.leases import Leases

POLL_S = 0.03
RUNG_POLL_S = 0.25  # where new checks are rung for; what others hand back is not
AHEAD_POLL_S = 0.5
END_WITHIN_S = 5.0

log = structlog.get_logger()


def worker_name() -> str:
    """Return a name that no other process has, on this machine or another."""
    return f"{socket.gethostname()[:80]}:{os.getpid()}:{secrets.token_hex(4)}"


class Worker:
    """Works off the queue in `threads` threads, and what nobody waits for in one more, until told to stop.

    Parameters
    ----------
    duties
        What it repeats beside judging.
    lease_s
        How long a check stays this worker's without a heartbeat, seconds.
    most_attempts
        How often a check is tried whose workers die; then it ends as an ERROR.
    elsewhere_wait_s
        For how long a check waits for a worker elsewhere; then it ends as an ERROR.
    bell
        Rings when there is a new check.
    """

    def __init__(
        self,
        store: Store,
        judge: Callable[[Check], object],
        *,
        duties: Sequence[Duty] = (),
        lease_s: float,
        most_attempts: int,
        elsewhere_wait_s: float = ELSEWHERE_WAIT_S,
        threads: int = 2,
        bell: Bell | None = None,
    ) -> None:
        self.name = worker_name()
        self._checks = store.checks
        self._workers = store.workers
        self._judge = judge
        self._duties = duties
        self._shared_duties = store.duties
        self._most_attempts = most_attempts
        self._elsewhere_wait_s = elsewhere_wait_s
        self._leases = Leases(store.checks, lease_s, self._beat)
        self._stop = threading.Event()
        self._lookout = threading.Lock()  # one thread at a time looks for work: idle threads cost nothing
        self._threads = threads
        self._bell = bell

    def run(self) -> None:
        """Work until `stop`; then end what is under way and hand it back."""
        log.info("worker started", worker=self.name)
        judges = [
            threading.Thread(target=self._work, name=f"judge-{n}", daemon=True) for n in range(self._threads)
        ]
        # A thread of its own: a merge that waits never finds all of them at what nobody waits for.
        judges.append(threading.Thread(target=self._work_ahead, name="judge-ahead", daemon=True))
        try:
            with self._leases.beating():
                for duty in self._duties:
                    rounds = Rounds(duty, self._shared_duties, self.name, self._leases.lease_s, self._stop)
                    threading.Thread(target=rounds.run, name=duty.name, daemon=True).start()
                for thread in judges:
                    thread.start()
                while not self._stop.is_set():
                    if not all(thread.is_alive() for thread in judges) and not self._stop.is_set():
                        raise RuntimeError("a thread that judges has ended")  # who restarts us begins anew
                    # Not `wait`: a signal's handler that sets it would wait for this very thread.
                    time.sleep(0.1)
                self._leases.stop_all()
                deadline = time.monotonic() + END_WITHIN_S
                for thread in judges:
                    thread.join(max(0.0, deadline - time.monotonic()))
            self._shared_duties.leave(self.name)
            self._workers.leave(self.name)
        except SQLAlchemyError:  # what it held runs out
            log.exception("the worker could not tell the database that it ends")
        log.info("worker ended", worker=self.name)

    def stop(self) -> None:
        """Take no more checks; those under way are handed back."""
        self._stop.set()

    def _beat(self) -> None:
        self._workers.beat(self.name, self._leases.lease_s)
        self._shared_duties.renew(self.name, self._leases.lease_s)

    def _work(self) -> None:
        self._go_on(self._lookout, self._rest, ahead=False)

    def _work_ahead(self) -> None:
        self._go_on(nullcontext(), lambda: self._stop.wait(AHEAD_POLL_S), ahead=True)

    def _rest(self) -> None:
        if self._bell is None:
            self._stop.wait(POLL_S)
        else:
            self._bell.wait(RUNG_POLL_S)

    def _go_on(
        self, lookout: AbstractContextManager[object], rest: Callable[[], object], *, ahead: bool
    ) -> None:
        while not self._stop.is_set():
            try:
                with lookout:
                    check = self._checks.claim(
                        self.name, self._leases.lease_s, self._elsewhere_wait_s, ahead=ahead
                    )
                    if check is None:
                        rest()
                if check is not None:
                    self._take(check)
            except Exception as error:
                # The row stays as it is: nobody is told a verdict that was not written; its lease runs out.
                log.exception("the worker could not use the database", error=type(error).__name__)
                self._stop.wait(AFTER_A_FAULT_S)

    def _take(self, check: Check) -> None:
        tries = check.attempt - check.handed_back
        if tries > 1 and check.place == "here":
            taken_over.inc()
            log.warning("check taken over", check=check.id, attempt=check.attempt)
        with self._leases.hold(check):
            if check.place == "elsewhere":
                self._give_up(check, nobody_took(self._elsewhere_wait_s))
            elif tries > self._most_attempts:
                self._give_up(check, died_too_often(self._most_attempts))
            else:
                self._judge(check)

    def _give_up(self, check: Check, problem: Problem) -> None:
        give_up(self._checks, check, problem)
        log.error("check given up for good", check=check.id, reason=problem.message)
