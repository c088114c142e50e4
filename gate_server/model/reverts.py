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
class FolderTally:
    """What would change below one folder; the bytes of what is added or changed are those it then has."""

    folder: str
    added: int = 0
    changed: int = 0
    removed: int = 0
    added_bytes: int = 0
    changed_bytes: int = 0
    removed_bytes: int = 0


Way = Literal["state", "paths", "commit"]


@dataclass(frozen=True)
class RevertPlan:
    """What a revert would change on a branch.

    Parameters
    ----------
    way
        ``state``: back to what `target` holds; ``paths``: those paths alone; ``commit``: `target` is undone,
        what came after it stays.
    paths
        Which, for the way ``paths``: objects or whole folders.
    undoes
        The id of the revert whose commit is undone, empty where it is not a revert's.
    aside
        `target` is not on the branch's first-parent line.
    added, changed, removed
        Objects that would differ from the branch's head, kept paths left out; and their bytes, as in
        `FolderTally`.
    folders
        The same per folder.
    cut
        There is more than was looked at, so that these numbers are "at least".
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
    way: Way = "state"
    paths: tuple[str, ...] = ()
    undoes: str = ""
    aside: bool = False
    added: int = 0
    changed: int = 0
    removed: int = 0
    added_bytes: int = 0
    changed_bytes: int = 0
    removed_bytes: int = 0
    folders: tuple[FolderTally, ...] = ()
    cut: bool = False
    commits: int = 0
    guarded: bool = False
    keep: tuple[KeptPath, ...] = ()
    gate_files: str = ""
    unchanged: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Revert:
    """What a revert did.

    ``to_commit`` is the plan's target, as its way says. ``commit_id`` is empty when there was nothing to
    change. ``is_whole``: no path of the branch's own data was to be kept as it was.
    """

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
    way: Way = "state"
    paths: tuple[str, ...] = ()
    undoes: str = ""
    is_whole: bool = False
