"""The table as pandas frames: whole, filtered by a row condition, or prepared for one kind of expectation."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from gate_server.engine.catalogue import Preparation
from gate_server.engine.families import Column, Family

_INT64_MAX = 2**63 - 1


def prepared(frame: pd.DataFrame, columns: Iterable[Column], preparation: Preparation) -> pd.DataFrame:
    """Return the frame with `columns` as `preparation` says; the same frame where nothing changes.

    - ``statistic``: decimals as floats (medians and quantiles of Decimals raise), sums that cannot overflow;
    - ``difference``: integers that cannot wrap around when they are subtracted, dates as timestamps;
    - ``compared``: nullable columns as objects with NaN, as a comparison of NA is neither true nor false.
    """
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


def _statistic(series: pd.Series, column: Column) -> pd.Series:
    if column.family is Family.DECIMAL:
        return series.astype("object").map(float, na_action="ignore").astype("Float64")
    if pd.api.types.is_integer_dtype(series.dtype) and _largest(series) * max(len(series), 1) > _INT64_MAX:
        return series.astype("Float64")
    return series


def _difference(series: pd.Series, column: Column) -> pd.Series:
    if column.family is Family.DATE:
        return pd.to_datetime(series)
    if not pd.api.types.is_integer_dtype(series.dtype):
        return series
    if _largest(series) * 2 > _INT64_MAX:
        return series.astype("object")
    return series if str(series.dtype) == "Int64" else series.astype("Int64")


def _compared(series: pd.Series, column: Column) -> pd.Series:
    if column.family is Family.DECIMAL:
        series = _statistic(series, column)
    if not series.isna().any():
        return series
    return series.astype("object").where(series.notna(), float("nan"))


_PREPARE = {"statistic": _statistic, "difference": _difference, "compared": _compared}


def _largest(series: pd.Series) -> int:
    return max((abs(int(value)) for value in (series.min(), series.max()) if not pd.isna(value)), default=0)
