"""What a worker repeats beside judging, so that of all workers one at a time does it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gate_server.errors import GateError
from gate_server.store.duties import Duties

AFTER_A_FAULT_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Duty:
    """Work that repeats.

    Parameters
    ----------
    call
        Does it once. It may be broken off at any moment, and another worker then begins anew.
    every_s
        How long after its end it is due again, seconds.
    shared
        Whether one worker does it for all; else each does its own.
    asked_s
        How often is looked whether somebody asked for it sooner, seconds; None where nobody does.
    is_wanted
        A look that costs no write, before the duty is taken; without one it is done whenever it is due.
    """

    name: str
    call: Callable[[], object]
    every_s: float
    shared: bool = True
    asked_s: float | None = None
    is_wanted: Callable[[], bool] | None = None

    @property
    def pause_s(self) -> float:
        """How long to wait before it is looked at again, seconds."""
        return self.every_s if self.asked_s is None else min(self.every_s, self.asked_s)


class Rounds:
    """Does one duty again and again, until `stop`.

    Parameters
    ----------
    lease_s
        How long another worker waits for one that does not renew what it took, seconds.
    """

    def __init__(
        self, duty: Duty, duties: Duties, worker: str, lease_s: float, stop: threading.Event
    ) -> None:
        self._duty = duty
        self._duties = duties
        self._worker = worker
        self._lease_s = lease_s
        self._stop = stop

    def run(self) -> None:
        """Go round."""
        while True:
            pause_s = self._duty.pause_s
            try:
                self._once()
            except (SQLAlchemyError, GateError) as error:
                pause_s = max(pause_s, AFTER_A_FAULT_S)
                log.warning(f"{self._duty.name} failed, it is tried again", reason=str(error)[:500])
            except Exception:  # ours to mend; meanwhile it must not stay undone for good
                pause_s = max(pause_s, AFTER_A_FAULT_S)
                log.exception(f"{self._duty.name} failed, it is tried again")
            if self._stop.wait(pause_s):
                return

    def _once(self) -> None:
        duty = self._duty
        if duty.is_wanted is not None and not duty.is_wanted():
            return
        if not duty.shared:
            duty.call()
            return
        if not self._duties.take(duty.name, self._worker, every_s=duty.every_s, lease_s=self._lease_s):
            return
        is_done = False
        try:
            duty.call()
            is_done = True
        finally:
            self._duties.release(duty.name, self._worker, is_done=is_done)
