"""Beside the destination only the columns needed are read, of both, with the answers of whole tables."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate_server.engine import evaluate as evaluating
from gate_server.engine import reference
from gate_server.engine.evaluate import evaluate
from gate_server.engine.objects import DataObject
from gate_server.engine.readers import parquet_object
from gate_server.engine.readers.scan import NotPlain
from gate_server.model import AGE_AT_COMMIT, COMPARING, Evaluation, Format, Limits

from .conftest import _object, _suite

TYPES = {
    "id": pa.int64(),
    "v": pa.float64(),
    "t": pa.string(),
    "d": pa.date32(),
    "Id": pa.int32(),
    "list": pa.list_(pa.int64()),
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": st.integers(-2, 3),
    "v": st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf"), 1e300]),
    "t": st.sampled_from(["", "a", "é", "A"]),
    "d": st.dates(dt.date(2024, 1, 1), dt.date(2024, 1, 3)),
    "Id": st.integers(0, 3),
    "list": st.lists(st.integers(0, 1), max_size=2),
}
CSV = Format(
    "csv",
    types={
        "id": "integer",
        "v": "number",
        "d": "date",
        "Id": "integer",
        "t": "string",
        "nope": "number",
    },
)
COLUMN = st.sampled_from([*TYPES, "nope"])
BAND = st.sampled_from([{"min_value": 0}, {"max_value": 1}, {"min_value": 0.5, "max_value": 2}])


@st.composite
def tables(draw: st.DrawFn, names: list[str]) -> pa.Table:
    """Return a table of some rows."""
    rows = draw(st.integers(0, 5))
    return pa.table(
        {
            name: pa.array(
                draw(st.lists(st.none() | VALUES[name], min_size=rows, max_size=rows)), TYPES[name]
            )
            for name in names
        }
    )


@st.composite
def sides(draw: st.DrawFn, columns: list[str]) -> list[pa.Table]:
    """Return one or two tables of the same columns."""
    names = [name for name in columns if draw(st.integers(0, 5))] or columns[:1]
    return draw(st.lists(tables(names), min_size=1, max_size=2))


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    """Return one expectation that looks at the destination, or at the commit's time."""
    kind = draw(st.sampled_from(sorted({*COMPARING, AGE_AT_COMMIT})))
    kwargs: dict[str, Any] = {}
    if "compound" in kind:
        kwargs["column_list"] = draw(st.lists(COLUMN, min_size=1, max_size=2))
    elif "expect_column_" in kind:
        kwargs["column"] = draw(COLUMN)
    if kind.endswith("to_be_between"):
        kwargs |= draw(BAND)
    return {"type": kind, "kwargs": kwargs}


OTHERS: list[dict[str, Any]] = [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
    {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 2}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "t"}},
]


def written(table: pa.Table, form: str, path: str) -> DataObject:
    sink = io.BytesIO()
    if form == "csv":
        pyarrow.csv.write_csv(table, sink)
    else:
        pq.write_table(table, sink, row_group_size=2)
    content = sink.getvalue()
    return replace(_object(content, path), read_range=lambda first, count: content[first : first + count])


@contextmanager
def as_whole_tables() -> Iterator[None]:
    """Let nothing be plain."""

    def refuse(*_: Any) -> NoReturn:
        raise NotPlain("the table way")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluating, "_by_scan", refuse)
        for opened in ("open_parquet", "open_scan"):
            patch.setattr(reference, opened, refuse)
        yield


def told(evaluation: Evaluation) -> Any:
    """Return what an evaluation says, but for how it was come by."""
    results = [replace(result, answered_from="") for result in evaluation.results]
    return evaluation.status, evaluation.problem, evaluation.rows, evaluation.columns, results


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_columns_alone_answer_as_whole_tables_do(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(["parquet", "csv"]))
    columns = [name for name in TYPES if form == "parquet" or name != "list"]
    mine, there = (
        [
            written(table, form, f"{side}/{place}.{form}")
            for place, table in enumerate(data.draw(sides(columns)))
        ]
        for side in ("mine", "main")
    )
    asked = data.draw(st.lists(comparisons(), min_size=1, max_size=3))
    asked += data.draw(st.lists(st.sampled_from(OTHERS), max_size=2))
    fmt = CSV if form == "csv" else Format("parquet")
    given_ = (_suite(*asked), mine, fmt, {}, Limits(), there, 1_704_200_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_object, "WHOLE_BYTES", 0)
        patch.setattr(parquet_object, "WHOLE_SHARE", 2.0)
        by_columns = evaluate(*given_)
    with as_whole_tables():
        by_tables = evaluate(*given_)
    assert told(by_columns) == told(by_tables)


def test_only_what_is_compared_is_read_of_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_object, "WHOLE_BYTES", 1000)
    columns = {f"c{place}": [f"{place} {row}" for row in range(20_000)] for place in range(10)}
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, compression="none", use_dictionary=False)
    content = sink.getvalue()
    read: dict[str, int] = {"mine": 0, "main": 0}

    def side(path: str) -> DataObject:
        def ranged(first: int, count: int) -> bytes:
            read[path] += count
            return content[first : first + count]

        return replace(_object(content, path), read_range=ranged)

    keys = {
        "type": "expect_compound_columns_to_include_those_of_destination",
        "kwargs": {"column_list": ["c3"]},
    }
    evaluation = evaluate(_suite(keys), [side("mine")], Format("parquet"), {}, Limits(), [side("main")])
    (result,) = evaluation.results
    assert (result.success, evaluation.read_in_full) == (True, "")
    assert 0 < read["mine"] < len(content) / 6
    assert 0 < read["main"] < len(content) / 6
    assert evaluation.bytes_read == read["mine"] + read["main"]


def test_csv_is_read_once_where_all_is_compared() -> None:
    opened: list[str] = []

    def side(path: str) -> DataObject:
        one = _object(b"id,v\n1,2\n2,3\n", path)

        def open_() -> Any:
            opened.append(path)
            return one.open()

        return replace(one, open=open_)

    keys = {
        "type": "expect_compound_columns_to_not_repeat_those_of_destination",
        "kwargs": {"column_list": ["id"]},
    }
    evaluation = evaluate(_suite(keys), [side("mine.csv")], CSV, {}, Limits(), [side("main.csv")])
    (result,) = evaluation.results
    assert (result.success, evaluation.read_in_full) == (False, "")
    assert "first line 2" in result.message
    assert opened == ["mine.csv", "main.csv"]


@pytest.mark.parametrize(("identity", "repeated"), [("other", 3), ("same", 0)])
def test_a_checksum_that_was_not_compared_shows_nothing(
    identity: str, repeated: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody stages other bytes with the checksum of those that the destination holds (C1)."""
    monkeypatch.setattr(reference, "WHOLE_BYTES", 0)
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2, 3]}), sink)
    held = replace(_object(sink.getvalue(), "x.parquet"), identity="same")
    staged = replace(held, identity=identity)
    asks = _suite({"type": "expect_table_rows_to_not_repeat_those_of_destination"})
    found = evaluate(asks, [staged], Format("parquet"), {}, Limits(), [held])
    (result,) = found.results
    assert (result.success, result.unexpected_count or 0) == (not repeated, repeated)
