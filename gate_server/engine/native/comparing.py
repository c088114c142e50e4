"""Comparisons of a column with a value of a suite, exact as in pandas, or not at all."""

from __future__ import annotations

import datetime as dt
import math
import operator
from collections.abc import Collection, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import Any

import narwhals as nw
import pyarrow as pa

from gate_server.engine.conditions import COMPARE
from gate_server.engine.native.ask import NotNative

DOUBLE_EXACT = 2**53
_STEPS = 10**38 - 1  # what no decimal of 128 bits is beyond


def compare(values: nw.Expr, kind: pa.DataType, sign: str, value: Any) -> nw.Expr:
    """Return where ``values sign value`` holds; null where there is no value.

    Parameters
    ----------
    sign
        One of ``==, !=, <, <=, >, >=``.
    value
        In the type of the column, as `fit.as_value` makes it.

    Raises
    ------
    NotNative
        The two would have to be rounded to be compared, or the type is none that is compared here.
    """
    if pa.types.is_decimal(kind):
        return _decimals(values, kind.scale, sign, value)
    if kind == pa.float32():  # every one of them is a double
        values, kind = values.cast(nw.Float64()), pa.float64()
    if pa.types.is_timestamp(kind) and kind.unit == "ms":
        values, kind = values.cast(nw.Datetime("us", kind.tz)), pa.timestamp("us", kind.tz)
    return (
        COMPARE[sign](values, literal(kind, value))
        if not _is_apart(kind, value)
        else _apart(values, kind, sign, value)
    )


def outside(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a value fails by that is outside an expectation's bounds: sign and bound."""
    found = {}
    if kwargs.get("min_value") is not None:
        found["<=" if kwargs.get("strict_min") else "<"] = kwargs["min_value"]
    if kwargs.get("max_value") is not None:
        found[">=" if kwargs.get("strict_max") else ">"] = kwargs["max_value"]
    return found


def literal(kind: pa.DataType, value: Any) -> nw.Expr:
    """Return a value of a suite in the type of a column.

    Raises
    ------
    NotNative
        It is none of that type.
    """
    if pa.types.is_integer(kind) and isinstance(value, (int, float)) and int(value) == value:
        return nw.lit(int(value), dtype=nw.UInt64() if kind == pa.uint64() else nw.Int64())
    if kind == pa.float64() and isinstance(value, (int, float)):
        if isinstance(value, int) and (abs(value) > 10**308 or int(float(value)) != value):
            raise NotNative("an integer that no double holds")
        return nw.lit(float(value), dtype=nw.Float64())
    if (pa.types.is_string(kind) or pa.types.is_large_string(kind)) and isinstance(value, str):
        return nw.lit(value)
    if pa.types.is_boolean(kind) and isinstance(value, bool):
        return nw.lit(value)
    if pa.types.is_date32(kind) and type(value) is dt.date:
        return nw.lit(value)
    if (
        kind in {pa.timestamp("us"), pa.timestamp("us", "UTC")}
        and isinstance(value, dt.datetime)
        and not getattr(value, "nanosecond", 0)
    ):
        plain = dt.datetime.fromisoformat(value.isoformat())
        return nw.lit(plain, dtype=nw.Datetime("us", kind.tz))
    raise NotNative(f"{kind} is not compared here")


def equals_any(values: nw.Expr, kind: pa.DataType, wanted: Collection[Any]) -> nw.Expr:
    """Return where a value equals one of those wanted, none of which is null; null where there is no value.

    Raises
    ------
    NotNative
        As `compare`.
    """
    if (pa.types.is_string(kind) or pa.types.is_large_string(kind)) and all(
        isinstance(one, str) for one in wanted
    ):
        return values.is_in(list(wanted))  # half the time, and any number of them
    equal = [compare(values, kind, "==", one) for one in wanted]
    return reduce(operator.or_, equal, nowhere(values))


def nowhere(values: nw.Expr) -> nw.Expr:
    """Return False for each of the values: Narwhals takes a plain constant for a single row."""
    return values.is_null() & nw.lit(False)


def _is_apart(kind: pa.DataType, value: Any) -> bool:
    """Whether no integer of the column equals the value, so that only the order is left."""
    if not pa.types.is_integer(kind) or not isinstance(value, (int, float)):
        return False
    if isinstance(value, float):
        if abs(value) > DOUBLE_EXACT:
            raise NotNative(
                "a bound of more than 2**53 as a double: pandas would round what it is compared to"
            )
        return not value.is_integer() or not _holds(kind, int(value))
    return not _holds(kind, value)


def _holds(kind: pa.DataType, value: int) -> bool:
    return 0 <= value < 2**64 if kind == pa.uint64() else -(2**63) <= value < 2**63


def _apart(values: nw.Expr, kind: pa.DataType, sign: str, value: float) -> nw.Expr:
    if isinstance(value, float):
        if math.isnan(value):
            raise NotNative("NaN is not compared here")
        cut = math.floor(value)  # cut < value < cut + 1
        if _holds(kind, cut) and sign in {"<", "<="}:
            return values <= literal(kind, cut)
        if _holds(kind, cut) and sign in {">", ">="}:
            return values > literal(kind, cut)
    return _always(values, sign, is_above=value < 0)


def _always(values: nw.Expr, sign: str, *, is_above: bool) -> nw.Expr:
    """Compare a column that is above the value as a whole, or below it, with it."""
    always = {"==": False, "!=": True, "<": not is_above, "<=": not is_above, ">": is_above, ">=": is_above}
    return nw.when(~values.is_null()).then(nw.lit(always[sign]))


def _decimals(values: nw.Expr, scale: int, sign: str, value: Any) -> nw.Expr:
    """Compare decimals, in steps of their last digit."""
    if not isinstance(value, Decimal) or not value.is_finite():
        raise NotNative("what decimals are compared with is a decimal")
    steps = Fraction(value) * 10**scale
    if abs(steps) >= _STEPS:
        return _always(values, sign, is_above=steps < 0)
    cut = math.floor(steps)  # cut <= steps < cut + 1
    at = nw.lit(Decimal((cut < 0, tuple(map(int, str(abs(cut)))), -scale)))
    if cut == steps:
        return COMPARE[sign](values, at)  # type: ignore[no-any-return]
    if sign in {"==", "!="}:
        return _always(values, sign, is_above=False)
    return values <= at if sign in {"<", "<="} else values > at
