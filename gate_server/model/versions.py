"""What lakeFS says: events, commits, what is to be judged, objects and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True)
class Event:
    """A parsed hook body (H4). Nothing in it is believed that lakeFS can be asked."""

    type: str
    repository: str
    destination: str
    source_ref: str
    merge_source: str = ""
    commit_id: str = ""
    message: str = ""
    committer: str = ""


@dataclass(frozen=True)
class Commit:
    """What the gate needs to know of a lakeFS commit. Immutable, so safe to remember."""

    id: str
    metarange: str
    parents: tuple[str, ...] = ()
    message: str = ""
    committer: str = ""
    created_at: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """What is judged: a commit, or, before a merge, a prediction of one.

    ``judged`` is None for a prediction; ``merge_base`` is None where it was not needed.
    """

    repository: str
    destination: str
    base: Commit
    judged: Commit | None
    source: Commit | None
    merge_base: Commit | None = None

    @property
    def is_prediction(self) -> bool:
        """Whether this is what a merge would make, not a commit that lakeFS holds."""
        return self.judged is None


@dataclass(frozen=True)
class ObjectIdentity:
    """All that makes two entries of lakeFS the same object to us.

    lakeFS's own identity leaves the address out (C1), ours does not.
    """

    physical_address: str
    checksum: str
    size_bytes: int
    metadata: tuple[tuple[str, str], ...] = ()
    content_type: str = ""
    linked: bool = False


@dataclass(frozen=True)
class StoredObject:
    """An object, and the commit to read it at (D2)."""

    path: str
    identity: ObjectIdentity
    commit_id: str


class ChangeKind(StrEnum):
    """How an object differs between base and judged."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True)
class Change:
    """One object that differs between base and judged."""

    path: str
    kind: ChangeKind
    old: StoredObject | None
    new: StoredObject | None


@dataclass(frozen=True)
class Changes:
    """What main would gain and lose.

    Parameters
    ----------
    under_rules
        Differences under the rules' prefixes, from comparing listings by whole identity (D3).
    elsewhere
        Paths outside those prefixes which lakeFS's diff shows.
    result
        The listing under the rules' prefixes as main would have it.
    base
        The same listing as main has it.
    lost
        Paths that the source added and the result lacks (C3).
    conflicts
        Paths on which the merge would conflict (predictions only).
    uncertain
        Paths of which listings alone cannot tell what the merge would hold, and why (predictions only).
    gate_files
        Paths of the gate's own files that differ.
    """

    under_rules: tuple[Change, ...] = ()
    elsewhere: tuple[str, ...] = ()
    result: Mapping[str, StoredObject] = field(default_factory=dict)
    base: Mapping[str, StoredObject] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    uncertain: Mapping[str, str] = field(default_factory=dict)
    gate_files: tuple[str, ...] = ()
