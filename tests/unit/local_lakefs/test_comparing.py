from __future__ import annotations

from hypothesis import given

from local_lakefs.storage.comparing import Kind, compare, diff, diff_staged, diff_with_staged
from local_lakefs.storage.entries import Entry
from local_lakefs.storage.ranges import RangeStore
from tests.unit.local_lakefs.model import Version, edit, edits, entry, in_order, keys, versions, write


def naive(left: Version, right: Version) -> list[tuple[Kind, str]]:
    found = []
    for key in sorted(left | right, key=str.encode):
        if key not in right:
            found.append((Kind.REMOVED, key))
        elif key not in left:
            found.append((Kind.ADDED, key))
        elif not left[key].same_content(right[key]):
            found.append((Kind.CHANGED, key))
    return found


@given(versions, edits, keys)
def test_diff(store: RangeStore, left: Version, changes: dict[str, Entry | None], start: str) -> None:
    right = edit(left, changes)
    found = list(diff(store, write(store, left), write(store, right), start))
    expected = [item for item in naive(left, right) if item[1].encode() >= start.encode()]
    assert [(change.kind, change.key) for change in found] == expected
    for change in found:
        assert change.left == left.get(change.key)
        assert change.right == right.get(change.key)


def test_an_address_alone_is_no_difference(store: RangeStore) -> None:
    left, right = write(store, {"a": entry(1)}), write(store, {"a": entry(1, address=1)})
    assert left != right
    assert list(diff(store, left, right)) == []


@given(versions, edits, edits)
def test_compare(
    store: RangeStore, base: Version, ours: dict[str, Entry | None], theirs: dict[str, Entry | None]
) -> None:
    destination, source = edit(base, ours), edit(base, theirs)
    expected = []
    for kind, key in naive(destination, source):
        here, there, past = destination.get(key), source.get(key), base.get(key)
        changed_here = not same(here, past)
        changed_there = not same(there, past)
        if changed_there and changed_here:
            expected.append((Kind.CONFLICT, key))
        elif changed_there:
            expected.append((kind, key))
    ids = (write(store, destination), write(store, source), write(store, base))
    assert [(change.kind, change.key) for change in compare(store, *ids)] == expected


def same(one: Entry | None, other: Entry | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.same_content(other)


@given(versions, edits)
def test_staged(store: RangeStore, version: Version, changes: dict[str, Entry | None]) -> None:
    staged = in_order(changes)  # type: ignore[arg-type]
    found = diff_staged(store, write(store, version), staged)
    assert [(change.kind, change.key) for change in found] == naive(version, edit(version, changes))


@given(versions, versions, edits)
def test_staged_over_another_version(
    store: RangeStore, left: Version, right: Version, changes: dict[str, Entry | None]
) -> None:
    staged = in_order(changes)  # type: ignore[arg-type]
    found = diff_with_staged(store, write(store, left), write(store, right), staged)
    assert [(change.kind, change.key) for change in found] == naive(left, edit(right, changes))
