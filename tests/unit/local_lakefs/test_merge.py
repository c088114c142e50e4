from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_lakefs.errors import MergeConflict
from local_lakefs.storage.entries import Entry
from local_lakefs.storage.ranges import RangeStore
from local_lakefs.storage.writing import Strategy, merge
from tests.unit.local_lakefs.model import (
    Version,
    edit,
    edits,
    entry,
    few_edits,
    few_versions,
    read,
    three_way,
    versions,
    write,
)


@settings(max_examples=400, deadline=None)
@given(
    few_versions | versions,
    few_edits | edits,
    few_edits | edits,
    st.sampled_from(Strategy),
)
def test_against_the_model(
    store: RangeStore,
    base: Version,
    ours: dict[str, Entry | None],
    theirs: dict[str, Entry | None],
    strategy: Strategy,
) -> None:
    destination, source = edit(base, ours), edit(base, theirs)
    ids = (write(store, base), write(store, source), write(store, destination))
    try:
        expected = three_way(base, source, destination, strategy)
    except MergeConflict:
        with pytest.raises(MergeConflict):
            merge(store, *ids, strategy)
        return
    result = merge(store, *ids, strategy)
    assert read(store, result) == expected
    assert result == write(store, expected)


def merged(
    store: RangeStore,
    base: Version,
    source: Version,
    destination: Version,
    strategy: Strategy = Strategy.NONE,
) -> Version:
    return read(
        store, merge(store, write(store, base), write(store, source), write(store, destination), strategy)
    )


def test_both_sides_are_kept(store: RangeStore) -> None:
    base = {"k": entry(0)}
    assert set(merged(store, base, base | {"s": entry(1)}, base | {"d": entry(2)})) == {"d", "k", "s"}


@pytest.mark.parametrize(
    ("strategy", "winner"), [(Strategy.SOURCE, entry(1)), (Strategy.DESTINATION, entry(2))]
)
def test_who_wins(store: RangeStore, strategy: Strategy, winner: Entry) -> None:
    base, source, destination = {"k": entry(0)}, {"k": entry(1)}, {"k": entry(2)}
    with pytest.raises(MergeConflict):
        merged(store, base, source, destination)
    assert merged(store, base, source, destination, strategy) == {"k": winner}


def test_an_added_object_can_vanish(store: RangeStore) -> None:
    """C3: `a` has the content of the next key of the base, which the destination deleted."""
    base = {"m": entry(1), "z": entry(2)}
    source = base | {"k": entry(1)}
    destination = {"a": entry(3)}
    assert merged(store, base, source, destination) == {"a": entry(3)}


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Strategy.SOURCE, {"a": entry(1)}),
        (Strategy.DESTINATION, {"a": entry(1), "z": entry(2)}),
    ],
)
def test_deleted_on_one_side_and_changed_on_the_other(
    store: RangeStore, strategy: Strategy, expected: Version
) -> None:
    base = {"a": entry(0), "z": entry(0)}
    source, destination = {"a": entry(1)}, {"a": entry(0), "z": entry(2)}
    with pytest.raises(MergeConflict):
        merged(store, base, source, destination)
    assert merged(store, base, source, destination, strategy) == expected


def test_a_side_apart_from_the_base_is_taken_whole(store: RangeStore) -> None:
    assert merged(store, {"m": entry(1)}, {}, {"a": entry(1)}) == {"a": entry(1)}


def test_an_unchanged_side_before_the_other_was_deleted_there(store: RangeStore) -> None:
    assert merged(store, {"a": entry(0)}, {"z": entry(1)}, {"a": entry(0)}) == {"z": entry(1)}
