"""Expectations on different values: Spark groups the values, and tells how many groups there are."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw

from gate_server.engine.native.ask import (
    ROWS,
    Ask,
    Compiled,
    Facts,
    added,
    count,
    failing_rows,
    present,
)
from gate_server.engine.native.comparing import equals_any
from gate_server.engine.native.distinct import MISSING, NOT_IN_SET
from gate_server.engine.native.records import kept, kept_rows, no_column_twice, record_metrics


@dataclass(frozen=True)
class Group:
    """Rows of the same values.

    Parameters
    ----------
    what
        Is equal where two groups are the same, so that they are made once.
    keys
        The values.
    among
        Which rows are grouped, never null; None for all.
    places
        Whether it is told which rows are not alone in their group.
    """

    what: Hashable
    keys: tuple[nw.Expr, ...]
    among: nw.Expr | None
    places: bool = False


@dataclass(frozen=True)
class Grouped(Compiled):
    """What an expectation wants, groups included.

    Parameters
    ----------
    groups
        By the name of a fact, how many groups there are; ``NAME repeated`` is the fact how many rows are not
        alone in theirs, ``NAME rows`` how many were grouped, ``NAME places`` the first that are not alone.
        ``NAME among`` says how many rows there were to be grouped, counted with the other facts.
    """

    groups: Mapping[str, Group] = field(default_factory=dict)


def value_count(ask: Ask) -> Compiled:
    """Return what `expect_column_unique_value_count_to_be_between` wants."""
    return _of_values(ask, lambda facts: {"column.distinct_values.count": facts["distinct"]})


def proportion_of_unique(ask: Ask) -> Compiled:
    """Return what `expect_column_proportion_of_unique_values_to_be_between` wants."""
    return _of_values(
        ask, lambda facts: {"column.unique_proportion": facts["distinct"] / (facts[present(0)] or 1)}
    )


def unique(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_be_unique` wants."""

    def metrics(facts: Facts) -> Mapping[str, Any]:
        return {
            "table.row_count": facts[ROWS],
            "column_values.nonnull.unexpected_count": facts[ROWS] - facts[present(0)],
            **_repeated(ask, facts),
        }

    return _of_values(ask, metrics, places=True)


def compound(ask: Ask) -> Compiled:
    """Return what `expect_compound_columns_to_be_unique` wants: null equals null in it."""
    no_column_twice(ask)
    mask, names = kept(ask), [column.name for column in ask.columns]
    group = Group((ask.number,), tuple(nw.col(name) for name in names), mask, places=True)

    def metrics(facts: Facts) -> Mapping[str, Any]:
        found = {"unexpected": facts["distinct repeated"], "unexpected_rows": facts["distinct places"]}
        return record_metrics(ask, {**facts, **found})

    return _grouped({"distinct": group}, metrics, kept_rows(mask))


def in_set(ask: Ask) -> Compiled:
    """Return what `expect_column_distinct_values_to_be_in_set` wants."""
    return _sets(ask, unexpected=True, missing=False)


def contain_set(ask: Ask) -> Compiled:
    """Return what `expect_column_distinct_values_to_contain_set` wants."""
    return _sets(ask, unexpected=False, missing=True)


def equal_set(ask: Ask) -> Compiled:
    """Return what `expect_column_distinct_values_to_equal_set` wants."""
    return _sets(ask, unexpected=True, missing=True)


def _of_values(ask: Ask, metrics: Callable[[Facts], Mapping[str, Any]], *, places: bool = False) -> Compiled:
    values = ask.values()
    what = (ask.columns[0].name, ask.number if ask.selected is not None else None)
    group = Group(what, (values,), ~values.is_null(), places)
    return _grouped({"distinct": group}, metrics)


def _sets(ask: Ask, *, unexpected: bool, missing: bool) -> Compiled:
    """Return what is told of values outside of the set, and of those of the set that the column lacks."""
    wanted, values = set(ask.kwargs["value_set"]), ask.values()
    given = [one for one in wanted if one is not None]
    within = equals_any(values, ask.types[0], given).fill_null(False)
    groups = {}
    if unexpected:
        groups["others"] = Group((ask.number, "others"), (values,), ~within & ~values.is_null())
    if missing:
        groups["found"] = Group((ask.number, "found"), (values,), within)

    def metrics(facts: Facts) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        if unexpected:
            found |= {NOT_IN_SET: [], f"{NOT_IN_SET}.count": facts["others"]}
        if missing:
            found |= {MISSING: [], f"{MISSING}.count": len(wanted) - facts["found"]}
        return found

    return _grouped(groups, metrics)


def _grouped(
    groups: Mapping[str, Group],
    metrics: Callable[[Facts], Mapping[str, Any]],
    facts: Mapping[str, nw.Expr] | None = None,
) -> Compiled:
    among = {
        f"{name} among": nw.len() if group.among is None else count(group.among)
        for name, group in groups.items()
    }
    facts = {**(facts or {}), **among}
    return Grouped(facts, metrics, merge=added(*facts), groups=groups)


def _repeated(ask: Ask, facts: Facts) -> Mapping[str, Any]:
    found = {"unexpected": facts["distinct repeated"], "unexpected_rows": facts["distinct places"]}
    return failing_rows(ask, found)
