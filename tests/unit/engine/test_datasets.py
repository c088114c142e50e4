"""A dataset by the states of its objects: the same answers as all of them together, and less is read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gate_server.engine import datasets
from gate_server.engine.datasets import Kept
from gate_server.engine.evaluate import evaluate
from gate_server.engine.native import passing
from gate_server.engine.objects import DataObject
from gate_server.engine.readers import parquet_object
from gate_server.engine.readers.failure import Allowance
from gate_server.engine.readers.opening import in_memory
from gate_server.engine.readers.scan import Part
from gate_server.engine.readers.table import Table
from gate_server.model import Evaluation, Format, Limits, Result

from .parity import asked_of, differ, tables
from .test_parity import EXAMPLES, suites

CSV, PARQUET = Format("csv", infer=True), Format("parquet")
NOT_NULL = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "qty"}}
UNIQUE = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}
MEAN = {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "qty", "max_value": 5}}
DEVIATION = {"type": "expect_column_stdev_to_be_between", "kwargs": {"column": "qty", "max_value": 5}}
MEDIAN = {"type": "expect_column_median_to_be_between", "kwargs": {"column": "qty", "max_value": 5}}
ROWS = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 6}}
KINDS = {
    "expect_column_values_to_be_between": {"min_value": 0},
    "expect_column_values_to_be_in_set": {"value_set": [1, 2, 3, 4, 5, 6]},
    "expect_column_values_to_be_of_type": {"type_": "int64"},
    "expect_column_min_to_be_between": {"min_value": 0},
    "expect_column_max_to_be_between": {"min_value": 0},
    "expect_column_sum_to_be_between": {"min_value": 0},
    "expect_column_unique_value_count_to_be_between": {"min_value": 1},
    "expect_column_proportion_of_unique_values_to_be_between": {"min_value": 0.1},
    "expect_column_proportion_of_non_null_values_to_be_between": {"min_value": 0.1},
    "expect_column_distinct_values_to_be_in_set": {"value_set": [1, 2, 3, 4, 5, 6]},
    "expect_column_distinct_values_to_contain_set": {"value_set": [1]},
    "expect_column_distinct_values_to_equal_set": {"value_set": [1, 2, 3, 4, 5, 6]},
}


class Store:
    """Objects in memory, and how often each was opened."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents
        self.opened: list[str] = []

    def objects(self) -> list[DataObject]:
        """Return the objects in the order of their paths."""
        return [self._object(path, content) for path, content in sorted(self.contents.items())]

    def _object(self, path: str, content: bytes) -> DataObject:
        def open_object() -> io.BytesIO:
            self.opened.append(path)
            return io.BytesIO(content)

        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return DataObject(path, len(content), md5, open_object, identity=md5)


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def three() -> Store:
    return Store(
        {f"d/{place}.csv": f"id,qty\n{place}1,{place}\n{place}2,4\n".encode() for place in (1, 2, 3)}
    )


def judged(make_suite: Any, store: Store, *asks: Any, kept: Kept | None, fmt: Format = CSV) -> Evaluation:
    return evaluate(make_suite(*asks), store.objects(), fmt, {}, Limits(), kept=kept)


def told(results: Iterable[Result]) -> list[tuple[Any, ...]]:
    return [(one.success, one.message, one.observed, one.rows, one.detail.get("places")) for one in results]


# Without shrinking, as each try compiles fifty expectations for each table.
@settings(
    max_examples=EXAMPLES, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(pieces=st.lists(tables(), min_size=2, max_size=4), suite=suites(), again=st.booleans())
def test_states_tell_what_the_pass_tells_of_all_objects_together(
    pieces: list[pa.Table], suite: list[dict[str, Any]], again: bool
) -> None:
    asked = asked_of(*suite)
    store = Store({f"{place}.parquet": parquet(piece) for place, piece in enumerate(pieces)})
    firsts = [sum(piece.num_rows for piece in pieces[:place]) for place in range(len(pieces))]
    parts = tuple(Part(f"{place}.parquet", first) for place, first in enumerate(firsts))
    whole = passing.run(asked, in_memory(Table(pa.concat_tables(pieces), parts)))
    kept = Kept()
    found = datasets.judge(asked, store.objects(), PARQUET, Allowance(Limits()), kept)
    if again:
        store.opened.clear()
        found = datasets.judge(asked, store.objects(), PARQUET, Allowance(Limits()), Kept(kept.made))
        assert found.known == len(pieces)
        assert not store.opened
    differing = [
        (one.type, dict(one.kwargs), one.condition, mine, whole.results[one.number])
        for one in asked
        if one.number in found.results and one.number in whole.results
        for mine in [
            replace(found.results[one.number], answered_from=whole.results[one.number].answered_from)
        ]
        if differ(mine, whole.results[one.number])
    ]
    assert not differing, "\n".join(map(str, differing))
    assert {one.number for one in found.left} | set(found.results) == {one.number for one in asked}


def test_states_tell_of_what_is_counted_added_up_and_different() -> None:
    tables = [pa.table({"x": pa.array([1, 2, None])}), pa.table({"x": pa.array([4, 5, 6])})]
    store = Store({f"{place}.parquet": parquet(table) for place, table in enumerate(tables)})
    asked = asked_of(*({"type": kind, "kwargs": {"column": "x", **more}} for kind, more in KINDS.items()))
    found = datasets.judge(asked, store.objects(), PARQUET, Allowance(Limits()), Kept())
    assert not found.left
    failed = [one.expectation for one in found.results.values() if not one.success]
    assert failed == ["expect_column_distinct_values_to_equal_set"]  # 3 is missing
    assert {one.answered_from for one in found.results.values()} == {"pass"}


def test_only_what_changed_is_read(make_suite: Any) -> None:
    store, kept = three(), Kept()
    asks = (NOT_NULL, UNIQUE, MEAN, DEVIATION, ROWS)
    first = judged(make_suite, store, *asks, kept=kept)
    assert [result.success for result in first.results] == [True] * 5
    assert (first.objects_read, first.objects_known) == (3, 0)
    store.contents["d/2.csv"] = b"id,qty\n21,2\n22,\n"
    store.opened.clear()
    second = judged(make_suite, store, *asks, kept=Kept(kept.made))
    assert set(store.opened) == {"d/2.csv"}
    assert (second.objects_read, second.objects_known) == (1, 2)
    assert told(second.results) == told(judged(make_suite, store, *asks, kept=None).results)
    assert second.results[0].detail["places"] == [{"path": "d/2.csv", "line": 3}]


def test_the_first_rows_that_fail_are_told_of_objects_that_are_not_read(make_suite: Any) -> None:
    store, kept = three(), Kept()
    store.contents["d/2.csv"] = b"id,qty\n21,2\n22,\n"
    judged(make_suite, store, NOT_NULL, kept=kept)
    store.contents["d/3.csv"] = b"id,qty\n31,\n32,9\n"
    store.opened.clear()
    again = judged(make_suite, store, NOT_NULL, kept=Kept(kept.made))
    assert set(store.opened) == {"d/3.csv"}
    places = [{"path": "d/2.csv", "line": 3}, {"path": "d/3.csv", "line": 2}]
    assert again.results[0].detail["places"] == places
    assert again.results[0].rows == (3, 4)


def test_a_value_that_two_objects_hold_is_found_by_reading_that_column_of_all(make_suite: Any) -> None:
    store, kept = three(), Kept()
    judged(make_suite, store, UNIQUE, MEAN, kept=kept)
    store.contents["d/2.csv"] = b"id,qty\n11,2\n22,3\n"
    found = judged(make_suite, store, UNIQUE, MEAN, kept=Kept(kept.made))
    plain = judged(make_suite, store, UNIQUE, MEAN, kept=None)
    assert told(found.results) == told(plain.results)
    assert [result.success for result in found.results] == [False, True]
    assert found.results[0].unexpected_count == 2


def test_what_states_do_not_tell_is_asked_of_all_objects_together(make_suite: Any) -> None:
    store, kept = three(), Kept()
    judged(make_suite, store, MEDIAN, NOT_NULL, kept=kept)
    found = judged(make_suite, store, MEDIAN, NOT_NULL, kept=Kept(kept.made))
    assert told(found.results) == told(judged(make_suite, store, MEDIAN, NOT_NULL, kept=None).results)
    assert (found.objects_read, found.objects_known) == (3, 3)


def test_too_many_different_values_are_counted_by_reading_them(
    make_suite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "MOST_VALUES_OF_ONE", 1)
    store, kept = three(), Kept()
    found = judged(make_suite, store, UNIQUE, kept=kept)
    assert [result.success for result in found.results] == [True]
    again = judged(make_suite, store, UNIQUE, kept=Kept(kept.made))
    assert again.objects_read == 3
    assert told(again.results) == told(found.results)


def test_expectations_share_how_many_different_values_are_kept(
    make_suite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "MOST_VALUES_OF_ONE", 2)
    of_qty = {
        "type": "expect_column_unique_value_count_to_be_between",
        "kwargs": {"column": "qty", "max_value": 9},
    }
    for asks, read in (((UNIQUE,), 0), ((UNIQUE, of_qty), 3)):
        store, kept = three(), Kept()
        judged(make_suite, store, *asks, kept=kept)
        again = judged(make_suite, store, *asks, kept=Kept(kept.made))
        assert again.objects_read == read
        assert told(again.results) == told(judged(make_suite, store, *asks, kept=None).results)


def test_an_object_that_moves_comes_goes_or_shrinks_to_nothing(make_suite: Any) -> None:
    store, kept = three(), Kept()
    asks = (NOT_NULL, UNIQUE, MEAN, ROWS)
    judged(make_suite, store, *asks, kept=kept)
    store.contents["d/0.csv"] = store.contents.pop("d/3.csv")
    store.contents["d/4.csv"] = b"id,qty\n41,\n42,1\n"
    store.contents["d/2.csv"] = b""
    found = judged(make_suite, store, *asks, kept=Kept(kept.made))
    assert found.objects_known == 1
    assert told(found.results) == told(judged(make_suite, store, *asks, kept=None).results)
    assert [result.success for result in found.results] == [False, True, True, True]
    assert found.results[0].detail["places"] == [{"path": "d/4.csv", "line": 2}]


@pytest.mark.parametrize("spoil", [lambda made: made[:-1], lambda made: made[::-1], lambda _: b"x" * 99])
def test_spoilt_states_are_made_anew(make_suite: Any, spoil: Any) -> None:
    store, kept = three(), Kept()
    judged(make_suite, store, NOT_NULL, kept=kept)
    found = judged(make_suite, store, NOT_NULL, kept=(again := Kept(spoil(kept.made))))
    assert (found.objects_read, found.objects_known) == (3, 0)
    assert again.made == kept.made


@pytest.mark.parametrize(
    "changed",
    [
        b"id,qty\n21,many\n22,4\n",  # another type
        b"id\n21\n22\n",
        b"id,qty\n21\n",  # ragged
        b'id,qty\n"21\n',
        b"id,qty\n",
        b"\n",
        b"\xff\xfe",
    ],
)
def test_an_object_that_is_not_like_the_others_is_told_as_without_states(
    make_suite: Any, changed: bytes
) -> None:
    store, kept = three(), Kept()
    judged(make_suite, store, NOT_NULL, MEAN, kept=kept)
    store.contents["d/2.csv"] = changed
    plain = judged(make_suite, store, NOT_NULL, MEAN, kept=None)
    found = judged(make_suite, store, NOT_NULL, MEAN, kept=Kept(kept.made))
    assert (found.status, found.problem) == (plain.status, plain.problem)
    assert told(found.results) == told(plain.results)


@pytest.mark.parametrize(("name", "most"), [("rows", 5), ("size_bytes", 40), ("decompressed_bytes", 40)])
def test_limits_are_those_of_all_objects(make_suite: Any, name: str, most: int) -> None:
    store, limits = three(), Limits(**{name: most})
    kept = Kept()
    for known in (b"", kept.made):
        found = evaluate(make_suite(NOT_NULL), store.objects(), CSV, {}, limits, kept=Kept(known))
        assert (found.status, found.problem and found.problem.code) == ("limit_of_data", name)
    judged(make_suite, store, NOT_NULL, kept=kept)
    found = evaluate(make_suite(NOT_NULL), store.objects(), CSV, {}, limits, kept=Kept(kept.made))
    assert (found.status, found.problem and found.problem.code) == ("limit_of_data", name)


def test_what_is_too_large_together_is_not_read_first(make_suite: Any) -> None:
    reads = []
    for kept in (None, Kept()):
        store = three()
        found = evaluate(make_suite(NOT_NULL), store.objects(), CSV, {}, Limits(size_bytes=40), kept=kept)
        assert found.status == "limit_of_data"
        reads.append(store.opened)
    assert reads[0] == reads[1]


def test_nothing_is_kept_of_an_object_that_nothing_stands_for(make_suite: Any) -> None:
    store, kept = three(), Kept()
    objects = [replace(one, identity="" if "2" in one.path else one.identity) for one in store.objects()]
    found = evaluate(make_suite(NOT_NULL), objects, CSV, {}, Limits(), kept=kept)
    assert (found.status, found.objects_read, kept.made) == ("answered", 3, b"")


def test_the_same_checksum_is_not_the_same_content(make_suite: Any) -> None:
    store, kept = three(), Kept()
    judged(make_suite, store, NOT_NULL, kept=kept)
    store.opened.clear()
    objects = [
        replace(one, identity="elsewhere" if "2" in one.path else one.identity) for one in store.objects()
    ]
    evaluate(make_suite(NOT_NULL), objects, CSV, {}, Limits(), kept=Kept(kept.made))
    assert store.opened == ["d/2.csv"]


def test_spoilt_bytes_are_told_and_never_kept(make_suite: Any) -> None:
    store, kept = three(), Kept()
    judged(make_suite, store, NOT_NULL, kept=kept)
    objects = [
        replace(one, checksum="0" * 32, identity="other") if "2" in one.path else one
        for one in store.objects()
    ]
    found = evaluate(make_suite(NOT_NULL), objects, CSV, {}, Limits(), kept=(after := Kept(kept.made)))
    assert (found.status, found.problem and found.problem.code) == ("unreadable", "checksum")
    assert found.problem
    assert found.problem.path == "d/2.csv"
    assert after.made == b""


def drifting() -> Store:
    usual = pa.table({"id": [1, 2], "qty": [1, 2]})
    store = Store({f"d/{place}.parquet": parquet(usual) for place in range(1, 5)})
    store.contents["d/0.parquet"] = parquet(pa.table({"id": [1], "qty": ["one"]}))
    store.contents["d/5.parquet"] = parquet(pa.table({"id": [1], "note": ["x"]}))
    return store


DRIFT = (
    "2 of 6 objects have other columns than the rest: d/0.parquet: `qty` is string, not int64; "
    "d/5.parquet: `qty` is missing, `note` is new"
)


def test_drift_is_named_file_by_file_and_found_from_footers(
    make_suite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kept in (None, Kept()):
        found = judged(make_suite, drifting(), NOT_NULL, kept=kept, fmt=PARQUET)
        assert (found.status, found.problem and found.problem.message) == ("unreadable", DRIFT)
        assert found.problem
        assert found.problem.path == "d/0.parquet"
    # Of objects that are not fetched as a whole nothing but the footers is read.
    store = drifting()
    monkeypatch.setattr(parquet_object, "WHOLE_BYTES", 0)
    ranged = [replace(one, read_range=ranges_of(store.contents[one.path])) for one in store.objects()]
    found = evaluate(make_suite(NOT_NULL), ranged, PARQUET, {}, Limits())
    assert found.problem
    assert found.problem.message == DRIFT
    assert not store.opened


def test_drift_is_named_where_most_objects_are_not_read(make_suite: Any) -> None:
    store, kept = drifting(), Kept()
    for path in ("d/0.parquet", "d/5.parquet"):
        store.contents[path] = store.contents["d/1.parquet"]
    assert judged(make_suite, store, NOT_NULL, kept=kept, fmt=PARQUET).status == "answered"
    store.contents |= {path: drifting().contents[path] for path in ("d/0.parquet", "d/5.parquet")}
    store.opened.clear()
    found = judged(make_suite, store, NOT_NULL, kept=Kept(kept.made), fmt=PARQUET)
    assert (found.status, found.problem and found.problem.message) == ("unreadable", DRIFT)
    assert set(store.opened) == {"d/0.parquet", "d/5.parquet"}


def test_a_table_may_be_written_anew_with_other_columns(make_suite: Any) -> None:
    store, kept = drifting(), Kept()
    store.contents = {f"d/{place}.parquet": store.contents["d/1.parquet"] for place in range(3)}
    judged(make_suite, store, NOT_NULL, kept=kept, fmt=PARQUET)
    changed = parquet(pa.table({"id": [1], "qty": [1.5]}))
    store.contents = dict.fromkeys(store.contents, changed)
    found = judged(make_suite, store, NOT_NULL, kept=Kept(kept.made), fmt=PARQUET)
    assert (found.status, found.rows, found.objects_known) == ("answered", 3, 0)


def test_what_states_leave_is_answered_whatever_left_it_and_in_which_order(make_suite: Any) -> None:
    compound = {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["id", "qty"]}}
    by_python = {
        "type": "expect_column_value_z_scores_to_be_less_than",
        "kwargs": {"column": "qty", "threshold": 3, "double_sided": True},
    }
    store, kept = three(), Kept()
    store.contents["d/2.csv"] = store.contents["d/1.csv"]
    for asks in ((UNIQUE, by_python, compound), (by_python, compound, UNIQUE)):
        for _ in range(2):
            found = judged(make_suite, store, *asks, kept=kept)
            plain = judged(make_suite, store, *asks, kept=None)
            assert (found.status, told(found.results)) == ("answered", told(plain.results))
            kept = Kept(kept.made)
        kept = Kept()


def test_states_of_objects_without_columns_are_kept(make_suite: Any) -> None:
    store, kept = Store({f"d/{place}.parquet": parquet(pa.table({})) for place in range(2)}), Kept()
    asks = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 0}}
    for known in (0, 2):
        found = judged(make_suite, store, asks, kept=kept, fmt=PARQUET)
        assert ([one.success for one in found.results], found.objects_known) == ([True], known)
        kept = Kept(kept.made)


def ranges_of(content: bytes) -> Any:
    return lambda first, count: content[first : first + count]
