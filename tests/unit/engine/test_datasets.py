"""A dataset by the states of its objects: the same answers as all of them together, and less is read."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gate_server.engine import datasets
from gate_server.engine.datasets import Kept
from gate_server.engine.evaluate import evaluate, evaluate_together
from gate_server.engine.native import passing
from gate_server.engine.objects import DataObject
from gate_server.engine.readers import parquet_object
from gate_server.engine.readers.failure import Allowance
from gate_server.engine.readers.opening import in_memory
from gate_server.engine.readers.table import read_table
from gate_server.engine.states import load
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


def written(table: pa.Table, fmt: Format) -> bytes:
    """Return a table as a file that each reader gives back as it was."""
    sink = io.BytesIO()
    match fmt.type:
        case "parquet":
            pq.write_table(table, sink)
        case "orc":
            pa.orc.write_table(table, sink)
        case _:
            with pa.ipc.new_file(sink, table.schema) as file:
                file.write_table(table)
    return sink.getvalue()


# Without shrinking, as each try compiles fifty expectations for each table.
@settings(
    max_examples=EXAMPLES, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(
    pieces=st.lists(tables(), min_size=2, max_size=4),
    suite=suites(),
    kind=st.sampled_from(["parquet", "orc", "arrow"]),
    again=st.booleans(),
)
def test_states_tell_what_the_pass_tells_of_all_objects_together(
    pieces: list[pa.Table], suite: list[dict[str, Any]], kind: Any, again: bool
) -> None:
    asked, fmt = asked_of(*suite), Format(kind)
    if kind == "orc":  # which has no unsigned integers
        pieces = [piece.drop_columns(["u"]) for piece in pieces]
    store = Store({f"{place}.{kind}": written(piece, fmt) for place, piece in enumerate(pieces)})
    table = read_table(store.objects(), fmt, Allowance(Limits()))
    assert table
    whole = passing.run(asked, in_memory(table))
    kept = Kept()
    found = datasets.judge(asked, store.objects(), fmt, Allowance(Limits()), [(range(len(suite)), kept)])
    if again:
        store.opened.clear()
        found = datasets.judge(
            asked, store.objects(), fmt, Allowance(Limits()), [(range(len(suite)), Kept(kept.made))]
        )
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


SPELLED = ["null", "1", "-2", "2.5", "1e3", "12345678901234567", "98765432109876543210"]
SPELLED += ["true", '"a"', '"2024-01-01"', '{"a":1}', "[]"]
# A column's values are mostly of one kind: else no table is ever read.
COLUMN = st.sampled_from([["1", "-2"], ["1", "2.5"], ["true"], ['"a"', '"b"'], ["[1]"], SPELLED])
OF_ANY = (
    {"type": "expect_column_values_to_not_be_null"},
    {"type": "expect_column_unique_value_count_to_be_between", "min_value": 1, "max_value": 2},
    {"type": "expect_column_max_to_be_between", "max_value": 2},
    {"type": "expect_column_sum_to_be_between", "max_value": 2},
    {"type": "expect_column_values_to_be_in_type_list", "type_list": ["int64", "float64", "bool"]},
)


@st.composite
def texts(draw: st.DrawFn) -> tuple[Format, dict[str, bytes], list[dict[str, Any]]]:
    """Return a format whose types are those of all values, objects of it, and what is asked of these."""
    kind = draw(st.sampled_from(["jsonl", "jsonl", "csv"]))
    values = {name: draw(COLUMN) for name in ("a", "b", "c")}
    contents = {}
    for place in range(draw(st.integers(2, 4))):
        names = draw(st.permutations(list(values))) if kind == "jsonl" else list(values)
        names = names[: draw(st.integers(1, 3))] if kind == "jsonl" else names
        of_column = {
            name: st.sampled_from(draw(st.sampled_from([["null"], values[name], [*values[name], "null"]])))
            for name in names
        }
        rows = [[draw(of_column[name]) for name in names] for _ in range(draw(st.integers(0, 4)))]
        if kind == "csv":
            lines = [",".join(names), *(",".join(row).replace("null", "").replace('"', "") for row in rows)]
        else:
            lines = [
                "{" + ",".join(f'"{name}":{value}' for name, value in zip(names, row, strict=True)) + "}"
                for row in rows
            ]
        contents[f"{place}.{kind}"] = "".join(f"{line}\n" for line in lines).encode()
    types = draw(
        st.sampled_from([{}, {}, {"a": "number"}, {"b": "string"}, {"c": "timestamp"}, {"a": "decimal"}])
    )
    asked = [
        {
            "type": one["type"],
            "kwargs": {"column": draw(st.sampled_from(["a", "b", "c"]))}
            | {k: v for k, v in one.items() if k != "type"},
        }
        for one in OF_ANY
    ]
    columns = {
        "type": "expect_table_columns_to_match_ordered_list",
        "kwargs": {"column_list": ["a", "b", "c"]},
    }
    return Format(kind, types=types, infer=kind == "csv"), contents, [*asked, columns]


@settings(max_examples=5 * EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
@given(drawn=texts(), changed=st.integers(0, 3))
def test_what_types_text_has_is_told_by_all_objects(
    make_suite: Any, drawn: tuple[Format, dict[str, bytes], list[dict[str, Any]]], changed: int
) -> None:
    fmt, contents, asks = drawn
    store, kept = Store(contents), Kept()
    # What stands in one object changes into what stands in another.
    before = Store(contents | {sorted(contents)[changed % len(contents)]: contents[min(contents)]})
    first = judged(make_suite, before, *asks, kept=kept, fmt=fmt)
    assert same(first, judged(make_suite, before, *asks, kept=None, fmt=fmt))
    found = judged(make_suite, store, *asks, kept=Kept(kept.made), fmt=fmt)
    assert same(found, judged(make_suite, store, *asks, kept=None, fmt=fmt))


def same(one: Evaluation, other: Evaluation) -> bool:
    """Whether two evaluations say the same of the data."""
    return (one.status, one.problem, one.columns, one.rows, told(one.results)) == (
        other.status,
        other.problem,
        other.columns,
        other.rows,
        told(other.results),
    )


def test_states_tell_of_what_is_counted_added_up_and_different() -> None:
    tables = [pa.table({"x": pa.array([1, 2, None])}), pa.table({"x": pa.array([4, 5, 6])})]
    store = Store({f"{place}.parquet": parquet(table) for place, table in enumerate(tables)})
    asked = asked_of(*({"type": kind, "kwargs": {"column": "x", **more}} for kind, more in KINDS.items()))
    found = datasets.judge(
        asked, store.objects(), PARQUET, Allowance(Limits()), [(range(len(KINDS)), Kept())]
    )
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


@pytest.mark.parametrize("kind", ["jsonl", "orc", "arrow"])
def test_only_what_changed_is_read_of_each_format(make_suite: Any, kind: Any) -> None:
    fmt, kept, asks = Format(kind), Kept(), (NOT_NULL, UNIQUE, MEAN, DEVIATION, ROWS)

    def content(place: int, qty: int | None) -> bytes:
        rows = [{"id": place * 10 + 1, "qty": place}, {"id": place * 10 + 2, "qty": qty}]
        if kind == "jsonl":
            return "".join(json.dumps(row) + "\n" for row in rows).encode()
        return written(pa.Table.from_pylist(rows), fmt)

    store = Store({f"d/{place}": content(place, 4) for place in (1, 2, 3)})
    assert judged(make_suite, store, *asks, kept=kept, fmt=fmt).objects_read == 3
    store.contents["d/2"] = content(2, None)
    store.opened.clear()
    found = judged(make_suite, store, *asks, kept=Kept(kept.made), fmt=fmt)
    assert store.opened == ["d/2"]
    assert (found.objects_read, found.objects_known) == (1, 2)
    assert told(found.results) == told(judged(make_suite, store, *asks, kept=None, fmt=fmt).results)
    line = 2 if kind == "jsonl" else None
    assert found.results[0].detail["places"] == [{"path": "d/2", "line": line}]


def test_a_key_that_some_objects_leave_out_is_null_there(make_suite: Any) -> None:
    fmt, kept = Format("jsonl"), Kept()
    store = Store(
        {"d/1": b'{"id":1,"qty":1}\n{"id":2}\n', "d/2": b'{"id":3}\n', "d/3": b'{"qty":2.5,"id":4}\n'}
    )
    first = judged(make_suite, store, NOT_NULL, MEAN, kept=kept, fmt=fmt)
    assert (first.objects_known, first.results[0].unexpected_count) == (0, 2)
    store.contents["d/2"] = b'{"id":3,"qty":null}\n{"id":5}\n'
    store.opened.clear()
    found = judged(make_suite, store, NOT_NULL, MEAN, kept=Kept(kept.made), fmt=fmt)
    assert (set(store.opened), found.objects_known) == ({"d/2"}, 2)
    assert same(found, judged(make_suite, store, NOT_NULL, MEAN, kept=None, fmt=fmt))


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        ("jsonl", b'{"id":"x","qty":1}\n'),
        ("jsonl", b'{"id":1,"qty":{}}\n'),
        ("jsonl", b'{"id":1\n'),
        ("jsonl", b"\n"),
    ],
)
def test_json_lines_that_do_not_fit_are_told_as_without_states(
    make_suite: Any, kind: Any, other: bytes
) -> None:
    fmt, kept = Format(kind), Kept()
    store = Store({f"d/{place}": b'{"id":1,"qty":"a"}\n' for place in range(3)})
    judged(make_suite, store, NOT_NULL, kept=kept, fmt=fmt)
    store.contents["d/1"] = other
    found = judged(make_suite, store, NOT_NULL, kept=Kept(kept.made), fmt=fmt)
    plain = judged(make_suite, store, NOT_NULL, kept=None, fmt=fmt)
    assert same(found, plain)
    assert plain.status == ("answered" if other == b"\n" else "unreadable")


def test_a_day_of_nulls_only_is_of_the_type_of_the_others(make_suite: Any) -> None:
    store, kept = three(), Kept()
    store.contents["d/2.csv"] = b"id,qty\n21,\n22,\n"
    assert same(
        judged(make_suite, store, NOT_NULL, MEAN, kept=kept),
        judged(make_suite, store, NOT_NULL, MEAN, kept=None),
    )
    store.opened.clear()
    found = judged(make_suite, store, NOT_NULL, MEAN, kept=Kept(kept.made))
    assert (store.opened, found.objects_known) == ([], 3)
    # Without the others it is text again, as it would be without states.
    for path in ("d/1.csv", "d/3.csv"):
        store.contents[path] = b"id,qty\n9,\n"
    plain = judged(make_suite, store, NOT_NULL, MEAN, kept=None)
    assert same(judged(make_suite, store, NOT_NULL, MEAN, kept=Kept(kept.made)), plain)


@pytest.mark.parametrize("fmt", [CSV, Format("jsonl")], ids=["csv", "jsonl"])
@pytest.mark.parametrize("gives", ["1.5", '"x"', "10000000000000000"])
def test_an_object_that_gave_a_column_its_type_takes_it_along(
    make_suite: Any, fmt: Format, gives: str
) -> None:
    """Whatever the objects that stay were known as."""
    texts = ["1", "2", gives] if fmt.type == "jsonl" else ["1", "2", gives.strip('"')]
    row = '{{"qty": {}}}\n' if fmt.type == "jsonl" else "qty\n{}\n"
    store = Store({f"d/{place}": row.format(text).encode() for place, text in enumerate(texts)})
    asks = [
        {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "qty", "type_": kind}}
        for kind in ("int64", "float64", "str")
    ]
    kept = Kept()
    judged(make_suite, store, *asks, kept=kept, fmt=fmt)
    for change in (
        lambda: store.contents.pop("d/2"),
        lambda: store.contents.update({"d/3": store.contents["d/1"]}),
    ):
        change()
        kept = Kept(kept.made or kept.known)
        found = judged(make_suite, store, *asks, kept=kept, fmt=fmt)
        whole = judged(make_suite, store, *asks, kept=None, fmt=fmt)
        assert told(found.results) == told(whole.results)


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


def several(
    make_suite: Any, store: Store, suites: list[tuple[Any, ...]], kept: list[Kept]
) -> list[Evaluation]:
    given = [(make_suite(*asks), {}) for asks in suites]
    found = evaluate_together(given, store.objects(), CSV, Limits(), kept)
    assert found is not None
    return found


SUITES: list[tuple[Any, ...]] = [(NOT_NULL, UNIQUE), (MEDIAN, MEAN, NOT_NULL), (ROWS,)]


def test_what_changed_is_read_once_for_all_rules(make_suite: Any) -> None:
    store, kept = three(), [Kept() for _ in SUITES]
    several(make_suite, store, SUITES[::2], kept[::2])
    assert store.opened.count("d/2.csv") == 1
    # A rule that is new reads all, and so do those beside it; then each knows what each would know alone.
    several(make_suite, store, SUITES, kept := [Kept(one.made) for one in kept])
    for one, asks in zip(kept, SUITES, strict=True):
        judged(make_suite, store, *asks, kept=(alone := Kept()))
        assert load(one.made) == load(alone.made)
    store.contents["d/2.csv"] = b"id,qty\n21,2\n22,3\n"
    store.opened.clear()
    kept = [Kept(one.made) for one in kept]
    found = several(make_suite, store, SUITES, kept)
    # The median wants a column of all of them, too.
    assert (store.opened.count("d/1.csv"), store.opened.count("d/2.csv")) == (1, 2)
    for one, asks in zip(found, SUITES, strict=True):
        assert told(one.results) == told(judged(make_suite, store, *asks, kept=None).results)
        assert one.objects_known == 2
    again = several(make_suite, store, SUITES[::2], [Kept(one.made) for one in kept[::2]])
    assert [one.objects_known for one in again] == [3, 3]


def test_rules_that_know_a_table_of_other_columns_read_it_anew(make_suite: Any) -> None:
    store, (one, other) = three(), (Kept(), Kept())
    judged(make_suite, store, NOT_NULL, kept=one)
    wider = Store({path: content.replace(b"id,qty", b"qty,id") for path, content in store.contents.items()})
    judged(make_suite, wider, ROWS, kept=other)
    found = several(make_suite, store, [(NOT_NULL,), (ROWS,)], [Kept(one.made), Kept(other.made)])
    assert [evaluation.objects_known for evaluation in found] == [0, 0]
    assert [evaluation.columns for evaluation in found] == [("id", "qty")] * 2


def test_each_rule_keeps_as_many_different_values_as_alone(
    make_suite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "MOST_VALUES_OF_ONE", 2)
    kept = [Kept(), Kept()]
    several(make_suite, store := three(), [(UNIQUE,), (UNIQUE, ROWS)], kept)
    store.opened.clear()
    several(make_suite, store, [(UNIQUE,), (UNIQUE, ROWS)], [Kept(one.made) for one in kept])
    assert not store.opened


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


def test_states_that_are_too_large_are_kept_without_digests(make_suite: Any) -> None:
    asks, store, whole = (UNIQUE, NOT_NULL, MEAN), three(), Kept()
    judged(make_suite, store, *asks, kept=whole)
    judged(make_suite, store, *asks, kept=(kept := Kept(most_bytes=len(whole.made) - 1)))
    assert 0 < len(kept.made) < len(whole.made)
    store.opened.clear()
    found = judged(make_suite, store, NOT_NULL, MEAN, kept=None)
    again = judged(make_suite, store, *asks, kept=Kept(kept.made))
    assert (again.objects_known, again.objects_read) == (3, 3)  # read for what was dropped
    assert [one.success for one in again.results] == [True] * 3
    assert told(again.results[1:]) == told(found.results)


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
