"""Exact figures of a column, as fractions; only sums of floats are rounded, once. NaN counts as null."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gate_server.engine.fit import Unfit


def largest(column: pa.ChunkedArray) -> Any:
    """Return the largest value, None without one; NaN counts as null."""
    values = without_nan(column)
    return None if values.null_count == len(values) else pc.max(values).as_py()


def without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column in which NaN is null."""
    if not pa.types.is_floating(column.type):
        return column
    column = column.cast(pa.float32()) if column.type == pa.float16() else column
    return pc.if_else(pc.is_nan(column), None, column)


def null_share(column: pa.ChunkedArray) -> Fraction:
    """Return the share of nulls, 0 of no rows."""
    nulls = len(column) - len(_present(column))
    return Fraction(nulls, len(column)) if len(column) else Fraction(0)


def mean(column: pa.ChunkedArray) -> Fraction | None:
    """Return the mean, None without a value."""
    found = total(column)
    return None if found is None else found / len(_present(column))


def total(column: pa.ChunkedArray) -> Fraction | None:
    """Return the sum, None without a value."""
    values = _numbers(column)
    if not len(values):
        return None
    if pa.types.is_floating(values.type):
        return Fraction(math.fsum(values.to_numpy()))
    if pa.types.is_integer(values.type):  # 2**64 times 10**15 rows fit
        return Fraction(pc.sum(values.cast(pa.decimal128(20, 0))).as_py())
    return sum(map(Fraction, values.to_pylist()), Fraction(0))


def median(column: pa.ChunkedArray) -> Fraction | None:
    """Return the median, None without a value."""
    values = _numbers(column)
    if not len(values):
        return None
    order = pc.sort_indices(values)
    middle = [values[order[place].as_py()].as_py() for place in {(len(values) - 1) // 2, len(values) // 2}]
    return sum(map(Fraction, middle), Fraction(0)) / len(middle)


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values; raises `Unfit` where one is infinite."""
    values = _present(column)
    if pa.types.is_floating(values.type):
        if pc.any(pc.is_inf(values), min_count=0).as_py():
            raise Unfit("it holds infinite values, on one side or the other: the two cannot be compared")
        return values.cast(pa.float64())
    return values


def _present(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return without_nan(column).drop_null()
