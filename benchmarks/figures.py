"""What all figures share."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import psutil

from tests.e2e.harness import Gate, World


@dataclass(frozen=True)
class Figure:
    """One line: what was measured, its median, and the goal."""

    what: str
    value: str
    goal: str

    def print(self) -> None:
        """Show it."""
        print(f"{self.what:<62}{self.value:>28}   {self.goal}", flush=True)


def cpu_s(gate: Gate) -> float:
    """Return the processor time that the gate's processes have taken so far, those that ended included.

    Unlike what passes on a clock, it hardly depends on what else the machine does.
    """
    taken = 0.0
    for process in psutil.Process(gate.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it ended just now: the next one counts it
            times = process.cpu_times()
            taken += times.user + times.system + times.children_user + times.children_system
    return taken


def event(world: World, commit_id: str) -> dict[str, str]:
    """Return the event of a merge that made `commit_id`."""
    return {
        "event_type": "pre-merge",
        "repository_id": world.name,
        "branch_id": "main",
        "source_ref": commit_id,
        "commit_id": commit_id,
    }
