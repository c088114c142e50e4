"""Whether an expectation can be asked of a column, and its bounds and values in the column's own type."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from gate_server.engine.catalogue import Offer
from gate_server.engine.families import NUMERIC, ORDERED, TEXT, Column, Family

_NULLABLE = {
    "str": "StringDtype",
    "bool": "BooleanDtype",
    "float32": "Float32Dtype",
    "float64": "Float64Dtype",
    "float": "Float64Dtype",
    "int": "Int64Dtype",
    **{
        f"{sign}int{bits}": f"{'UI' if sign else 'I'}nt{bits}Dtype"
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
}
BOUNDS = ("min_value", "max_value")


class Unfit(Exception):
    """The data cannot satisfy the expectation, whatever its values: it fails. The message is for people."""


def fit(offer: Offer, kwargs: Mapping[str, Any], columns: Sequence[Column], should: str) -> dict[str, Any]:
    """Return `kwargs` with bounds and given values in the type of the columns that they are compared with.

    Raises
    ------
    Unfit
        A column's type cannot satisfy the expectation.
    """
    fitted = dict(kwargs)
    for column in columns:
        if column.family not in offer.families:
            raise Unfit(f"`{column.name}` is {column.family}, {_needed(offer, kwargs)} needed to {should}")
    if offer.prepare in {"compared", "row_sum"}:
        _same_family(columns)
    if not columns:
        return fitted
    if offer.families == ORDERED or offer.prepare == "sum":
        for key in BOUNDS:
            if key in fitted:
                fitted[key] = as_value(columns[0], fitted[key], should)
    if isinstance(fitted.get("type_list"), (list, tuple)):
        # Here, unlike for a single type, Great Expectations compares with pandas' nullable types themselves.
        fitted["type_list"] = [
            *fitted["type_list"],
            *(_NULLABLE.get(name, name) for name in fitted["type_list"]),
        ]
    if isinstance(fitted.get("value_set"), (list, tuple)):
        fitted["value_set"] = [as_value(columns[0], one, should) for one in fitted["value_set"]]
    if isinstance(fitted.get("value_pairs_set"), (list, tuple)):
        fitted["value_pairs_set"] = [
            tuple(as_value(column, one, should) for column, one in zip(columns, pair, strict=True))
            for pair in fitted["value_pairs_set"]
        ]
    return fitted


def as_value(column: Column, value: Any, should: str) -> Any:
    """Return a suite's JSON value in the type of the column's values; null stays null.

    A timestamp without zone is read as UTC where the column has one.

    Raises
    ------
    Unfit
        It is of another kind, so that no value of the column can be compared with it.
    """
    if value is None:
        return None
    converted = _convert(column, value)
    if converted is None:
        kind = "a boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "a number"
        raise Unfit(f"`{column.name}` is {column.family}, it cannot {should}: the suite gives {kind}")
    return converted


def _convert(column: Column, value: Any) -> Any:
    """Return None where the value does not fit."""
    family = column.family
    if family is Family.BOOLEAN:
        return bool(value) if isinstance(value, (bool, int)) and value in (0, 1) else None
    if isinstance(value, bool):
        return None
    if family is Family.TEXT:
        return value if isinstance(value, str) else None
    if family is Family.NUMBER:
        return value if isinstance(value, (int, float)) else None
    if family is Family.DECIMAL:
        return Decimal(str(value)) if isinstance(value, (int, float)) else None
    try:
        if family is Family.DATE and isinstance(value, str):
            return dt.date.fromisoformat(value)
        if family is Family.TIMESTAMP and isinstance(value, str):
            return _in_zone(pd.Timestamp(dt.datetime.fromisoformat(value)), column.zone)
    except ValueError:
        return None
    return None


def _in_zone(value: pd.Timestamp, zone: str | None) -> pd.Timestamp:
    if zone is None:
        return value.tz_convert("UTC").tz_localize(None) if value.tzinfo else value
    return value.tz_convert(zone) if value.tzinfo else value.tz_localize("UTC").tz_convert(zone)


def _needed(offer: Offer, kwargs: Mapping[str, Any]) -> str:
    bounds = [kwargs[key] for key in BOUNDS if kwargs.get(key) is not None]
    if offer.families == TEXT:
        return "text is"
    if offer.families == NUMERIC or (bounds and not any(isinstance(bound, str) for bound in bounds)):
        return "numbers are"
    if offer.families == ORDERED:
        return "dates or timestamps are" if bounds else "numbers, dates or timestamps are"
    return "plain values are"


def _same_family(columns: Sequence[Column]) -> None:
    first = columns[0]
    for other in columns[1:]:
        if other.family is not first.family and not {first.family, other.family} <= NUMERIC:
            raise Unfit(
                f"`{first.name}` is {first.family} and `{other.name}` is {other.family}: "
                "the two cannot be compared"
            )
        if (other.zone is None) is not (first.zone is None):
            raise Unfit(
                f"one of `{first.name}` and `{other.name}` has a time zone: the two cannot be compared"
            )
