"""What a look comes to, and what it looks with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from gate_server.lakefs.client import LakeFS
from gate_server.model import Policy
from gate_server.settings import Settings
from gate_server.setup.doctor.table import KNOWN, PLACE, Level
from gate_server.setup.lint import LintSuites

State = Literal["fine", "found", "could not look", "nothing to look at"]


@dataclass(frozen=True)
class Place:
    """A guarded branch."""

    repository: str
    branch: str

    def __str__(self) -> str:
        return f"lakefs://{self.repository}/{self.branch}"


@dataclass(frozen=True)
class Finding:
    """One fault that was looked for. ``fix`` is empty where nothing is to be mended."""

    id: str
    state: State
    where: str
    saw: str
    fix: str = ""

    @property
    def title(self) -> str:
        """The fault, as a sentence."""
        return KNOWN[self.id].title

    @property
    def level(self) -> Level:
        """Whether it is a fault or advice."""
        return KNOWN[self.id].level

    def body(self) -> dict[str, str]:
        """Return what is told as JSON."""
        told = {"id": self.id, "state": self.state, "level": self.level, "title": self.title}
        return {**told, "where": self.where, "saw": self.saw, "fix": self.fix}


@dataclass(frozen=True)
class Ground:
    """What the doctor looks at.

    Parameters
    ----------
    connect
        Gives lakeFS, whose calls may take so many seconds; raises `ConfigError` where it is not set.
    read_policy
        Gives the policy; raises `PolicyErrors`.
    lint
        Looks at suites: the runner's, as the engine runs in a child only.
    tries
        Whether branches may be made to try things on.
    """

    settings: Settings
    connect: Callable[[float], LakeFS]
    read_policy: Callable[[], Policy]
    lint: LintSuites
    tries: bool = True


def fine(id: str, where: object, saw: str) -> Finding:
    """Return that it was looked at and is in order."""
    return Finding(id, "fine", str(where), saw)


def found(id: str, where: object, saw: str, fix: str = "") -> Finding:
    """Return a fault, with the table's fix for it if none is given."""
    return Finding(id, "found", str(where), saw, fix or KNOWN[id].fix.replace(PLACE, str(where)))


def unseen(id: str, where: object, why: str) -> Finding:
    """Return that it could not be looked at."""
    return Finding(id, "could not look", str(where), why)


def nothing(id: str, where: object, why: str) -> Finding:
    """Return that there is nothing to look at."""
    return Finding(id, "nothing to look at", str(where), why)


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 1 where there is a fault, 3 where something could not be looked at, else 0."""
    every = list(findings)
    if any(item.state == "found" and item.level == "fault" for item in every):
        return 1
    return 3 if any(item.state == "could not look" for item in every) else 0


def counted(findings: Iterable[Finding]) -> Mapping[str, int]:
    """Return how many there are of each state, with faults apart from advice."""
    counts = dict.fromkeys(("faults", "advice", "could not look", "fine", "nothing to look at"), 0)
    for item in findings:
        found = "faults" if item.level == "fault" else "advice"
        counts[found if item.state == "found" else item.state] += 1
    return counts
