"""An examination that goes on by itself: whoever asked for it looks at what was found so far."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from gate_server.errors import Conflict
from gate_server.setup.doctor.diagnose import diagnose
from gate_server.setup.doctor.finding import Finding, Ground, Place
from gate_server.store.times import now

log = structlog.get_logger()


@dataclass(frozen=True)
class Examination:
    """What was found up to now; all of it once it has ended, unless it `broke_off`."""

    who: str
    places: tuple[Place, ...]
    started_at: datetime
    findings: tuple[Finding, ...] = ()
    ended_at: datetime | None = None
    broke_off: bool = False


class Examiner:
    """Looks at a set-up in a thread of its own, one examination at a time; remembers the last, in memory."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._lock = threading.Lock()
        self.last: Examination | None = None

    def start(self, places: Sequence[Place], who: str) -> None:
        """Begin to look at lakeFS, the gate and `places`; raises `Conflict` while another look goes on."""
        with self._lock:
            if self.last is not None and self.last.ended_at is None:
                raise Conflict(f"{self.last.who} is having it looked at just now", "look at what is found")
            begun = self.last = Examination(who, tuple(places), now())
        log.info("examination begun", who=who, places=[str(place) for place in places])
        # Not a daemon: where the gate ends meanwhile, the branches that it tries things on are deleted first.
        threading.Thread(target=self._look, args=(begun,), name="doctor").start()

    def _look(self, done: Examination) -> None:
        broke_off = True
        try:
            for finding in diagnose(self._ground, done.places):
                done = self.last = replace(done, findings=(*done.findings, finding))
            broke_off = False
        except Exception:
            log.exception("the examination broke off")
        finally:
            self.last = replace(done, ended_at=now(), broke_off=broke_off)
            log.info("examination ended", who=done.who, findings=len(done.findings), broke_off=broke_off)
