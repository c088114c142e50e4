"""The worker: takes the oldest check, judges it, takes the next."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gate_server.errors import GateError
from gate_server.model import Check, Verdict
from gate_server.store.checks import Checks

POLL_S = 0.03
UPKEEP_EVERY_S = 60.0
AFTER_A_FAULT_S = 1.0

log = structlog.get_logger()


class Worker:
    """Works off the queue in `threads` threads until it is told to stop.

    Parameters
    ----------
    upkeep
        Called at the start and every `UPKEEP_EVERY_S` seconds.
    """

    def __init__(
        self,
        checks: Checks,
        judge: Callable[[Check], Verdict],
        upkeep: Callable[[], object],
        threads: int = 2,
    ) -> None:
        self._checks = checks
        self._judge = judge
        self._upkeep = upkeep
        self._stop = threading.Event()
        self._threads = threads
        self.name = f"worker@{socket.gethostname()}"[:128]

    def run(self) -> None:
        """Work until `stop`; first put back what this worker left when it died."""
        put_back = self._checks.requeue(self.name)
        log.info("worker started", put_back=put_back)
        threads = [threading.Thread(target=self._work, name=f"judge-{n}") for n in range(self._threads)]
        threads.append(threading.Thread(target=self._keep_up, name="upkeep"))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._checks.requeue(self.name)

    def stop(self) -> None:
        """Take no more checks; those under way are finished or put back."""
        self._stop.set()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                check = self._checks.claim(self.name)
                if check is None:
                    self._stop.wait(POLL_S)
                else:
                    self._judge(check)
            except (SQLAlchemyError, GateError) as error:
                # The row stays as it is: nobody is told a verdict that was not written.
                log.exception("the worker could not use the database", error=type(error).__name__)
                self._stop.wait(AFTER_A_FAULT_S)

    def _keep_up(self) -> None:
        while True:
            try:
                self._upkeep()
            except (SQLAlchemyError, GateError) as error:
                log.warning("upkeep failed, it is tried again", reason=str(error)[:500])
            if self._stop.wait(UPKEEP_EVERY_S):
                return
