"""How many different values a column holds, which of them are in a set, and which is the most common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import polars as pl

from gate_server.engine.native.ask import (
    ROWS,
    Ask,
    Compiled,
    Facts,
    NotNative,
    Query,
    Read,
    added,
    count,
    nothing,
    present,
)
from gate_server.engine.native.comparing import equals_any

_KEY, _TIMES = "key", "times"
# Great Expectations lists some of these values: only how many there are is passed on.
NOT_IN_SET = "column.distinct_values.not_in_set"
MISSING = "column.distinct_values.missing_from_column"


def value_count(ask: Ask) -> Compiled:
    """Return what `expect_column_unique_value_count_to_be_between` wants."""
    return Compiled(
        {"distinct": _different(ask.values())},
        lambda facts: {"column.distinct_values.count": facts["distinct"]},
        merge=nothing,
        different={"distinct": ask.values()},
    )


def proportion_of_unique(ask: Ask) -> Compiled:
    """Return what `expect_column_proportion_of_unique_values_to_be_between` wants."""
    return Compiled(
        {"distinct": _different(ask.values())},
        lambda facts: {"column.unique_proportion": facts["distinct"] / (facts[present(0)] or 1)},
        merge=nothing,
        different={"distinct": ask.values()},
    )


def proportion_of_non_null(ask: Ask) -> Compiled:
    """Return what `expect_column_proportion_of_non_null_values_to_be_between` wants."""
    del ask
    return Compiled(
        {},
        lambda facts: {"column.non_null_proportion": facts[present(0)] / (facts[ROWS] or 1)},
        merge=nothing,
    )


def in_set(ask: Ask) -> Compiled:
    """Return what `expect_column_distinct_values_to_be_in_set` wants."""
    return _sets(ask, unexpected=True, missing=False)


def contain_set(ask: Ask) -> Compiled:
    """Return what `expect_column_distinct_values_to_contain_set` wants."""
    return _sets(ask, unexpected=False, missing=True)


def equal_set(ask: Ask) -> Compiled:
    """Return what `expect_column_distinct_values_to_equal_set` wants."""
    return _sets(ask, unexpected=True, missing=True)


def _sets(ask: Ask, *, unexpected: bool, missing: bool) -> Compiled:
    """Return what is told of values outside of the set, and of those of the set that the column lacks."""
    wanted, values = set(ask.kwargs["value_set"]), ask.values()
    within = _is_in(ask, values)
    facts: dict[str, nw.Expr] = {}
    if unexpected:
        facts["outside"] = count((~within).fill_null(False))
    if missing:
        facts["found"] = _different(nw.when(within).then(values))

    def queries(facts: Facts) -> Mapping[str, Query]:
        if not facts.get("outside"):
            return {}
        return {"others": lambda frame: frame.select(_different(nw.when(~within).then(values)).alias(_TIMES))}

    def metrics(facts: Facts) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        if unexpected:
            others = facts["others"][0][_TIMES] if "others" in facts else 0
            found |= {NOT_IN_SET: [], f"{NOT_IN_SET}.count": others}
        if missing:
            found |= {MISSING: [], f"{MISSING}.count": len(wanted) - facts["found"]}
        return found

    return Compiled(
        facts,
        metrics,
        queries=queries,
        merge=added("outside") if unexpected else nothing,
        different={"found": nw.when(within).then(values)} if missing else {},
    )


def most_common(ask: Ask) -> Compiled:
    """Return what `expect_column_most_common_value_to_be_in_set` wants."""
    if ask.columns[0].zone is not None:
        raise NotNative("Great Expectations loses the zone of the most common value")
    wanted = [one for one in set(ask.kwargs["value_set"]) if one is not None]
    among_wanted = count(_is_in(ask, nw.col(_KEY)))

    def modes(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        values = frame.select(ask.values().alias(_KEY)).filter(~nw.col(_KEY).is_null())
        counted = values.group_by(_KEY).agg(nw.len().alias(_TIMES))
        most = counted.filter(nw.col(_TIMES) == nw.col(_TIMES).max())
        return most.select(nw.len().alias("all"), among_wanted.alias("wanted"))

    def made(frame: pl.DataFrame) -> list[Any]:
        """Return as many values of the set, and whether there are others."""
        among = int(frame["wanted"][0] or 0)
        return [*wanted[:among], *[object()] * (frame["all"][0] - among > 0)]

    return Compiled(
        {}, lambda facts: {"column.most_common_value": facts["modes"]}, reads={"modes": Read(modes, made)}
    )


def _different(values: nw.Expr) -> nw.Expr:
    return values.drop_nulls().n_unique()


def _is_in(ask: Ask, values: nw.Expr) -> nw.Expr:
    """Return which values Python finds in the set."""
    wanted = [one for one in set(ask.kwargs["value_set"]) if one is not None]
    return equals_any(values, ask.types[0], wanted)
