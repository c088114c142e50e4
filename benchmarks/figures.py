"""What all figures share."""

from __future__ import annotations

from dataclasses import dataclass

from tests.e2e.harness import World


@dataclass(frozen=True)
class Figure:
    """One line: what was measured, its median, and the goal."""

    what: str
    value: str
    goal: str

    def print(self) -> None:
        """Show it."""
        print(f"{self.what:<62}{self.value:>28}   {self.goal}", flush=True)


def event(world: World, commit_id: str) -> dict[str, str]:
    """Return the event of a merge that made `commit_id`."""
    return {
        "event_type": "pre-merge",
        "repository_id": world.name,
        "branch_id": "main",
        "source_ref": commit_id,
        "commit_id": commit_id,
    }
