"""What footers prove of a column is so, whoever wrote them; what they do not prove is not told."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate_server.engine.readers.failure import Allowance
from gate_server.engine.readers.footer import Footer, footer_bytes, parse_footer
from gate_server.engine.readers.statistics import Proven, proven
from gate_server.model import Limits

EPOCH = dt.date(1970, 1, 1)
KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "int8": (pa.int8(), st.integers(-128, 127)),
    "int16": (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "int32": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "int64": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "date": (pa.date32(), st.dates()),
    "ms": (pa.timestamp("ms"), st.datetimes().map(lambda one: one.replace(microsecond=0))),
    "us": (pa.timestamp("us"), st.datetimes()),
    "utc": (pa.timestamp("us", "UTC"), st.datetimes()),
    "uint": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "bool": (pa.bool_(), st.booleans()),
    "text": (pa.string(), st.text(max_size=90)),
    "decimal": (pa.decimal128(9, 2), st.integers(-(10**9) + 1, 10**9 - 1).map(lambda n: Decimal(f"{n}E-2"))),
}
BOUNDED = ("int8", "int16", "int32", "int64", "date", "ms", "us", "utc")


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Return a table of all kinds, with nulls in places or everywhere."""
    rows = draw(st.integers(0, 12))
    columns = {}
    for name, (kind, values) in KINDS.items():
        with_nulls = draw(st.sampled_from([values, values | st.none(), st.none()]))
        columns[name] = pa.array(draw(st.lists(with_nulls, min_size=rows, max_size=rows)), kind)
    return pa.table(columns)


def footer_of(content: bytes) -> Footer:
    count = footer_bytes(content[-8:]) + 8
    return parse_footer(content[-count:], len(content), Allowance(Limits()))


def by_pyarrow(table: pa.Table, **options: Any) -> Footer:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return footer_of(sink.getvalue())


def by_polars(table: pa.Table, **options: Any) -> Footer:
    sink = io.BytesIO()
    frame: Any = pl.from_arrow(table)
    frame.write_parquet(sink, **options)
    return footer_of(sink.getvalue())


def stored(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64())


@settings(max_examples=60)
@given(tables(), st.sampled_from([1, 2, 5, 100]), st.booleans())
def test_what_is_proven_is_so(table: pa.Table, rows_a_group: int, dictionary: bool) -> None:
    all_of_it = pa.concat_tables([table, table.slice(0, 1)])
    for footers in (
        [
            by_pyarrow(table, row_group_size=rows_a_group, use_dictionary=dictionary),
            by_pyarrow(table.slice(0, 1), version="1.0", store_schema=False),
        ],
        [by_polars(table, row_group_size=rows_a_group), by_polars(table.slice(0, 1), statistics="full")],
    ):
        for name in KINDS:
            found = proven(footers, name)
            assert found is not None, name
            column = all_of_it[name]
            assert found.nulls == column.null_count, name
            if name in BOUNDED and column.null_count < len(column):
                values = stored(column)
                assert (found.low, found.high) == (pc.min(values).as_py(), pc.max(values).as_py()), name
            else:
                assert (found.low, found.high) == (None, None), name


def test_without_statistics_nothing_is_proven() -> None:
    table = pa.table({"n": [1, 2, None], "day": [EPOCH, None, EPOCH]})
    for footer in (by_pyarrow(table, write_statistics=False), by_polars(table, statistics=False)):
        assert proven([footer], "n") is None
        assert proven([by_pyarrow(table), footer], "n") is None
    partly = by_pyarrow(table, write_statistics=["day"])
    assert proven([partly], "n") is None
    assert proven([partly], "day") == Proven(1, 0, 0)


def test_a_column_without_nulls_by_its_schema_has_none() -> None:
    table = pa.table({"n": [1, 2]}, schema=pa.schema([pa.field("n", pa.int64(), nullable=False)]))
    assert proven([by_pyarrow(table, write_statistics=False)], "n") == Proven(0, None, None)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1.0, float("nan")]),
        pa.array([1.0, 2.0], pa.float32()),
        pa.array([1], pa.timestamp("ns")),
        pa.array([1], pa.timestamp("us", "Europe/Berlin")),
        pa.array([-(2**63)], pa.timestamp("us")),  # which pandas reads as null
        pa.array([3_000_000], pa.date32()),
        pa.array([b"x"]),
        pa.array([[1]]),
        pa.array([{"x": 1}]),
        pa.array([1], pa.duration("us")),
    ],
)
def test_of_what_pandas_may_see_otherwise_nothing_is_proven(column: pa.Array) -> None:
    assert proven([by_pyarrow(pa.table({"x": column}))], "x") is None


def test_bounds_that_contradict_themselves_or_are_cut_prove_nothing() -> None:
    """A footer is taken as it is, but for what nobody can mean."""
    table = pa.table({"n": pa.array([5, 7, None], pa.int32())})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    whole = sink.getvalue()
    five, seven = (number.to_bytes(4, "little") for number in (5, 7))
    at = whole.rindex(seven + b"\x18\x04" + five)  # max_value, then min_value
    swapped = whole[:at] + five + b"\x18\x04" + seven + whole[at + 10 :]
    assert proven([footer_of(whole)], "n") == Proven(1, 5, 7)
    assert proven([footer_of(swapped)], "n") == Proven(1, None, None)
    inexact = whole[: at + 10] + b"\x12\x12" + whole[at + 12 :]
    assert whole[at + 10 : at + 12] == b"\x11\x11"  # both are exact
    assert proven([footer_of(inexact)], "n") == Proven(1, None, None)
