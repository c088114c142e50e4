"""What a revert would do, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gate_server.model.versions import Commit


@dataclass(frozen=True)
class KeptPath:
    """A path that a revert does not take back with the rest.

    ``source`` says what is to be there: the branch's own, what `gate install` wrote, or nothing.
    """

    path: str
    source: Literal["branch", "installed", "absent"]


@dataclass(frozen=True)
class RevertPlan:
    """What a revert would change on a branch.

    Parameters
    ----------
    added, changed, removed
        Objects that would differ from the branch's head, kept paths left out.
    commits
        How many commits of the branch it would go back over.
    guarded
        The guard of reverts is installed on the head, so the revert is an atomic compare-and-set (H6).
    keep
        Kept paths, the gate's own files that have to be put right among them.
    gate_files
        What happens to the gate's own files, empty when nothing has to.
    unchanged
        There is nothing to do.
    """

    repository: str
    branch: str
    head: Commit
    target: Commit
    reason: str = ""
    added: int = 0
    changed: int = 0
    removed: int = 0
    commits: int = 0
    guarded: bool = False
    keep: tuple[KeptPath, ...] = ()
    gate_files: str = ""
    unchanged: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Revert:
    """What a revert did. ``commit_id`` is empty when there was nothing to change."""

    id: str
    repository: str
    branch: str
    from_commit: str
    to_commit: str
    commit_id: str
    state: Literal["planned", "applied", "verified", "moved", "unchanged", "refused", "failed"]
    message: str
    reason: str = ""
    principal: str = ""
    undo: str = ""
    notes: tuple[str, ...] = ()
