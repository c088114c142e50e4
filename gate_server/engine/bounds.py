"""Bounds for decimals: Great Expectations makes doubles of them, and a double may lie beyond a value."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, Inexact, localcontext
from fractions import Fraction
from typing import Any

import pandas as pd

from gate_server.engine.fit import BOUNDS

_EXACT = Context(prec=500, traps=[Inexact])  # Arrow's decimals have 76 digits at most
_Holds = Callable[[Any, Any], Any]


class Inseparable(Exception):
    """No double lies between a bound and a value beyond it."""


def parting(kind: str, kwargs: Mapping[str, Any], values: pd.Series) -> dict[str, Any]:
    """Return `kwargs` with doubles for bounds, which part the column's `values` exactly as its decimals do.

    Parameters
    ----------
    kind
        The expectation's type: it says what of the values is compared with the bounds.
    values
        Decimals, none of them null, at least one.

    Raises
    ------
    Inseparable
        There is no such double: a value and the bound differ in the 16th digit or later.
    """
    if all(Decimal(float(bound)) == bound for bound in _bounds(kwargs).values()):
        return {**kwargs, **{key: float(bound) for key, bound in _bounds(kwargs).items()}}
    compared = _COMPARED[kind](values) if kind in _COMPARED else values
    low: _Holds = operator.gt if kwargs.get("strict_min") else operator.ge
    high: _Holds = operator.lt if kwargs.get("strict_max") else operator.le
    return {
        **kwargs,
        **{
            key: _parting(bound, compared, low if key == BOUNDS[0] else high)
            for key, bound in _bounds(kwargs).items()
        },
    }


def decimal(value: Fraction) -> str:
    """Return a sum of decimals as text, all its digits."""
    with localcontext(_EXACT):
        return format(Decimal(value.numerator) / Decimal(value.denominator), "f")


def _bounds(kwargs: Mapping[str, Any]) -> dict[str, Decimal]:
    return {key: kwargs[key] for key in BOUNDS if isinstance(kwargs.get(key), Decimal)}


def _parting(bound: Decimal, values: pd.Series, holds: _Holds) -> float:
    nearest = float(bound)
    wanted = holds(values, bound)
    # Of the doubles on either side of the bound one is the nearest, the other a neighbour of it.
    for double in (nearest, math.nextafter(nearest, -math.inf), math.nextafter(nearest, math.inf)):
        if math.isfinite(double) and bool((holds(values, Decimal(double)) == wanted).all()):
            return double
    raise Inseparable


def _total(values: pd.Series) -> pd.Series:
    with localcontext(_EXACT):
        return pd.Series([sum(values, Decimal(0))], dtype="object")


_COMPARED: dict[str, Callable[[pd.Series], pd.Series]] = {
    "expect_column_min_to_be_between": lambda values: pd.Series([values.min()], dtype="object"),
    "expect_column_max_to_be_between": lambda values: pd.Series([values.max()], dtype="object"),
    "expect_column_sum_to_be_between": _total,
}
