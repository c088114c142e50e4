"""The naive model: a version is a dict from path to entry. No ranges, nothing passed over."""

from __future__ import annotations

from hypothesis import strategies as st

from local_lakefs.errors import MergeConflict
from local_lakefs.storage.entries import Entry
from local_lakefs.storage.ranges import RangeStore
from local_lakefs.storage.writing import Strategy, apply_changes

Version = dict[str, Entry]

ODD_KEYS = ["a", "a/", "a//b", "a/b", "_SUCCESS", "\x00", " ", "é", "\ud7ff", "\ue000", "\U0001f600", "~"]
keys = st.sampled_from(ODD_KEYS + [f"t/{number:02d}" for number in range(20)]) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4
)


def entry(content: int, address: int = 0) -> Entry:
    """Make an entry; two of the same `content` are the same to lakeFS, whatever their address."""
    return Entry(f"data/{content}-{address}", True, str(content), content, 0, "text/plain", {})


entries = st.builds(entry, st.integers(0, 3), st.integers(0, 1))
versions = st.dictionaries(keys, entries, max_size=24)
few_keys = st.sampled_from(["a", "a/", "a/b", "é", "m", "m/1", "m/2", "z", "\U0001f600"])
few_versions = st.dictionaries(few_keys, entries, max_size=6)
few_edits = st.dictionaries(few_keys, st.none() | entries, max_size=9)
"""Few keys, so that both sides of a merge meet."""
edits = st.dictionaries(keys, st.none() | entries, max_size=8)


def in_order(version: Version) -> list[tuple[str, Entry]]:
    """Sort as lakeFS does: by the bytes of the keys."""
    return sorted(version.items(), key=lambda item: item[0].encode())


def edit(version: Version, changes: dict[str, Entry | None]) -> Version:
    merged = version | changes
    return {key: value for key, value in merged.items() if value is not None}


def write(store: RangeStore, version: Version) -> str:
    return apply_changes(store, "", in_order(version), allow_empty=True)


def read(store: RangeStore, meta_range_id: str) -> Version:
    return dict(store.entries(meta_range_id))


def bounds(side: list[tuple[str, Entry]]) -> tuple[str, str]:
    return side[0][0], side[-1][0]


def overlaps(one: list[tuple[str, Entry]], other: list[tuple[str, Entry]]) -> bool:
    if not one or not other:
        return False
    return one[0][0] <= other[-1][0] and other[0][0] <= one[-1][0]


def three_way(base: Version, source: Version, destination: Version, strategy: Strategy) -> Version:
    """lakeFS's merge where each version is one range."""
    past, left, right = in_order(base), in_order(source), in_order(destination)
    model = _Merge(base, strategy)
    if left == right:
        return source
    if not left or not right:
        model.lone(left, Strategy.SOURCE)
        model.lone(right, Strategy.DESTINATION)
        return model.result
    if bounds(left) == bounds(right) and overlaps(past, left) and past in (left, right):
        return destination if past == left else source
    for first, second, wins in ((left, right, Strategy.DESTINATION), (right, left, Strategy.SOURCE)):
        if first[-1][0] < second[0][0] and (not overlaps(past, first) or past == first):
            model.result = {} if past == first else dict(first)
            model.lone(second, wins)
            return model.result
    model.key_by_key(left, right)
    return model.result


class _Merge:
    def __init__(self, base: Version, strategy: Strategy) -> None:
        self.base = base
        self.past = in_order(base)
        self.strategy = strategy
        self.result: Version = {}

    def past_from(self, key: str) -> tuple[str, Entry] | None:
        """Return the base's first entry at `key` or after it."""
        return next((item for item in self.past if item[0].encode() >= key.encode()), None)

    def conflict(self, key: str, wins: Strategy, value: Entry) -> None:
        if self.strategy is Strategy.NONE:
            raise MergeConflict
        if self.strategy is wins:
            self.result[key] = value

    def lone(self, side: list[tuple[str, Entry]], wins: Strategy) -> None:
        """Take a side that was not looked into, when the other has ended."""
        if not overlaps(self.past, side):
            self.result.update(side)
        elif self.past != side:
            self.rest(side, wins)

    def rest(self, side: list[tuple[str, Entry]], wins: Strategy) -> None:
        for key, value in side:
            before = self.past_from(key)
            if before is not None and before[1].same_content(value):
                continue
            if before is not None and before[0] == key:
                self.conflict(key, wins, value)
            else:
                self.result[key] = value

    def key_by_key(self, left: list[tuple[str, Entry]], right: list[tuple[str, Entry]]) -> None:
        while left and right:
            (left_key, theirs), (right_key, ours) = left[0], right[0]
            if left_key <= right_key:
                left = left[1:]
            if right_key <= left_key:
                right = right[1:]
            if left_key == right_key:
                self.both(left_key, theirs, ours)
            elif left_key < right_key:
                self.one(left_key, theirs, Strategy.SOURCE)
            else:
                self.one(right_key, ours, Strategy.DESTINATION)
        self.rest(left, Strategy.SOURCE)
        self.rest(right, Strategy.DESTINATION)

    def one(self, key: str, value: Entry, wins: Strategy) -> None:
        if key not in self.base:
            self.result[key] = value
        elif not self.base[key].same_content(value):
            self.conflict(key, wins, value)

    def both(self, key: str, theirs: Entry, ours: Entry) -> None:
        before = self.past_from(key)
        if theirs.same_content(ours):
            self.result[key] = theirs
        elif before is not None and theirs.same_content(before[1]):
            self.result[key] = ours
        elif before is not None and ours.same_content(before[1]):
            self.result[key] = theirs
        else:
            self.conflict(key, Strategy.SOURCE, theirs)
            if self.strategy is Strategy.DESTINATION:
                self.result[key] = ours
