from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_lakefs.errors import NoChanges
from local_lakefs.storage.entries import Entry, prefix_end
from local_lakefs.storage.ranges import EMPTY, RangeStore
from local_lakefs.storage.writing import apply_changes
from tests.unit.local_lakefs.model import edit, edits, entries, entry, in_order, keys, read, versions, write


@given(versions)
def test_written_is_read_in_the_order_of_bytes(store: RangeStore, version: dict[str, Entry]) -> None:
    assert list(store.entries(write(store, version))) == in_order(version)


@given(versions, keys)
def test_reading_from_a_key_on(store: RangeStore, version: dict[str, Entry], start: str) -> None:
    expected = [item for item in in_order(version) if item[0].encode() >= start.encode()]
    assert list(store.entries(write(store, version), start)) == expected


@given(versions, keys)
def test_one_key(store: RangeStore, version: dict[str, Entry], key: str) -> None:
    assert store.get(write(store, version), key) == version.get(key)


@given(versions, edits)
def test_changes_against_the_model(
    store: RangeStore, version: dict[str, Entry], changes: dict[str, Entry | None]
) -> None:
    before = write(store, version)
    after = apply_changes(store, before, in_order(changes), allow_empty=True)  # type: ignore[arg-type]
    kept = {
        key: version[key]  # equal content keeps the old address (C1)
        for key, value in changes.items()
        if key in version and value is not None and version[key].same_content(value)
    }
    assert read(store, after) == edit(version, changes) | kept


@given(versions, edits)
def test_equal_content_has_one_id_whatever_its_history(
    store: RangeStore, version: dict[str, Entry], changes: dict[str, Entry | None]
) -> None:
    changed = apply_changes(store, write(store, version), in_order(changes), allow_empty=True)  # type: ignore[arg-type]
    assert changed == write(store, read(store, changed))


@given(versions, keys, entries)
def test_another_address_is_another_id(
    store: RangeStore, version: dict[str, Entry], key: str, value: Entry
) -> None:
    moved = value._replace(address=value.address + "-moved")
    assert write(store, version | {key: value}) != write(store, version | {key: moved})


@given(versions)
def test_ranges_tell_their_bounds(store: RangeStore, version: dict[str, Entry]) -> None:
    infos = store.meta_range(write(store, version))
    assert sum(info.length for info in infos) == len(version)
    bounds = [bound for info in infos for bound in (info.min_key, info.max_key)]
    assert bounds == sorted(bounds, key=str.encode)


@given(st.integers(0, 599), st.booleans())
def test_one_change_writes_a_few_ranges_whatever_the_size(
    store: RangeStore, number: int, deleted: bool
) -> None:
    version = {f"{key:03d}": entry(key) for key in range(600)}
    before = write(store, version)
    change = (f"{number:03d}", None if deleted else entry(1000))
    after = apply_changes(store, before, [change], allow_empty=False)
    old = {info.id for info in store.meta_range(before)}
    assert len(old) > 100
    # The range of the change, and the one behind it where the change was a range's end.
    assert len({info.id for info in store.meta_range(after)} - old) <= 2


def test_nothing_changed_is_refused(store: RangeStore) -> None:
    version = {"a": entry(1), "b": entry(2)}
    for changes in ([], [("c", None)], [("a", entry(1, address=1))]):
        with pytest.raises(NoChanges):
            apply_changes(store, write(store, version), changes, allow_empty=False)


def test_the_empty_metarange_needs_no_writing(store: RangeStore) -> None:
    assert store.exists(EMPTY)
    assert read(store, EMPTY) == {}
    assert not store.exists("0" * 64)


@given(st.lists(keys, max_size=30), st.text(st.characters(exclude_categories=["Cs"]), max_size=3))
def test_the_end_of_a_prefix(found: list[str], prefix: str) -> None:
    end = prefix_end(prefix)
    for key in found:
        inside = key >= prefix and (end is None or key < end)
        assert inside == key.startswith(prefix)
