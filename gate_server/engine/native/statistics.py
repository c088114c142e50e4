"""Sums, means, deviations and quantiles.

Great Expectations adds up doubles in another order than Polars: the two sums differ in their last digits. So
of doubles an answer counts only where no bound lies as close to it as the two may differ: what Great
Expectations says then is the same. What integers and decimals add up to is exact on both sides.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa

from gate_server.engine.families import Family
from gate_server.engine.fit import BOUNDS
from gate_server.engine.native.ask import PIECES, Ask, Compiled, Facts, NotNative, Read, added, present
from gate_server.engine.native.comparing import DOUBLE_EXACT
from gate_server.engine.native.extremes import parting

# Polars' decimals have 38 digits, which its sums must not leave: these are left for the number of rows.
_DIGITS_FOR_ROWS = 15
# How many digits an observed value shares with Great Expectations' at the least.
_AGREEMENT = 1e-9
_SQUARE = 1e150  # numbers above cannot be squared as doubles
_OF_SEVERAL = 4  # how much more a deviation is off that was merged


def total(ask: Ask) -> Compiled:
    """Return what `expect_column_sum_to_be_between` wants."""
    kind, values = ask.types[0], ask.values()
    if pa.types.is_floating(kind):
        return Compiled(
            _sums(ask),
            lambda facts: {
                "column.sum": _known(ask, facts, facts["total"], facts["magnitude"], facts[present(0)])
                if facts[present(0)]
                else 0.0
            },
            merge=added("total", "magnitude"),
        )
    if ask.columns[0].family is Family.DECIMAL:
        if kind.precision + _DIGITS_FOR_ROWS > 38:
            raise NotNative("the sum may have more digits than Polars' decimals")
        return Compiled(
            {"total": values.sum()},
            lambda facts: {"column.sum": Fraction(facts["total"]) if facts[present(0)] else 0},
            asked=lambda facts: parting(ask, facts["total"] if facts[present(0)] else None),
            merge=_decimals_added,
        )
    # Sums of integers wrap around; those of 128 bits do so beyond any number of rows.
    large = kind.bit_width == 64
    summed = values.cast(nw.Int128() if large else nw.Int64()).sum()
    return Compiled(
        {"total": summed}, lambda facts: {"column.sum": int(facts["total"] or 0)}, merge=added("total")
    )


def mean(ask: Ask) -> Compiled:
    """Return what `expect_column_mean_to_be_between` wants."""

    def metrics(facts: Facts) -> Mapping[str, Any]:
        count = facts[present(0)]
        if not count:
            return {"column.mean": None}
        found, magnitude = facts["total"] / count, facts["magnitude"] / count
        return {"column.mean": _known(ask, facts, found, magnitude, count, exact=_whole(ask, facts))}

    return Compiled(_sums(ask), metrics, merge=added("total", "magnitude"))


def deviation(ask: Ask) -> Compiled:
    """Return what `expect_column_stdev_to_be_between` wants."""

    def metrics(facts: Facts) -> Mapping[str, Any]:
        count, found = facts[present(0)], facts["deviation"]
        if count < 2:
            return {"column.standard_deviation": None}
        if facts["magnitude"] >= _SQUARE:
            raise NotNative("squares may be beyond doubles")
        # What is squared are distances from a mean, whose own error counts.
        magnitude, exact = found + facts["magnitude"] / count, found == 0 and _whole(ask, facts)
        magnitude *= _OF_SEVERAL if facts.get("merged") else 1
        return {"column.standard_deviation": _known(ask, facts, found, magnitude, count + 1, exact=exact)}

    return Compiled({"deviation": _doubles(ask).std(ddof=1), **_sums(ask)}, metrics, merge=_deviations)


def median(ask: Ask) -> Compiled:
    """Return what `expect_column_median_to_be_between` wants."""
    return _of_all(ask, "column.median", lambda column: column.median())


def quantiles(ask: Ask) -> Compiled:
    """Return what `expect_column_quantile_values_to_be_between` wants."""
    wanted = ask.kwargs["quantile_ranges"]["quantiles"]
    interpolation: Any = ask.kwargs.get("allow_relative_error") or "nearest"
    return _of_all(
        ask,
        "column.quantile_values",
        lambda column: column.quantile(wanted, interpolation=interpolation).tolist(),
    )


def _of_all(ask: Ask, metric: str, computed: Callable[[pd.Series], Any]) -> Compiled:
    """Return what a statistic wants that needs all values of a column at once, and is pandas' own."""
    doubles = _doubles(ask)

    def values(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        return frame.select(doubles.alias("values")).filter(~nw.col("values").is_null())

    def made(frame: pl.DataFrame) -> Any:
        return computed(pd.Series(frame["values"].to_numpy()))

    return Compiled({}, lambda facts: {metric: facts["statistic"]}, reads={"statistic": Read(values, made)})


def _doubles(ask: Ask) -> nw.Expr:
    return ask.values().cast(nw.Float64())


def _sums(ask: Ask) -> dict[str, nw.Expr]:
    return {"total": _doubles(ask).sum(), "magnitude": _doubles(ask).abs().sum()}


def _known(
    ask: Ask, facts: Facts, value: float, magnitude: float, count: int, *, exact: bool = False
) -> float:
    """Return a value that `count` doubles were added up to, if no other order of them says otherwise.

    Parameters
    ----------
    magnitude
        The same of the absolute values.
    exact
        The order does not matter.

    Raises
    ------
    NotNative
        A bound, or too many of its digits, depend on the order.
    """
    if not math.isfinite(magnitude):
        raise NotNative("infinite, or beyond doubles on the way")
    error = 0.0 if exact or count <= 2 else magnitude * _rounding(count, facts[PIECES])
    given = [float(ask.kwargs[key]) for key in BOUNDS if ask.kwargs.get(key) is not None]
    if error and any(abs(value - bound) <= error for bound in given):
        raise NotNative("it depends on the order of summation whether a bound holds")
    if error > abs(value) * _AGREEMENT:
        raise NotNative("the value depends on the order of summation")
    return value


def _decimals_added(several: Sequence[Facts]) -> Facts:
    with decimal.localcontext(prec=100):
        return {"total": sum((one["total"] or decimal.Decimal(0)) for one in several)}


def _deviations(several: Sequence[Facts]) -> Facts:
    """Merge deviations: squares within the tables, and of the distances between their means (exactly).

    Each table's deviation and mean are off by what `_known` says. The whole is the length of a vector of
    these, so it is off by no more than the length of their errors: less than 3 times what `_known` says of
    the whole, since mean and deviation of a table are at most its root mean square.
    """
    filled = [one for one in several if one[present(0)]]
    merged = {**added("total", "magnitude")(several), "deviation": None, "merged": True}
    count = sum(one[present(0)] for one in filled)
    if count < 2 or not math.isfinite(merged["magnitude"]) or merged["magnitude"] >= _SQUARE:
        return merged | {"deviation": math.nan}  # of which nothing is told
    means = [Fraction(one["total"]) / one[present(0)] for one in filled]
    whole = sum(Fraction(one["total"]) for one in filled) / count
    squares = sum(
        (Fraction(one["deviation"] or 0) ** 2) * (one[present(0)] - 1) + one[present(0)] * (mean - whole) ** 2
        for one, mean in zip(filled, means, strict=True)
    )
    return merged | {"deviation": math.sqrt(squares / (count - 1))}


def _whole(ask: Ask, facts: Facts) -> bool:
    """Whether doubles hold all sums of the values."""
    return bool(pa.types.is_integer(ask.types[0]) and facts["magnitude"] <= DOUBLE_EXACT)


def _rounding(count: int, pieces: int) -> float:
    """Return how far two sums of `count` doubles may differ, relative to the sum of the absolute values.

    NumPy and Polars add blocks of 128 and then pairs of sums (some 50 roundings together), Polars then what
    its morsels gave, one by one: those of some 100,000 rows, and the `pieces` that it was handed. Each of
    these roundings may go the same way, as they do where all values are equal.
    """
    return (128 + pieces + count / 2**16) * 2.0**-53
