"""The looks, one after the other. What one does not answer is told as not looked at, never left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack

from gate_server.errors import GateError
from gate_server.setup.doctor import of_branch, of_gate, of_lakefs, of_rules, of_trial
from gate_server.setup.doctor.finding import Finding, Ground, Place, unseen

Look = Callable[[], Iterable[Finding]]
_OF_LAKEFS = ("D101", "D102", "D103")
_OF_GATE = ("D301", "D302", "D303", "D304", "D305", "D306")
LAKEFS = "lakeFS"
GATE = "the gate"


def diagnose(ground: Ground, places: Sequence[Place] | None = None) -> Iterator[Finding]:
    """Yield what is found, each id of the table once, those of branches once for each.

    Parameters
    ----------
    places
        The branches; None: those that the gate's database knows an installation of.
    """
    with ExitStack() as opened:
        state = of_lakefs.LakeFSState()
        yield from _whole(_OF_LAKEFS, LAKEFS, lambda: of_lakefs.look(ground, state, opened))
        base = of_gate.GateState()
        yield from _whole(_OF_GATE, GATE, lambda: of_gate.look(ground, base, opened))
        for place in base.places if places is None else places:
            yield from _of(ground, place, state, base)


def _of(
    ground: Ground, place: Place, state: of_lakefs.LakeFSState, base: of_gate.GateState
) -> Iterator[Finding]:
    head = of_branch.Head(state, place)
    looks: list[tuple[tuple[str, ...], Look]] = [
        (("D201",), lambda: of_branch.rights(ground, head)),
        (("D202",), lambda: of_branch.protection(head)),
        (("D203", "D204"), lambda: of_branch.files(ground, head)),
        (of_trial.IDS, lambda: of_trial.look(ground, head)),
        (("D212",), lambda: of_rules.waits(ground, head, base)),
        (("D213", "D214", "D215"), lambda: of_rules.rules(ground, head, base)),
    ]
    for ids, look in looks:
        yield from _whole(ids, str(place), look)


def _whole(ids: Sequence[str], where: str, look: Look) -> Iterator[Finding]:
    """Yield what a look finds, and for the ids that it did not come to, why."""
    left, why = list(ids), "what was looked at before it gave no answer"
    try:
        for finding in look():
            left.remove(finding.id)
            yield finding
    except GateError as error:
        why = error.message
    for id in left:
        yield unseen(id, where, why)
