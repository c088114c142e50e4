"""The table as pandas frames: whole, filtered by a row condition, or prepared for one kind of expectation."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import pandas as pd

from gate_server.engine.catalogue import Preparation
from gate_server.engine.families import Column, Family

_INT64_MAX = 2**63 - 1
_DOUBLE_EXACT = 2**53  # up to here a double holds every integer


def prepared(
    frame: pd.DataFrame, columns: Iterable[Column], preparation: Preparation, less: Fraction = Fraction(0)
) -> pd.DataFrame:
    """Return the frame with `columns` as `preparation` says; the same frame where nothing changes.

    - ``statistic``: doubles, as medians and quantiles of Decimals raise; such answers hold to some 15 digits;
    - ``extreme``: values that are not rounded when they are compared with a double;
    - ``sum``, ``row_sum``: values that add up exactly, in a row after `less` is taken off the first column;
    - ``difference``: integers that cannot wrap around when they are subtracted, dates as timestamps;
    - ``compared``: columns that pandas compares with each other exactly, where null equals nothing.
    """
    columns = list(columns)
    if preparation == "compared":
        return _alike(frame, {column.name: frame[column.name] for column in columns})
    if preparation == "row_sum":
        terms = {column.name: _addable(frame[column.name], column, len(columns)) for column in columns}
        if less:
            first = columns[0].name
            terms[first] = terms[first].astype("object").map(lambda one: one - less, na_action="ignore")
        return _alike(frame, terms)
    changed = {}
    for column in columns:
        series = frame[column.name]
        new = _PREPARE[preparation](series, column) if preparation else series
        if new is not series:
            changed[column.name] = new
    return frame.assign(**changed) if changed else frame


def has_infinity(series: pd.Series) -> bool:
    """Whether a column of numbers holds an infinity."""
    return pd.api.types.is_float_dtype(series.dtype) and bool(
        series.isin([float("inf"), float("-inf")]).any()
    )


def is_exact(series: pd.Series, column: Column) -> bool:
    """Whether its values are decimals or integers."""
    return column.family is Family.DECIMAL or pd.api.types.is_integer_dtype(series.dtype)


def unrounded(series: pd.Series) -> pd.Series:
    """Return numbers so that comparing one with a double rounds neither."""
    if str(series.dtype) == "Float32":  # numpy would make a float32 of the double
        return series.astype("Float64")
    if pd.api.types.is_integer_dtype(series.dtype) and _largest(series) > _DOUBLE_EXACT:
        return series.astype("object")  # Python's own integers
    return series


def _statistic(series: pd.Series, column: Column) -> pd.Series:
    if column.family is Family.DECIMAL:
        return series.astype("object").map(float, na_action="ignore").astype("Float64").astype("float64")
    # Not pandas' nullable type: of a single value its deviation is NA, on which Great Expectations raises.
    return series.astype("float64") if column.family is Family.NUMBER else series  # else all null


def _sum(series: pd.Series, column: Column) -> pd.Series:
    return _addable(series, column, len(series))


def _addable(series: pd.Series, column: Column, terms: int) -> pd.Series:
    """Return numbers of which sums of `terms` are exact, unless they are floats."""
    if column.family is Family.DECIMAL:  # Great Expectations would make floats of Decimals
        return series.astype("object").map(Fraction, na_action="ignore").astype("object")
    if pd.api.types.is_float_dtype(series.dtype):  # in pandas' nullable type inf - inf is NA, no number
        return series.astype("float64")
    if pd.api.types.is_integer_dtype(series.dtype) and _largest(series) * terms > _DOUBLE_EXACT:
        return series.astype("object")
    return series


def _difference(series: pd.Series, column: Column) -> pd.Series:
    if column.family is Family.DATE:
        return pd.to_datetime(series)
    if not pd.api.types.is_integer_dtype(series.dtype):
        return series
    if _largest(series) * 2 > _INT64_MAX:
        return series.astype("object")
    return series if str(series.dtype) == "Int64" else series.astype("Int64")


def _alike(frame: pd.DataFrame, series: dict[str, pd.Series]) -> pd.DataFrame:
    """Return all columns as objects with NaN for null, unless they are of one type and without nulls.

    A nullable column against one of objects answers NA, which Great Expectations cannot use; two types of
    numbers are compared as doubles.
    """
    if len({one.dtype for one in series.values()}) > 1 or any(one.isna().any() for one in series.values()):
        nan = float("nan")
        series = {name: one.astype("object").where(one.notna(), nan) for name, one in series.items()}
    return frame.assign(**series)


_PREPARE = {
    "statistic": _statistic,
    "extreme": lambda series, _: unrounded(series),
    "sum": _sum,
    "difference": _difference,
}


def _largest(series: pd.Series) -> int:
    return max((abs(int(value)) for value in (series.min(), series.max()) if not pd.isna(value)), default=0)
