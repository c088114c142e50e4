"""Small objects that are looked at together: what is found of each is what it holds by itself."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gate_server.engine import batches, datasets
from gate_server.engine.datasets import Kept
from gate_server.engine.native.ask import PIECES
from gate_server.engine.states import State, load
from gate_server.model import Evaluation

from .test_datasets import MEAN, NOT_NULL, PARQUET, UNIQUE, Store, judged, parquet, same, told

BETWEEN = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "qty", "min_value": 0}}
ROWS = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}
ASKS = (NOT_NULL, UNIQUE, MEAN, BETWEEN, ROWS)


def table(place: int, **columns: Any) -> pa.Table:
    rows = 30
    usual = {"id": range(place * rows, (place + 1) * rows), "qty": [place - 1] * rows}
    return pa.table({name: pa.array(values) for name, values in (usual | columns).items()})


def store_of(*tables: pa.Table) -> Store:
    return Store({f"d/{place}.parquet": parquet(one) for place, one in enumerate(tables)})


def plain(make_suite: Any, store: Store, *asks: Any) -> Evaluation:
    return judged(make_suite, store, *asks, kept=None, fmt=PARQUET)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which objects are read by themselves."""
    noted: list[str] = []

    def read_each(objects: Any, *rest: Any) -> Any:
        noted.extend(data.path for data in objects)
        return real(objects, *rest)

    real = batches.read_each
    monkeypatch.setattr(batches, "read_each", read_each)
    return noted


def test_each_is_read_once_and_known_by_itself(make_suite: Any, alone: list[str]) -> None:
    store = store_of(*(table(place) for place in range(5)))
    found = judged(make_suite, store, *ASKS, kept=Kept(), fmt=PARQUET)
    assert sorted(store.opened) == sorted(store.contents)
    assert alone == []
    wanted = plain(make_suite, store, *ASKS)
    assert told(found.results) == told(wanted.results)
    # More rows fail than are told, all in the first object.
    assert found.results[3].unexpected_count == 30
    assert found.results[3].rows == tuple(range(20))
    assert [one.answered_from for one in found.results] == ["pass"] * 4 + ["metadata"]


def test_what_is_kept_is_what_each_would_have_by_itself(
    make_suite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, found = store_of(*(table(place) for place in range(4))), []
    for count in (4, 1):
        monkeypatch.setattr(batches, "BATCH_OBJECTS", count)
        judged(make_suite, store, *ASKS, kept=(kept := Kept()), fmt=PARQUET)
        states = load(kept.made).by_key
        found.append({key: replace(state, facts=without_pieces(state)) for key, state in states.items()})
    assert found[0] == found[1]


def without_pieces(state: State) -> dict[int, Any]:
    """Return the facts but for how often they may have been rounded, which depends on the way."""
    return {
        number: facts and {name: fact for name, fact in facts.items() if name != PIECES}
        for number, facts in state.facts.items()
    }


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6])
def test_batches_hold_so_many_objects(
    make_suite: Any, alone: list[str], monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(batches, "BATCH_OBJECTS", count)
    store = store_of(*(table(place) for place in range(5)))
    found = judged(make_suite, store, *ASKS, kept=Kept(), fmt=PARQUET)
    assert told(found.results) == told(plain(make_suite, store, *ASKS).results)
    assert found.objects_read == 5
    assert alone == {1: sorted(store.contents), 2: ["d/4.parquet"]}.get(count, [])


@pytest.mark.parametrize("name", ["SMALL_BYTES", "BATCH_BYTES", "BATCH_MEMORY_BYTES"])
def test_what_is_large_is_read_by_itself(
    make_suite: Any, alone: list[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(batches, name, 100)
    store = store_of(*(table(place) for place in range(3)))
    found = judged(make_suite, store, *ASKS, kept=Kept(), fmt=PARQUET)
    assert alone == sorted(store.contents)
    assert told(found.results) == told(plain(make_suite, store, *ASKS).results)


@pytest.mark.parametrize(
    "content",
    [
        b"PAR1 and nothing more",
        parquet(table(1))[:-20],
        parquet(table(1)).replace(b"PAR1", b"PAR2"),
        parquet(table(1, qty=["a"] * 30)),
        parquet(table(1).drop_columns(["qty"])),
        parquet(table(1).slice(0, 0)),
        b"",
    ],
)
def test_one_that_is_not_like_the_others_is_told_as_without_states(make_suite: Any, content: bytes) -> None:
    store = store_of(*(table(place) for place in range(4)))
    store.contents["d/1.parquet"] = content
    found = judged(make_suite, store, *ASKS, kept=Kept(), fmt=PARQUET)
    assert same(found, plain(make_suite, store, *ASKS))


def test_only_those_without_rows_are_read_by_themselves(make_suite: Any, alone: list[str]) -> None:
    store = store_of(table(0), table(1).slice(0, 0), table(2), table(3).slice(0, 0))
    found = judged(make_suite, store, *ASKS, kept=Kept(), fmt=PARQUET)
    assert told(found.results) == told(plain(make_suite, store, *ASKS).results)
    assert alone == ["d/1.parquet", "d/3.parquet"]


def test_what_looks_at_no_value_reads_each_once_as_well(make_suite: Any, alone: list[str]) -> None:
    store = store_of(*(table(place) for place in range(3)))
    found = judged(make_suite, store, ROWS, kept=Kept(), fmt=PARQUET)
    assert [one.answered_from for one in found.results] == ["metadata"]
    assert (sorted(store.opened), alone) == (sorted(store.contents), [])
    # Damage is found where nobody looks.
    store.contents["d/1.parquet"] = spoilt(store.contents["d/1.parquet"])
    assert same(judged(make_suite, store, ROWS, kept=Kept(), fmt=PARQUET), plain(make_suite, store, ROWS))


def spoilt(content: bytes) -> bytes:
    """Return an object whose first page is no page."""
    return content[:4] + bytes(40) + content[44:]


def test_where_one_batch_tells_nothing_no_other_is_read_twice(
    make_suite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_OBJECTS", 2)
    monkeypatch.setattr(batches, "BATCH_MEMORY_BYTES", 1)
    store = store_of(*(table(place) for place in range(6)))
    judged(make_suite, store, ROWS, kept=Kept(), fmt=PARQUET)
    assert [store.opened.count(path) for path in sorted(store.contents)] == [2, 2, 1, 1, 1, 1]


def test_two_of_the_same_content_are_two(make_suite: Any, alone: list[str]) -> None:
    store = store_of(table(0), table(1), table(1))
    found = judged(make_suite, store, *ASKS, kept=Kept(), fmt=PARQUET)
    assert told(found.results) == told(plain(make_suite, store, *ASKS).results)
    assert found.results[1].unexpected_count == 60
    assert alone == []


def test_a_moment_that_python_does_not_know_leaves_only_its_object_out(make_suite: Any) -> None:
    latest = {
        "type": "expect_column_max_to_be_between",
        "kwargs": {"column": "at", "max_value": "2026-11-21"},
    }
    usual = pa.array([dt.datetime.fromisoformat("2026-01-01")] * 30, pa.timestamp("us"))
    odd = pa.array([2**62] * 30, pa.timestamp("us"))
    store = store_of(*(table(place, at=odd if place == 1 else usual) for place in range(3)))
    found = judged(make_suite, store, NOT_NULL, latest, kept=(kept := Kept()), fmt=PARQUET)
    assert same(found, plain(make_suite, store, NOT_NULL, latest))
    told_of = [state.facts[1] is None for state in load(kept.made).by_key.values()]
    assert sorted(told_of) == [False, False, True]


def test_sums_are_off_by_no_more_than_is_reckoned_with(make_suite: Any, alone: list[str]) -> None:
    doubles = np.random.default_rng(8).normal(3, 100, (4, 25_000))
    store = store_of(*(pa.table({"x": own}) for own in doubles))
    kinds = ("sum", "mean", "stdev")

    def asking(**bounds: Any) -> list[dict[str, Any]]:
        return [
            {"type": f"expect_column_{kind}_to_be_between", "kwargs": {"column": "x", **bounds}}
            for kind in kinds
        ]

    found = judged(make_suite, store, *asking(min_value=-1e9), kept=Kept(), fmt=PARQUET)
    assert (alone, found.read_in_full) == ([], "")
    values = [float(doubles.sum()), float(doubles.mean()), float(doubles.std(ddof=1))]
    mine = [one.detail["observed_value"] for one in found.results]
    assert all(math.isclose(one, other, rel_tol=1e-11) for one, other in zip(mine, values, strict=True))
    # A bound within the rounding is for all values together, and then for Great Expectations.
    near = [
        {**one, "kwargs": {**one["kwargs"], "max_value": value}}
        for one, value in zip(asking(), values, strict=True)
    ]
    told_near = judged(make_suite, store, *near, kept=Kept(), fmt=PARQUET)
    assert {one.answered_from for one in told_near.results} == {"great_expectations"}


def test_different_values_are_kept_of_each_up_to_so_many(
    make_suite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "MOST_VALUES_OF_ONE", 30)
    longer = pa.table({"id": range(900, 931), "qty": [1] * 31})
    store = store_of(table(0), longer, table(2))
    found = judged(make_suite, store, UNIQUE, kept=(kept := Kept()), fmt=PARQUET)
    assert told(found.results) == told(plain(make_suite, store, UNIQUE).results)
    assert sorted(state.facts[0] is None for state in load(kept.made).by_key.values()) == [False, False, True]
