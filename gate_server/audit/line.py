"""What a branch's commits are to the gate, and which content that nobody vouches for it still holds. No I/O.

A branch's line is its head and the first parents, down to a commit that is trusted (the baseline). Each
commit is a `Step`: something in the record vouches for it, or it is failing, or unverified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from gate_server.model import Commit


class State(StrEnum):
    """What the record says of a commit, in the words that people read."""

    INSTALLED = "installed"  # the baseline: what was there when the gate came
    JUDGED = "judged"  # before it came in
    JUDGED_AFTERWARDS = "judged afterwards"
    WAIVED = "waived"  # its failures are
    REVERT = "revert"  # made by the gate itself
    FAILING = "failing"
    UNVERIFIED = "unverified"


OPEN = (State.FAILING, State.UNVERIFIED)


@dataclass(frozen=True)
class TakenBack:
    """What a commit of the gate's own took back.

    Parameters
    ----------
    kind
        ``to``: the whole branch, to commit `target` of the line. ``before``: to one below the baseline.
        ``undo``: commit `target` alone.
    is_exact
        It was seen to have made exactly that of the branch, with no path of the branch kept.
    """

    kind: Literal["to", "before", "undo"]
    target: str
    is_exact: bool


@dataclass(frozen=True)
class Arrival:
    """How a commit that nobody vouches for came; `is_certain`: lakeFS has no other way to make it."""

    how: str
    is_certain: bool = False

    def __str__(self) -> str:
        """Say it, and whether it is a guess."""
        return self.how if self.is_certain else f"looks like {self.how}"


@dataclass(frozen=True)
class Step:
    """A commit of the line.

    Parameters
    ----------
    ask, check, outcome
        The ask whose answer counts, its check, and what came out.
    revert
        The gate's revert that made it.
    took
        What that took back.
    arrival
        How it came, where it is failing or unverified.
    """

    commit: Commit
    state: State
    ask: str = ""
    check: str = ""
    outcome: str = ""
    revert: str = ""
    took: TakenBack | None = None
    arrival: Arrival | None = None


@dataclass(frozen=True)
class Line:
    """A branch from its head down to the baseline, newest first.

    ``outstanding`` holds for each commit of `steps` the failing and unverified ones whose content the branch
    held at it.
    """

    steps: tuple[Step, ...]
    outstanding: tuple[frozenset[str], ...] = field(init=False)

    def __post_init__(self) -> None:
        """Work out what is outstanding at each commit."""
        object.__setattr__(self, "outstanding", _outstanding(self.steps))

    @property
    def head(self) -> Commit:
        """The newest commit."""
        return self.steps[0].commit

    @property
    def held(self) -> list[Step]:
        """The failing and unverified commits whose content the branch holds now, newest first."""
        return [step for step in self.steps if step.commit.id in self.outstanding[0]]

    @property
    def last_good(self) -> Commit | None:
        """The newest commit that holds nothing outstanding; None where not even the oldest is that."""
        for step, held in zip(self.steps, self.outstanding, strict=True):
            if not held:
                return step.commit
        return None

    def brings_back(self, step: Step) -> bool:
        """Whether going back to before `step` would bring in again what was taken back since."""
        then = self.outstanding[self.steps.index(step) + 1 :][:1]
        return any(not held <= self.outstanding[0] for held in then)

    def taken_back_by(self, commit_id: str) -> Step | None:
        """Return the step with which the content of `commit_id` left the branch, None where it is there."""
        gone: Step | None = None
        for step, held in zip(self.steps, self.outstanding, strict=True):
            if commit_id in held:
                return gone
            gone = step
            if step.commit.id == commit_id:
                return None
        return None


def _outstanding(steps: Sequence[Step]) -> tuple[frozenset[str], ...]:
    """Return the outstanding commits at each step.

    A commit that is vouched for adds nothing to what its parent held; the gate's own reverts say what they
    took back; and the same metarange is the same content (C8), whoever made it. Each of these alone says
    what at most is outstanding, under its own names: so the one that says least is taken, not what they
    share.
    """
    nothing: frozenset[str] = frozenset()
    at: dict[str, frozenset[str]] = {}
    lost: dict[str, frozenset[str]] = {}  # commit -> what was outstanding before it, and not after
    of_content: dict[str, frozenset[str]] = {}
    parent = nothing
    found: list[frozenset[str]] = []
    for step in reversed(steps):
        commit = step.commit
        held = _after(step.took, parent, at, lost) if step.took else parent
        if step.state in OPEN:
            held |= {commit.id}
        if commit.metarange:
            held = min(held, of_content.get(commit.metarange, held), key=len)
            of_content[commit.metarange] = held
        at[commit.id], lost[commit.id] = held, parent - held
        found.append(held)
        parent = held
    return tuple(reversed(found))


def _after(
    took: TakenBack,
    parent: frozenset[str],
    at: Mapping[str, frozenset[str]],
    lost: Mapping[str, frozenset[str]],
) -> frozenset[str]:
    """Return what is outstanding after `took`, given what was at the commit before it."""
    if took.kind == "before":
        return frozenset() if took.is_exact else parent
    if took.kind == "undo":  # what the undone commit took back comes in again
        return (parent - {took.target} if took.is_exact else parent) | lost.get(took.target, frozenset())
    then = at.get(took.target, parent)
    return then if took.is_exact else parent | then
