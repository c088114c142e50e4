"""A value that stands twice is found by the hashes, of each type that the pass holds, however far apart."""

from __future__ import annotations

import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate_server.engine.native.unique import _different
from gate_server.model import Format

ROWS = 300_000  # of several row groups, and of several pieces in Polars
HELD: dict[str, tuple[pa.DataType, Sequence[Any], tuple[Any, Any]]] = {
    "integer": (pa.int64(), range(ROWS), (2**62, 2**62)),
    "unsigned": (pa.uint64(), range(ROWS), (2**64 - 1, 2**64 - 1)),
    "small": (pa.int32(), range(ROWS), (-1, -1)),
    "double": (pa.float64(), [n + 0.5 for n in range(ROWS)], (0.0, -0.0)),
    "single": (pa.float32(), [float(n + 1) for n in range(ROWS)], (0.0, -0.0)),
    "text": (pa.string(), [f"user-{n}" for n in range(ROWS)], ("ünïcode" * 9, "ünïcode" * 9)),
    "short text": (pa.large_string(), [str(n) for n in range(ROWS)], ("", "")),
    "decimal": (pa.decimal128(38, 2), [Decimal(n) for n in range(ROWS)], (Decimal("-1.5"), Decimal("-1.50"))),
    "day": (pa.date32(), range(ROWS), (-1, -1)),
    "moment": (pa.timestamp("us"), range(ROWS), (-1, -1)),
    "moment of a zone": (pa.timestamp("ms", "UTC"), range(ROWS), (-1, -1)),
}
UNIQUE = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a"}}
COMPOUND = {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["a", "b"]}}


@pytest.mark.parametrize("held", HELD)
def test_the_only_two_that_are_equal_are_found_at_the_two_ends(held: str, judge: Any) -> None:
    kind, values, (one, other) = HELD[held]
    differing, twice = pa.array([*values], kind), pa.array([one, *values, other], kind)
    for asked in (UNIQUE, COMPOUND):
        (result,) = judge(_parquet(differing), asked, fmt=Format("parquet"), path="a.parquet").results
        assert (result.success, result.unexpected_count, result.answered_from) == (True, 0, "pass")
        (result,) = judge(_parquet(twice), asked, fmt=Format("parquet"), path="a.parquet").results
        assert (result.success, result.unexpected_count, result.answered_from) == (False, 2, "pass")


def test_hashes_that_collide_are_no_values_that_repeat(judge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl.Expr, "hash", lambda self: self.is_null().cast(pl.UInt64))
    for asked in (UNIQUE, COMPOUND):
        content = _parquet(pa.array([1, 2, 3]))
        (result,) = judge(content, asked, fmt=Format("parquet"), path="a.parquet").results
        assert (result.success, result.unexpected_count) == (True, 0)


@given(st.lists(st.integers(0, 5)))
def test_hashes_are_counted(hashes: list[int]) -> None:
    assert _different(pl.DataFrame({"hash": hashes}, schema={"hash": pl.UInt64})) == len(set(hashes))


def _parquet(values: pa.Array) -> bytes:
    sink = io.BytesIO()
    same = pa.nulls(len(values), pa.int64())  # null equals null in compound columns
    pq.write_table(pa.table({"a": values, "b": same}), sink, row_group_size=50_000)
    return sink.getvalue()
