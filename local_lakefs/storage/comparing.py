"""Differences between metaranges, passing over ranges that are the same on both sides."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from local_lakefs.storage.entries import Entry
from local_lakefs.storage.ranges import RangeStore


class Kind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    CONFLICT = "conflict"


class Difference(NamedTuple):
    """What happens to a key from left to right.

    ``left`` or ``right`` is None where the key is not there.
    """

    kind: Kind
    key: str
    left: Entry | None
    right: Entry | None

    @property
    def shown(self) -> Entry | None:
        """The entry that a listing of differences tells about."""
        return self.right or self.left


def diff(store: RangeStore, left_id: str, right_id: str, start: str = "") -> Iterator[Difference]:
    """Differences between two metaranges from the key ``start`` on, in the order of keys."""
    if left_id == right_id:
        return
    left, right = store.cursor(left_id), store.cursor(right_id)
    left.seek(start)
    right.seek(start)
    while not (left.done and right.done):
        if right.done or (not left.done and left.key < right.key):
            yield Difference(Kind.REMOVED, left.key, left.entry, None)
            left.next()
        elif left.done or right.key < left.key:
            yield Difference(Kind.ADDED, right.key, None, right.entry)
            right.next()
        elif left.at_range_start and right.at_range_start and left.range.id == right.range.id:
            left.next_range()
            right.next_range()
        else:
            if not left.entry.same_content(right.entry):
                yield Difference(Kind.CHANGED, right.key, left.entry, right.entry)
            left.next()
            right.next()


def compare(
    store: RangeStore, destination_id: str, source_id: str, base_id: str, start: str = ""
) -> Iterator[Difference]:
    """What a merge of source into destination would change there, conflicts among it.

    lakeFS's three-dot diff (``pkg/graveler/committed/compare_iterator.go``).
    """
    for change in diff(store, destination_id, source_id, start):
        base = store.get(base_id, change.key)
        match change.kind:
            case Kind.ADDED:
                if base is None:
                    yield change
                elif change.right is not None and not base.same_content(change.right):
                    yield change._replace(kind=Kind.CONFLICT)
            case Kind.REMOVED:
                if base is not None and change.left is not None:
                    same = base.same_content(change.left)
                    yield change if same else change._replace(kind=Kind.CONFLICT)
            case _:
                if base is None:
                    yield change._replace(kind=Kind.CONFLICT)
                elif change.right is not None and base.same_content(change.right):
                    continue
                elif change.left is not None and base.same_content(change.left):
                    yield change
                else:
                    yield change._replace(kind=Kind.CONFLICT)


def diff_staged(
    store: RangeStore, committed_id: str, staged: Iterable[tuple[str, Entry | None]]
) -> Iterator[Difference]:
    """What staged entries (None: deleted) change in a metarange."""
    for key, entry in staged:
        committed = store.get(committed_id, key)
        if entry is None:
            if committed is not None:
                yield Difference(Kind.REMOVED, key, committed, None)
        elif committed is None:
            yield Difference(Kind.ADDED, key, None, entry)
        elif not committed.same_content(entry):
            yield Difference(Kind.CHANGED, key, committed, entry)


def diff_with_staged(
    store: RangeStore,
    left_id: str,
    right_id: str,
    staged: Iterable[tuple[str, Entry | None]],
    start: str = "",
) -> Iterator[Difference]:
    """Differences between a metarange and another one with staged entries over it."""

    def committed() -> Iterator[tuple[str, int, Difference | None]]:
        for change in diff(store, left_id, right_id, start):
            yield change.key, 1, change

    def newer() -> Iterator[tuple[str, int, Difference | None]]:
        for key, entry in staged:
            yield key, 0, next(diff_staged(store, left_id, [(key, entry)]), None)

    last: str | None = None
    for key, _, found in heapq.merge(newer(), committed(), key=lambda item: item[:2]):
        if key != last:
            last = key
            if found is not None:
                yield found
