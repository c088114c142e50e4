"""Expectations on each value of a column: nulls, bounds, sets."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from functools import reduce
from typing import Any

import narwhals as nw

from gate_server.engine.native.ask import (
    ROWS,
    Ask,
    Compiled,
    Facts,
    NotNative,
    counted,
    failing_rows,
    of_rows,
)
from gate_server.engine.native.comparing import DOUBLE_EXACT, compare, equals_any, outside


def not_null(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_not_be_null` wants."""
    return _nulls(ask, nw.col(ask.columns[0].name).is_null())


def null(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_be_null` wants."""
    return _nulls(ask, ~nw.col(ask.columns[0].name).is_null())


def _nulls(ask: Ask, unexpected: nw.Expr) -> Compiled:
    failing = ask.among(unexpected)

    def metrics(facts: Facts) -> Mapping[str, Any]:
        return {"table.row_count": facts[ROWS], **failing_rows(ask, facts)}

    return counted(ask, failing, metrics)


def between(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_be_between` wants."""
    values, kind = ask.values(), ask.types[0]
    beyond = [compare(values, kind, sign, bound) for sign, bound in outside(ask.kwargs).items()]
    return of_rows(ask, reduce(operator.or_, beyond))


def in_set(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_be_in_set` wants."""
    return of_rows(ask, ~_is_in(ask))


def not_in_set(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_not_be_in_set` wants."""
    return of_rows(ask, _is_in(ask))


def _is_in(ask: Ask) -> nw.Expr:
    wanted = ask.kwargs["value_set"]
    if None in wanted:
        raise NotNative("pandas takes a set with a null for one of objects")
    if any(isinstance(one, float) for one in wanted) and any(
        isinstance(one, (int, float)) and abs(one) >= DOUBLE_EXACT for one in wanted
    ):
        raise NotNative("pandas makes doubles of such a set")
    return equals_any(ask.values(), ask.types[0], wanted)
