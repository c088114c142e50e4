"""Looks at lakeFS: is it there, does it take the keys, is its clock right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from gate_server.errors import ConfigError, CouldNotTell, LakeFSError
from gate_server.lakefs.client import LakeFS
from gate_server.reports.wording import seconds
from gate_server.setup.doctor.finding import Finding, Ground, fine, found
from gate_server.store.times import now

FIRST_ANSWER_S = 10.0
AS_LONG_AS_A_MERGE_S = 75.0  # lakeFS waits for a webhook for 60 s
SKEW_S = 30.0


@dataclass
class LakeFSState:
    """The lakeFS that answers, once that was seen."""

    answering: LakeFS | None = None

    @property
    def lakefs(self) -> LakeFS:
        """Raises `CouldNotTell` where it does not answer."""
        if self.answering is None:
            raise CouldNotTell("lakeFS does not answer, or refuses the keys (D101, D102)")
        return self.answering


def look(ground: Ground, state: LakeFSState, opened: ExitStack) -> Iterator[Finding]:
    """Yield D101, D102 and D103; what is opened for the looks that follow, `opened` closes."""
    try:
        lakefs = ground.connect(FIRST_ANSWER_S)
    except ConfigError as error:
        yield found("D101", "lakeFS", error.message)
        return
    opened.callback(lakefs.close)
    where = lakefs.endpoint_url
    try:
        said = lakefs.clock()
    except LakeFSError as error:
        if error.http_status != 401:
            yield found("D101", where, error.message)
            return
        yield fine("D101", where, "it answers")
        yield found("D102", where, error.message)
        return
    state.answering = ground.connect(AS_LONG_AS_A_MERGE_S)
    opened.callback(state.answering.close)
    yield fine("D101", where, "it answers")
    yield fine("D102", where, f"it takes the key {lakefs.access_key_id}")
    if said is None:
        raise CouldNotTell("lakeFS's answer has no date")
    yield clock("D103", where, said)


def clock(id: str, where: str, said: datetime) -> Finding:
    """Return what a clock that says so comes to, beside ours."""
    ahead_s = (said - now()).total_seconds()
    if abs(ahead_s) >= SKEW_S:
        return found(
            id, where, f"{seconds(abs(ahead_s))} {'ahead of' if ahead_s > 0 else 'behind'} this machine"
        )
    return fine(id, where, f"within {SKEW_S:.0f} s of this machine's")
