"""A merge as lakeFS would make it, from listings alone; what those cannot tell is said, not guessed.

lakeFS (``pkg/graveler/committed/merge.go``) takes whole ranges where it can and keys one by one where it
cannot, and no call says where its ranges lie. In two cases its result depends on that:

- an object that one side added behind the last object of the other is compared with the next key of the
  merge base, whichever that is, and is lost where the two have equal content (C3);
- an object that main holds again, with equal content at another address, may come back from the source.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gate_server.model import ObjectIdentity, StoredObject

Sided = Mapping[str, StoredObject]
Following = Callable[[str], StoredObject | None]
MAY_BE_LOST = "it is added behind the other side's last object, and lakeFS may take it for one that is gone"
MAY_COME_BACK = "the destination holds equal content at another address, and either may be the result"


@dataclass(frozen=True)
class Side:
    """What one version holds below a prefix; ``following`` gives its first object after a key, anywhere."""

    objects: Sided
    following: Following


@dataclass
class Merged:
    """What a merge would hold; on which paths it would conflict, and where that cannot be told, and why."""

    result: dict[str, StoredObject] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    uncertain: dict[str, str] = field(default_factory=dict)

    def add(self, other: Merged) -> None:
        """Take in what is below another prefix."""
        self.result |= other.result
        self.conflicts += other.conflicts
        self.uncertain |= other.uncertain


def merge(before: Side, source: Side, destination: Side, prefix: str) -> Merged:
    """Merge `source` into `destination`, from `before`, where they meet; all three are listed below `prefix`.

    Text is compared by code points, which is the order of its UTF-8, lakeFS's.

    Where an entry differs by nothing but its address, the source's is judged.
    """
    merged = Merged()
    paths = {*before.objects, *source.objects, *destination.objects}
    for path in sorted(paths):
        was, theirs, ours = (side.objects.get(path) for side in (before, source, destination))
        if _whole(theirs) == _whole(was):
            chosen = ours
            if _whole(ours) != _whole(was) and ours is not None and _same(ours, was):
                merged.uncertain[path] = MAY_COME_BACK
                chosen = theirs
        elif _whole(ours) == _whole(was) or _same(theirs, ours):
            chosen = theirs
        elif _same(theirs, was):
            chosen = ours
        elif _same(ours, was):
            chosen = theirs
        else:
            merged.conflicts.append(path)
            chosen = ours
        if chosen is not None:
            merged.result[path] = chosen
    for side, other in ((source, destination), (destination, source)):
        merged.uncertain |= dict.fromkeys(_may_be_lost(before, side, other, prefix), MAY_BE_LOST)
    return merged


def _may_be_lost(before: Side, side: Side, other: Side, prefix: str) -> list[str]:
    """Return what `side` added that lakeFS may compare with another key of the base (C3)."""
    known = sorted(before.objects)
    added = sorted(side.objects.keys() - before.objects.keys() - other.objects.keys())
    suspects = []
    beyond: list[StoredObject | None] = []  # the base's first object behind the prefix, asked for once
    for path in added:
        at = bisect_left(known, path)
        if at < len(known):
            following = before.objects[known[at]]
        else:
            if not beyond:
                beyond.append(before.following(known[-1] if known else prefix))
            following = beyond[0]  # type: ignore[assignment]
        if following is not None and _same(side.objects[path], following):
            suspects.append(path)
    if not suspects:
        return []
    # What stands before some object of the other side is compared key by key, so it stays.
    last = max(other.objects, default="")
    unsure = suspects[bisect_left(suspects, last) :]
    return unsure[bisect_right(unsure, False, key=lambda path: other.following(path) is None) :]


def _same(one: StoredObject | None, other: StoredObject | None) -> bool:
    return _lakefs_identity(one) == _lakefs_identity(other)


def _whole(item: StoredObject | None) -> ObjectIdentity | None:
    return item.identity if item else None


def _lakefs_identity(item: StoredObject | None) -> tuple[object, ...] | None:
    """Return what lakeFS takes two entries for the same by: not their addresses (C1)."""
    if item is None:
        return None
    identity = item.identity
    return identity.checksum, identity.size_bytes, identity.metadata, identity.content_type
