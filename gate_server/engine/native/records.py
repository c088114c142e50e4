"""Expectations on several columns of each row."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import combinations
from typing import Any

import narwhals as nw
import pyarrow as pa

from gate_server.engine.native.ask import (
    ROWS,
    Ask,
    Compiled,
    Facts,
    NotNative,
    added,
    count,
    failing_rows,
    highest_of,
    lowest_of,
)
from gate_server.engine.native.comparing import DOUBLE_EXACT, compare, nowhere

_IGNORED: Mapping[str, Callable[[Any, Any], Any] | None] = {
    "both_values_are_missing": operator.and_,
    "all_values_are_missing": operator.and_,
    "either_value_is_missing": operator.or_,
    "any_value_is_missing": operator.or_,
    "neither": None,
    "never": None,
}


@dataclass(frozen=True)
class _Alike:
    """Columns in one type, in which they are compared exactly.

    Parameters
    ----------
    facts, ensure
        What shows that no value is rounded in it; `ensure` raises `NotNative` where one may be.
    """

    values: tuple[nw.Expr, ...]
    facts: Mapping[str, nw.Expr] = field(default_factory=dict)
    ensure: Callable[[Facts], None] = lambda _: None


def pair_equal(ask: Ask) -> Compiled:
    """Return what `expect_column_pair_values_to_be_equal` wants."""
    alike = _alike(ask)
    first, second = alike.values
    return _of_records(ask, _not(first == second), alike)


def pair_greater(ask: Ask) -> Compiled:
    """Return what `expect_column_pair_values_a_to_be_greater_than_b` wants."""
    alike = _alike(ask)
    first, second = alike.values
    is_so = first >= second if ask.kwargs.get("or_equal") else first > second
    return _of_records(ask, _not(is_so), alike)


def pair_in_set(ask: Ask) -> Compiled:
    """Return what `expect_column_pair_values_to_be_in_set` wants."""
    columns = [nw.col(column.name) for column in ask.columns]
    found = [
        reduce(
            operator.and_,
            (_is(values, kind, one) for values, kind, one in zip(columns, ask.types, pair, strict=True)),
        )
        for pair in ask.kwargs["value_pairs_set"]
    ]
    # Great Expectations takes rows apart one by one, each of one type if both columns are numbers.
    numbers = [kind for kind in ask.types if pa.types.is_integer(kind) or pa.types.is_floating(kind)]
    alike = _alike(ask, rounded=True) if len(numbers) == len(ask.types) else _Alike(())
    return _of_records(ask, ~reduce(operator.or_, found, nowhere(columns[0])), alike)


def values_equal(ask: Ask) -> Compiled:
    """Return what `expect_multicolumn_values_to_be_equal` wants."""
    alike = _alike(ask)
    first, *others = alike.values
    return _of_records(ask, ~reduce(operator.and_, (_same(first, other) for other in others)), alike)


def values_unique(ask: Ask) -> Compiled:
    """Return what `expect_select_column_values_to_be_unique_within_record` wants."""
    alike = _alike(ask, rounded=True)
    same = (_same(one, other) for one, other in combinations(alike.values, 2))
    return _of_records(ask, reduce(operator.or_, same), alike)


def sum_equal(ask: Ask) -> Compiled:
    """Return what `expect_multicolumn_sum_to_equal` wants, of integers."""
    total = ask.kwargs["sum_total"]
    if not all(pa.types.is_integer(kind) for kind in ask.types) or abs(total) > DOUBLE_EXACT:
        raise NotNative("sums in a row are exact for integers only")
    no_column_twice(ask)
    values = [nw.col(column.name).cast(nw.Int128()) for column in ask.columns]
    if int(total) != total:
        return _of_records(ask, ~nowhere(values[0]), _Alike(()))
    return _of_records(ask, _not(reduce(operator.add, values) == int(total)), _Alike(()))


def kept(ask: Ask) -> nw.Expr | None:
    """Return which rows are judged: the selected ones, less those of `ignore_row_if`. None for all."""
    how = getattr(ask.expectation, "ignore_row_if", "never")
    if how not in _IGNORED:
        raise NotNative("an unknown ignore_row_if")
    if (together := _IGNORED[how]) is None:
        return ask.selected
    missing = reduce(together, (nw.col(column.name).is_null() for column in ask.columns))
    return ask.among(~missing)


def record_metrics(ask: Ask, facts: Facts) -> Mapping[str, Any]:
    """Return Great Expectations' metrics of how many rows there are, are judged, and fail."""
    return {
        "table.row_count": facts[ROWS],
        f"{ask.map_metric}.filtered_row_count": facts["kept"],
        **failing_rows(ask, facts),
    }


def kept_rows(mask: nw.Expr | None) -> Mapping[str, nw.Expr]:
    """Return the fact how many rows are judged."""
    return {"kept": nw.len() if mask is None else count(mask)}


def _of_records(ask: Ask, unexpected: nw.Expr, alike: _Alike) -> Compiled:
    """`unexpected` is never null."""
    mask = kept(ask)
    failing = unexpected if mask is None else unexpected & mask

    def metrics(facts: Facts) -> Mapping[str, Any]:
        alike.ensure(facts)
        return record_metrics(ask, facts)

    def merge(several: Sequence[Facts]) -> Facts:
        extremes = {
            name: (lowest_of if name.startswith("low") else highest_of)(several, name) for name in alike.facts
        }
        return {**added("unexpected", "kept")(several), **extremes}

    facts = {"unexpected": count(failing), **kept_rows(mask), **alike.facts}
    return Compiled(facts, metrics, failing, merge=merge)


def _not(expression: nw.Expr) -> nw.Expr:
    return ~expression.fill_null(False)


def _same(one: nw.Expr, other: nw.Expr) -> nw.Expr:
    return (one == other).fill_null(False) | (one.is_null() & other.is_null())


def _is(values: nw.Expr, kind: pa.DataType, value: Any) -> nw.Expr:
    return values.is_null() if value is None else compare(values, kind, "==", value).fill_null(False)


def _alike(ask: Ask, *, rounded: bool = False) -> _Alike:
    """Return the columns in one type.

    Parameters
    ----------
    rounded
        Whether pandas compares numbers of different types as doubles. Else it compares them exactly.
    """
    no_column_twice(ask)
    kinds = set(ask.types)
    columns = tuple(nw.col(column.name) for column in ask.columns)
    if len(kinds) == 1:
        return _Alike(columns)
    if all(pa.types.is_integer(kind) for kind in kinds):
        if pa.uint64() not in kinds:
            return _Alike(tuple(values.cast(nw.Int64()) for values in columns))
        if not rounded:
            return _Alike(tuple(values.cast(nw.Int128()) for values in columns))
    elif all(pa.types.is_integer(kind) or kind == pa.float64() for kind in kinds):
        return _as_doubles(ask, columns)
    raise NotNative("columns of such types are not compared here")


def _as_doubles(ask: Ask, columns: tuple[nw.Expr, ...]) -> _Alike:
    facts: dict[str, nw.Expr] = {}
    for place, kind in enumerate(ask.types):
        if pa.types.is_integer(kind):
            facts |= {f"low {place}": columns[place].min(), f"high {place}": columns[place].max()}

    def ensure(found: Facts) -> None:
        if any(found[name] is not None and abs(found[name]) > DOUBLE_EXACT for name in facts):
            raise NotNative("an integer that no double holds")

    return _Alike(tuple(values.cast(nw.Float64()) for values in columns), facts, ensure)


def no_column_twice(ask: Ask) -> None:
    """Raise `NotNative` if one is."""
    if len(set(ask.columns)) < len(ask.columns):
        raise NotNative("a column is given twice")
