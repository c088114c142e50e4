"""Texts judged by the entries of their dictionaries are judged as if row by row."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate_server.engine.native import passing
from gate_server.engine.native.compiling import compile_all
from gate_server.engine.objects import DataObject
from gate_server.engine.questions import Asked, interpret
from gate_server.engine.readers.entries import Tallying
from gate_server.engine.readers.failure import Allowance
from gate_server.engine.readers.opening import in_memory
from gate_server.engine.readers.parquet_scan import scan_parquet
from gate_server.engine.readers.scan import NotPlain, Scan, Tally
from gate_server.engine.readers.scan import Part as Place
from gate_server.engine.readers.table import Table
from gate_server.model import Limits, Suite

TEXTS = ["", "a", "ab", "é", "٣", "2024-02-30", "2024-02-28", '{"a": 1}', "{", "a\n", "\U0001f600"]
SUITE: list[tuple[str, dict[str, Any]]] = [
    ("expect_column_values_to_not_be_null", {}),
    ("expect_column_values_to_be_null", {}),
    ("expect_column_value_lengths_to_be_between", {"min_value": 1, "max_value": 2}),
    ("expect_column_value_lengths_to_equal", {"value": 1}),
    ("expect_column_values_to_match_regex", {"regex": r"^\w+$"}),
    ("expect_column_values_to_not_match_regex", {"regex": "a"}),
    ("expect_column_values_to_match_regex_list", {"regex_list": [r"\d", "a"]}),
    ("expect_column_values_to_be_in_set", {"value_set": ["a", "é", "none of them"]}),
    ("expect_column_values_to_not_be_in_set", {"value_set": ["a", "{"]}),
    ("expect_column_values_to_match_strftime_format", {"strftime_format": "%Y-%m-%d"}),
    ("expect_column_values_to_be_json_parseable", {}),
    ("expect_column_values_to_be_increasing", {}),
    ("expect_column_values_to_be_in_set", {"value_set": ["a"], "row_condition": "other"}),
    ("expect_column_values_to_be_unique", {}),
    ("expect_column_distinct_values_to_be_in_set", {"value_set": ["a", "ab"]}),
]
COLUMNS = ("t", "also")


def asked_of(columns: tuple[str, ...]) -> list[Asked]:
    """Return the suite on each column."""
    asked = []
    for column in columns:
        for kind, kwargs in SUITE:
            own: dict[str, Any] = {"column": column, **kwargs}
            if "row_condition" in own:
                own |= {"row_condition": 'col("other") > 1', "condition_parser": "great_expectations"}
            asked.append({"type": kind, "kwargs": own})
    questions, problems = interpret(Suite("s", {"expectations": asked}), {})
    assert not problems
    return list(questions)


def scan_of(table: pa.Table, **written: Any) -> Scan:
    """Return the table as a Parquet object."""
    stream = io.BytesIO()
    pq.write_table(table, stream, **written)
    content = stream.getvalue()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    data = DataObject("t.parquet", len(content), md5, lambda: io.BytesIO(content))
    return scan_parquet([data], table.column_names, Allowance(Limits()))


texts = st.lists(st.sampled_from(TEXTS) | st.none(), min_size=1, max_size=60)


@given(
    rows=texts,
    kind=st.sampled_from([pa.string(), pa.large_string()]),
    size=st.integers(1, 60),
    data=st.data(),
)
def test_as_row_by_row(rows: list[str | None], kind: pa.DataType, size: int, data: st.DataObject) -> None:
    table = pa.table(
        {
            "t": pa.array(rows * 3, kind),
            "also": pa.array([*reversed(rows)] * 3, pa.string()),
            "other": list(range(3 * len(rows))),
        }
    )
    asked = asked_of(COLUMNS)
    by_dictionary = data.draw(st.sampled_from([True, False, ["t"]]))
    scan = scan_of(table, row_group_size=size, use_dictionary=by_dictionary)
    assert scan.texts == set(COLUMNS)
    found = passing.run(asked, scan)
    expected = passing.run(asked, in_memory(Table(table, (Place("t.parquet", 0),))))
    assert found.left == expected.left
    assert found.results == expected.results


@given(rows=texts, size=st.integers(1, 60))
def test_what_is_added_is_counted(rows: list[str | None], size: int) -> None:
    tally = Tally("t", {"there": pl.Series.is_not_null, "a": lambda one: (one == "a").fill_null(value=False)})
    tallying = Tallying(tally)
    whole = pa.array(rows, pa.string())
    for first in range(0, len(rows), size):
        piece = whole[first : first + size]
        tallying.add(piece.dictionary_encode() if first % 2 else piece)
        tallying.add(whole.dictionary_encode()[first : first + size])
    assert not tally.rows
    tallying.end()
    assert tally.rows == {"there": 2 * (len(rows) - rows.count(None)), "a": 2 * rows.count("a")}


def test_no_entries_are_read_row_by_row() -> None:
    rows = [None, "a", "ab"] * 1000
    scan = scan_of(pa.table({"t": rows, "also": rows}))
    asked = [one for one in asked_of(COLUMNS) if "length" in one.type]
    assert scan.tallying is not None
    assert "also" in scan.tallying([]).collect_schema()
    found = passing.run(asked, scan)
    assert not found.left
    assert [found.results[one.number].unexpected_count for one in asked] == [0, 1000, 0, 1000]


def test_what_was_not_read_to_its_end_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [one for one in asked_of(("t",)) if "length" in one.type]
    scan = scan_of(pa.table({"t": ["a", "ab"]}))
    assert compile_all(asked, scan.schema, {"t"}).parts
    monkeypatch.setattr(Tallying, "end", lambda _: None)
    with pytest.raises(NotPlain, match="not read to its end"):
        passing.run(asked, scan)


def test_what_is_not_told_of_a_text_is_no_answer() -> None:
    tallying = Tallying(Tally("t", {"a": lambda one: one == "a"}))
    with pytest.raises(NotPlain):
        tallying.add(pa.array(["a", None]))
    with pytest.raises(NotPlain):
        tallying.add(pa.array([1, 2]))


def test_a_set_of_any_number_of_texts() -> None:
    wanted = [str(number) for number in range(20_000)]
    asked, _ = interpret(
        Suite(
            "s",
            {
                "expectations": [
                    {
                        "type": "expect_column_values_to_be_in_set",
                        "kwargs": {"column": "t", "value_set": wanted},
                    }
                ]
            },
        ),
        {},
    )
    for kind in (pa.string(), pa.large_string()):
        found = passing.run(asked, scan_of(pa.table({"t": pa.array(["7", "x"], kind)})))
        assert found.results[0].unexpected_count == 1, kind
