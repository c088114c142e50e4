"""Refuses what Great Expectations accepts although it can never fail, or reads from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # Great Expectations brings it
import numpy as np
import pandas as pd
from great_expectations.expectations.type_comparison import native_type_type_map
from pandas.core.dtypes import dtypes

from gate_server.engine.catalogue import Offer
from gate_server.engine.families import NUMERIC
from gate_server.engine.fit import BOUNDS

# Without one of these Great Expectations takes null, and null holds for every table.
_NEEDED = frozenset(
    {
        *(
            "column",
            "column_A",
            "column_B",
            "column_list",
            "column_set",
            "value",
            "value_set",
            "value_pairs_set",
        ),
        *("type_", "type_list", "regex", "regex_list", "strftime_format", "json_schema", "quantile_ranges"),
        *("sum_total", "threshold"),
    }
)
_IGNORE_ROW_IF = {
    "pair": ("both_values_are_missing", "either_value_is_missing", "neither"),
    "multicolumn": ("all_values_are_missing", "any_value_is_missing", "never"),
}
_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")
_COMPARES_COLUMNS = frozenset(
    {"expect_multicolumn_values_to_be_equal", "expect_select_column_values_to_be_unique_within_record"}
)

_OBJECTS = frozenset({"json_schema", "quantile_ranges"})

Finding = tuple[str, str]


def finding(kind: str, offer: Offer, kwargs: Mapping[str, Any], fields: Collection[str]) -> Finding | None:
    """Return what is wrong with the kwargs and what to do about it, or None.

    Parameters
    ----------
    kind, offer
        The expectation's type and what is known of it.
    kwargs
        With parameters filled in.
    fields
        What the expectation takes.
    """
    return next(_findings(kind, offer, kwargs, fields), None)


def _findings(
    kind: str, offer: Offer, kwargs: Mapping[str, Any], fields: Collection[str]
) -> Iterator[Finding]:
    for key in sorted(_NEEDED & set(fields)):
        if kwargs.get(key) is None:
            yield f"`{key}` is missing", "without it the expectation would always hold"
    for key, value in kwargs.items():
        if isinstance(value, (list, tuple, dict)) and not value:
            yield f"`{key}` is empty", ""
        if isinstance(value, Mapping) and key not in _OBJECTS:
            yield f"`{key}` is a JSON object", "write a list or a plain value"
    if kwargs.get("mostly") == 0:
        yield "`mostly` is 0: it could never fail", 'use severity "info" for what is only to be reported'
    if kind == "expect_column_values_to_not_be_in_set" and None in kwargs["value_set"]:
        yield "`value_set` holds null, which is never compared", "use expect_column_values_to_not_be_null"
    yield from _bounds(kwargs, fields)
    yield from _statistic_bounds(offer, kwargs)
    yield from _quantile_ranges(kwargs)
    yield from _patterns(kwargs)
    yield from _types(kind, kwargs)
    yield from _json_schema(kwargs)
    error = kwargs.get("allow_relative_error")
    if error and error not in _INTERPOLATIONS:
        yield "`allow_relative_error` is unknown", f"false, or one of {', '.join(_INTERPOLATIONS)}"
    ignore = kwargs.get("ignore_row_if")
    allowed = _IGNORE_ROW_IF.get(offer.kind, ())
    if ignore is not None and ignore not in allowed:
        yield "`ignore_row_if` is unknown", f"one of {', '.join(allowed)}"
    if kind in _COMPARES_COLUMNS and len(set(kwargs["column_list"])) < 2:
        yield "`column_list` needs two columns or more", ""


def _bounds(kwargs: Mapping[str, Any], fields: Collection[str]) -> Iterator[Finding]:
    bounds = [kwargs[key] for key in BOUNDS if kwargs.get(key) is not None]
    if BOUNDS[0] in fields and not bounds:
        yield "neither min_value nor max_value is given: it could never fail", ""
    if (
        len(bounds) == 2
        and all(isinstance(bound, (int, float)) for bound in bounds)
        and bounds[0] > bounds[1]
    ):
        yield "min_value is greater than max_value", ""


def _statistic_bounds(offer: Offer, kwargs: Mapping[str, Any]) -> Iterator[Finding]:
    for key in BOUNDS:
        bound = kwargs.get(key)
        if offer.families == NUMERIC and isinstance(bound, str):
            yield f"`{key}` is a text", "a number is needed"
        if offer.prepare == "statistic" and isinstance(bound, int) and abs(bound) >= 2**53:
            yield (
                f"`{key}` is an integer of 2**53 or more: the statistic is computed in double precision",
                f"write {float(bound)!r} if some 15 digits are enough",
            )


def _quantile_ranges(kwargs: Mapping[str, Any]) -> Iterator[Finding]:
    asked = kwargs.get("quantile_ranges")
    if not isinstance(asked, Mapping):
        return
    quantiles, ranges = asked.get("quantiles") or (), asked.get("value_ranges") or ()
    if not quantiles or len(quantiles) != len(ranges):
        yield "quantile_ranges needs one range in value_ranges for each of quantiles", ""
    for pair in ranges:
        if len(pair) != 2:
            yield "a range of quantile_ranges is no pair", "write [lowest, highest], null where there is none"
        elif pair[0] is None and pair[1] is None:
            yield "a range of quantile_ranges has no bound: it could never fail", ""


def _patterns(kwargs: Mapping[str, Any]) -> Iterator[Finding]:
    for pattern in [kwargs.get("regex"), *(kwargs.get("regex_list") or ())]:
        if isinstance(pattern, str):
            try:
                re.compile(pattern)
            except (re.error, OverflowError, RecursionError) as error:
                yield f"not a regular expression: {error}", ""


def _types(kind: str, kwargs: Mapping[str, Any]) -> Iterator[Finding]:
    of_column = kind == "expect_column_type_to_be"
    known, such_as = (
        (_is_dtype, "such as Int64, Float64, boolean, string, object, datetime64[us]")
        if of_column
        else (_is_type, "such as int64, float64, bool, str, Timestamp, date, Decimal")
    )
    for name in [kwargs.get("type_"), *(kwargs.get("type_list") or ())]:
        if isinstance(name, str) and not known(name):
            yield f"there is no type {name} of {'columns' if of_column else 'values'} in pandas", such_as


def _is_dtype(name: str) -> bool:
    try:
        pd.api.types.pandas_dtype(name)
    except Exception:  # Great Expectations turns all of them into one error as well
        return False
    return True


def _is_type(name: str) -> bool:
    """Whether Great Expectations finds a class of that name, where it looks for it."""
    if native_type_type_map(name) is not None:
        return True
    if any(isinstance(getattr(place, name, None), type) for place in (pd, dtypes)):
        return True
    try:
        np.dtype(name)
    except (TypeError, ValueError, SyntaxError):
        return False
    return _is_dtype(name)


def _json_schema(kwargs: Mapping[str, Any]) -> Iterator[Finding]:
    schema = kwargs.get("json_schema")
    if not isinstance(schema, Mapping):
        return
    for key, value in _walk(schema):
        if key in {"$ref", "$dynamicRef", "$recursiveRef"} and not str(value).startswith("#"):
            yield f"json_schema: {key} to another document", "only references that begin with # are followed"
        if key in {"$id", "id"} and isinstance(value, str):
            yield f"json_schema: {key} is not offered", "leave it out"
    try:
        jsonschema.validators.validator_for(schema).check_schema(schema)
    except jsonschema.SchemaError as error:
        yield f"json_schema is not a JSON schema: {error.message}", ""


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key, inner
            yield from _walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner)
