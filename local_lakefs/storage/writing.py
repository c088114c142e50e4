"""New metaranges: staged changes applied to a committed one, and the three-way merge."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from local_lakefs.errors import MergeConflict, NoChanges
from local_lakefs.storage.entries import Entry
from local_lakefs.storage.ranges import Cursor, RangeStore, RangeWriter


class Strategy(Enum):
    """Who wins where both sides changed a key; the value is what lakeFS writes into the merge's metadata."""

    NONE = "default"
    DESTINATION = "dest-wins"
    SOURCE = "source-wins"


def apply_changes(
    store: RangeStore, base_id: str, changes: Iterable[tuple[str, Entry | None]], *, allow_empty: bool
) -> str:
    """Apply sorted changes (None: delete) to a metarange and return the new one's id.

    A change to equal content keeps the committed entry, its address included.

    Raises
    ------
    NoChanges
        When nothing changed and ``allow_empty`` is false.
    """
    writer = RangeWriter(store)
    base = store.cursor(base_id)
    changed = False
    for key, entry in changes:
        while not base.done and base.key < key:
            if base.at_range_start and base.range.max_key < key:
                writer.add_range(base.range)
                base.next_range()
            else:
                writer.add(base.key, base.entry)
                base.next()
        committed = base.entry if not base.done and base.key == key else None
        if committed is not None:
            base.next()
        if entry is None:
            changed = changed or committed is not None
        elif committed is not None and committed.same_content(entry):
            writer.add(key, committed)
        else:
            changed = True
            writer.add(key, entry)
    if not changed and not allow_empty:
        raise NoChanges
    writer.add_rest(base)
    return writer.finish()


def merge(store: RangeStore, base_id: str, source_id: str, destination_id: str, strategy: Strategy) -> str:
    """Merge source into destination, with ``base_id`` as their common past; return the result's id.

    Does what ``pkg/graveler/committed/merge.go`` of lakeFS does with metaranges of one range each (its
    ranges hold some 50,000 entries), including that it compares a lone side's content with the next key of
    the base, whichever key that is. Ranges that are equal on both sides are taken over unread.

    Raises
    ------
    MergeConflict
        When both sides changed a key and no strategy says who wins.
    """
    return _Merge(store, base_id, source_id, destination_id, strategy).run()


class _Side:
    """One metarange of a merge, seen as lakeFS sees a single range: its bounds, and a place in it."""

    def __init__(self, store: RangeStore, meta_range_id: str) -> None:
        self.id = meta_range_id
        infos = store.meta_range(meta_range_id)
        self.bounds = (infos[0].min_key, infos[-1].max_key) if infos else None
        self.cursor = store.cursor(meta_range_id)

    def overlaps(self, other: _Side) -> bool:
        if self.bounds is None or other.bounds is None:
            return False
        return self.bounds[0] <= other.bounds[1] and other.bounds[0] <= self.bounds[1]


class _Merge:
    def __init__(
        self, store: RangeStore, base_id: str, source_id: str, destination_id: str, strategy: Strategy
    ) -> None:
        self._store = store
        self._base = _Side(store, base_id)
        self._source = _Side(store, source_id)
        self._destination = _Side(store, destination_id)
        self._strategy = strategy
        self._writer = RangeWriter(store)

    def run(self) -> str:
        source, destination = self._source, self._destination
        if source.bounds and destination.bounds:
            whole = self._whole(source, destination)
            if whole is not None:
                return whole
            self._merge_keys(source.cursor, destination.cursor)
            self._rest(source.cursor, Strategy.SOURCE)
            self._rest(destination.cursor, Strategy.DESTINATION)
        else:
            self._lone_side(source, Strategy.SOURCE)
            self._lone_side(destination, Strategy.DESTINATION)
        return self._writer.finish()

    def _whole(self, source: _Side, destination: _Side) -> str | None:
        """Decide by bounds and ids alone where lakeFS does; None when the keys must be looked at."""
        base = self._base
        if source.id == destination.id:
            return source.id
        assert source.bounds is not None  # noqa: S101 - for the type checker
        assert destination.bounds is not None  # noqa: S101
        if source.bounds == destination.bounds:
            if base.overlaps(source) and base.id in (source.id, destination.id):
                return destination.id if base.id == source.id else source.id
            return None
        for first, second, wins in (
            (source, destination, Strategy.DESTINATION),
            (destination, source, Strategy.SOURCE),
        ):
            if first.bounds is not None and second.bounds is not None and first.bounds[1] < second.bounds[0]:
                if base.overlaps(first) and base.id != first.id:
                    return None
                if not base.overlaps(first):
                    self._writer.add_rest(first.cursor)
                # Otherwise the other side deleted all of it.
                self._lone_side(second, wins)
                return self._writer.finish()
        return None

    def _lone_side(self, side: _Side, wins: Strategy) -> None:
        """Take a side beside which nothing is left of the other."""
        if not self._base.overlaps(side):
            self._writer.add_rest(side.cursor)
        elif self._base.id != side.id:
            self._rest(side.cursor, wins)

    def _merge_keys(self, source: Cursor, destination: Cursor) -> None:
        while not source.done and not destination.done:
            if (
                source.at_range_start
                and destination.at_range_start
                and source.range.id == destination.range.id
            ):
                self._writer.add_range(source.range)
                source.next_range()
                destination.next_range()
            elif source.key < destination.key:
                self._one_sided(source, Strategy.SOURCE)
            elif destination.key < source.key:
                self._one_sided(destination, Strategy.DESTINATION)
            else:
                self._both_sides(source, destination)

    def _one_sided(self, cursor: Cursor, wins: Strategy) -> None:
        """Take a key that only one side has: added there, or deleted on the other."""
        key, entry = cursor.key, cursor.entry
        base = self._store.get(self._base.id, key)
        if base is None:
            self._writer.add(key, entry)
        elif not base.same_content(entry):
            if self._strategy is Strategy.NONE:
                raise MergeConflict
            if self._strategy is wins:
                self._writer.add(key, entry)
        cursor.next()

    def _both_sides(self, source: Cursor, destination: Cursor) -> None:
        key, theirs, ours = source.key, source.entry, destination.entry
        if theirs.same_content(ours):
            self._writer.add(key, theirs)
        else:
            _, base = self._base_from(key)
            if base is not None and theirs.same_content(base):
                self._writer.add(key, ours)
            elif base is not None and ours.same_content(base):
                self._writer.add(key, theirs)
            elif self._strategy is Strategy.NONE:
                raise MergeConflict
            else:
                self._writer.add(key, theirs if self._strategy is Strategy.SOURCE else ours)
        source.next()
        destination.next()

    def _rest(self, cursor: Cursor, wins: Strategy) -> None:
        """Take what one side still has after the other's last key."""
        base_ranges = {info.id for info in self._store.meta_range(self._base.id)}
        while not cursor.done:
            if cursor.at_range_start and cursor.range.id in base_ranges:
                cursor.next_range()  # unchanged here, deleted on the other side
                continue
            key, entry = cursor.key, cursor.entry
            base_key, base = self._base_from(key)
            if base is None or not base.same_content(entry):
                if base_key == key and self._strategy is Strategy.NONE:
                    raise MergeConflict
                if base_key != key or self._strategy is wins:
                    self._writer.add(key, entry)
            cursor.next()

    def _base_from(self, key: str) -> tuple[str | None, Entry | None]:
        """Return the base's first entry at ``key`` or after it."""
        cursor = self._base.cursor
        cursor.seek(key)
        return (None, None) if cursor.done else (cursor.key, cursor.entry)
