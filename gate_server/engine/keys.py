"""Which rows of one table are rows of another, exactly: null equals null, NaN is null."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

Positions = npt.NDArray[np.integer[Any]]


def held(rows: pa.Table, others: pa.Table) -> Positions:
    """Return the positions of `rows` that are among `others`, ascending.

    Both have the same columns; of numbers the value counts, not the type: 1, 1.0 and Decimal(1) are one.
    """
    if not rows.num_columns or not rows.num_rows or not others.num_rows:
        return np.empty(0, np.int64)
    pairs = [_alike(rows.column(place), others.column(place)) for place in range(rows.num_columns)]
    found = [pair for pair in pairs if pair is not None]
    if len(found) < len(pairs):
        return _by_value(rows, others)
    mine, theirs = (_frame([pair[side] for pair in found]) for side in (0, 1))
    numbered = mine.with_row_index("row")
    joined = numbered.join(theirs, on=mine.columns, how="semi", nulls_equal=True)
    return np.sort(joined["row"].to_numpy())


def distinct(rows: pa.Table) -> Positions:
    """Return the position of the first row of each kind, ascending."""
    plain = [_plain(column) for column in rows.columns]
    columns = [column for column in plain if column is not None]
    if len(columns) < len(plain):
        first: dict[tuple[Any, ...], int] = {}
        for position, row in enumerate(_values(rows)):
            first.setdefault(row, position)
        return np.array(list(first.values()), np.int64)
    frame = _frame(columns)
    kept = frame.with_row_index("row").unique(frame.columns, keep="first")
    return np.sort(kept["row"].to_numpy())


def _alike(mine: pa.ChunkedArray, theirs: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray] | None:
    """Return two columns in one type in which Polars compares exactly, or None."""
    first, second = _plain(mine), _plain(theirs)
    if first is None or second is None:
        return None
    if first.type == second.type:
        return first, second
    both = (first.type, second.type)
    if all(pa.types.is_integer(kind) and kind != pa.uint64() for kind in both):
        return first.cast(pa.int64()), second.cast(pa.int64())
    return None


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column.cast(pa.large_string())
    if pa.types.is_floating(kind) and kind != pa.float16():
        numbers = pc.if_else(pc.is_nan(column), None, column)
        return pc.add(numbers, pa.scalar(0.0, kind))  # -0.0 and 0.0 are one
    if pa.types.is_timestamp(kind) or pa.types.is_decimal128(kind) or kind == pa.date32():
        return column
    return column if pa.types.is_integer(kind) or pa.types.is_boolean(kind) else None


def _frame(columns: Sequence[pa.ChunkedArray]) -> pl.DataFrame:
    """Return columns for Polars, which has no timestamps of whole seconds: as their integers."""
    plain = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in columns]
    return pl.DataFrame([pl.Series(f"column_{n}", pl.from_arrow(column)) for n, column in enumerate(plain)])


def _by_value(rows: pa.Table, others: pa.Table) -> Positions:
    there = set(_values(others))
    return np.array([position for position, row in enumerate(_values(rows)) if row in there], np.int64)


def _values(rows: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*([_value(one) for one in column.to_pylist()] for column in rows.columns), strict=True))


def _value(one: Any) -> Any:
    return None if isinstance(one, float) and math.isnan(one) else one
