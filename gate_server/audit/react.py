"""What is done about bad data that came by another way, where the policy wants it taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

from gate_server.audit.automatic import AutomaticReverts
from gate_server.audit.line import OPEN, Line, State, Step
from gate_server.audit.record import judged_afterwards
from gate_server.audit.walk import Audit
from gate_server.model import Revert
from gate_server.reverts.context import RevertContext
from gate_server.reverts.plan import plan_revert
from gate_server.store.ledger import Entry
from gate_server.store.times import now

# For what came after to be judged, so that all that is bad goes at once.
WAITS_S = 30.0


class Reactions:
    """Takes failing commits back: as many as may go in one revert, else one alone."""

    def __init__(self, context: RevertContext, reverts: AutomaticReverts) -> None:
        self._context = context
        self._reverts = reverts

    def react(self, found: Audit, bad: Sequence[Step], entries: Mapping[str, tuple[Entry, ...]]) -> None:
        """Take back what may be of `bad`: failing commits that the policy wants taken back, newest first."""
        where, line = (found.repository, found.branch), found.line
        is_ours = bool(found.baseline) or found.is_cut
        if bad and not is_ours:  # whose history it is now, people have to say first
            self._reverts.hold_back(*where, bad[0].commit.id, found.findings[-1])
        if not bad or not is_ours or self._reverts.is_busy(*where):
            return
        going = [
            step for step in bad if self._reverts.may(*where, step.commit.id, partial(_took, line, step))
        ]
        if not going or _is_waited_for(line, going, entries):
            return
        plan = partial(plan_revert, self._context, *where, expected_head=line.head.id)
        oldest = _oldest_of_all(line, going)
        if oldest is not None:
            to, reason = oldest.commit.parents[0], _reason(oldest)
            self._reverts.take_back(*where, oldest.commit.id, lambda: plan(to, reason=reason))
            return
        for step in going:
            alone = partial(plan, commit=step.commit.id, reason=_reason(step))
            if self._reverts.take_back(*where, step.commit.id, alone):
                return


def _reason(step: Step) -> str:
    return f"bad data, not judged before it came in: {step.commit.id} (check {step.check})"


def _oldest_of_all(line: Line, going: Sequence[Step]) -> Step | None:
    """Return the oldest commit of `going` that may go with all that came after it; None where none may.

    Nothing of that may be to stay: what is good, waived, not judged, or was brought again on purpose.
    """
    leaves = {step.commit.id for step in going}
    leaves |= {step.commit.id for step in line.steps if step.state is State.REVERT}
    held = {step.commit.id for step in line.held}
    leaves |= {step.commit.id for step in line.steps if step.state in OPEN} - held  # gone before
    found = None
    for step in line.steps:
        if step.commit.id not in leaves:
            return found
        if step in going and not line.brings_back(step):
            found = step
    return found


def _is_waited_for(line: Line, going: Sequence[Step], entries: Mapping[str, tuple[Entry, ...]]) -> bool:
    """Whether what came after is judged for the first time just now."""
    oldest = going[-1]
    since = line.steps[: line.steps.index(oldest)]
    pending = [
        step
        for step in since
        if step.state is State.UNVERIFIED and not judged_afterwards(entries.get(step.commit.id, ()))
    ]
    told = [entry.at for entry in entries.get(oldest.commit.id, ()) if entry.kind == "audit.found"]
    return bool(pending) and (not told or now() - told[-1] < timedelta(seconds=WAITS_S))


def _took(line: Line, step: Step, revert: Revert) -> bool:
    """Whether a revert was to take `step` back, alone or with others."""
    if step.commit.id in revert.reason or (revert.way, revert.to_commit) == ("commit", step.commit.id):
        return True
    place = {item.commit.id: number for number, item in enumerate(line.steps)}
    newest, oldest = place.get(revert.from_commit), place.get(revert.to_commit)
    is_known = revert.way == "state" and newest is not None and oldest is not None
    return is_known and newest <= place[step.commit.id] < oldest  # type: ignore[operator]
