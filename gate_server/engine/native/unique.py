"""Values that stand only once.

Equal values have equal hashes, so where all hashes differ all values do: 8 bytes a row show it, sorted,
whatever the values are. Only where two hashes are equal the values themselves are grouped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import polars as pl

from gate_server.engine.native.ask import (
    FIRST_ROWS,
    ROW,
    ROWS,
    Ask,
    Compiled,
    Facts,
    Query,
    Read,
    failing_rows,
    nothing,
    present,
)
from gate_server.engine.native.records import kept, kept_rows, no_column_twice, record_metrics

_KEY, _TIMES, _HASH = "key", "times", "hash"


def unique(ask: Ask) -> Compiled:
    """Return what `expect_column_values_to_be_unique` wants."""

    def hashes(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        return _hashed(frame.select(ask.values().alias(_KEY)).drop_nulls(), pl.col(_KEY))

    def queries(facts: Facts) -> Mapping[str, Query]:
        if facts["distinct"] == facts[present(0)]:
            return {}
        return {
            "repeated": lambda frame: _repeated(ask, frame).select(nw.col(_TIMES).sum()),
            "places": lambda frame: (
                _keyed(ask, frame)
                .join(_repeated(ask, frame), on=_KEY, how="semi")
                .select(ROW)
                .sort(ROW)
                .head(FIRST_ROWS)
            ),
        }

    def metrics(facts: Facts) -> Mapping[str, Any]:
        found: Facts = {"unexpected": 0}
        if "repeated" in facts:
            found = {
                "unexpected": facts["repeated"][0][_TIMES] or 0,
                "unexpected_rows": [row[ROW] for row in facts["places"]],
            }
        return {
            "table.row_count": facts[ROWS],
            "column_values.nonnull.unexpected_count": facts[ROWS] - facts[present(0)],
            **failing_rows(ask, found),
        }

    return Compiled(
        {},
        metrics,
        queries=queries,
        reads={"distinct": Read(hashes, _different)},
        merge=nothing,
        different={"distinct": ask.values()},
    )


def compound(ask: Ask) -> Compiled:
    """Return what `expect_compound_columns_to_be_unique` wants: null equals null in it."""
    no_column_twice(ask)
    names, times, mask = [column.name for column in ask.columns], ask.own(_TIMES), kept(ask)

    def rows(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        return (frame if mask is None else frame.filter(mask)).select(*names, ROW)

    def hashes(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        return _hashed(frame if mask is None else frame.filter(mask), pl.struct(names))

    def repeated(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        counted = rows(frame).group_by(*names).agg(nw.len().cast(nw.Int64).alias(times))
        return counted.filter(nw.col(times) > 1)

    def places(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        keys = repeated(frame).to_native()
        found = rows(frame).to_native().join(keys, on=names, how="semi", nulls_equal=True)
        answer: nw.LazyFrame[Any] = nw.from_native(found.select(ROW).sort(ROW).head(FIRST_ROWS))
        return answer

    def queries(facts: Facts) -> Mapping[str, Query]:
        if facts["distinct"] == facts["kept"]:
            return {}
        asked: dict[str, Query] = {"repeated": lambda frame: repeated(frame).select(nw.col(times).sum())}
        return asked | {"places": places} if "repeated" in facts and number(facts) else asked

    def number(facts: Facts) -> int:
        return (facts["repeated"][0][times] or 0) if "repeated" in facts else 0

    def metrics(facts: Facts) -> Mapping[str, Any]:
        failing = {
            "unexpected": number(facts),
            "unexpected_rows": [row[ROW] for row in facts.get("places", ())],
        }
        return record_metrics(ask, {**facts, **failing})

    reads = {"distinct": Read(hashes, _different)}
    return Compiled({**kept_rows(mask)}, metrics, queries=queries, reads=reads)


def _hashed(frame: nw.LazyFrame[Any], values: pl.Expr) -> nw.LazyFrame[Any]:
    hashed: nw.LazyFrame[Any] = nw.from_native(frame.to_native().select(values.hash().alias(_HASH)))
    return hashed


def _different(hashes: pl.DataFrame) -> int:
    """Return how many different hashes there are: at most as many as different values."""
    ordered = hashes[_HASH].sort()
    return min(1, len(ordered)) + int((ordered.slice(1) != ordered.slice(0, max(len(ordered) - 1, 0))).sum())


def _keyed(ask: Ask, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    return frame.select(ask.values().alias(_KEY), nw.col(ROW)).filter(~nw.col(_KEY).is_null())


def _repeated(ask: Ask, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    counted = _keyed(ask, frame).group_by(_KEY).agg(nw.len().cast(nw.Int64).alias(_TIMES))
    return counted.filter(nw.col(_TIMES) > 1)
