"""Answers from what the footers of Parquet objects prove, without reading a value.

It gives the pass the facts that it would have counted: so what they mean is said where it always is. Success
is proven, and what is told of a table as a whole; a failure of values is not, as its rows are not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl
import pyarrow as pa

from gate_server.engine import results
from gate_server.engine.native import compiling
from gate_server.engine.native.ask import ROWS, Facts, NotNative, present
from gate_server.engine.native.frames import as_pandas_has_it
from gate_server.engine.questions import Asked
from gate_server.engine.readers.parquet_scan import Footers
from gate_server.engine.readers.statistics import Proven, proven
from gate_server.engine.run import Unanswered
from gate_server.model import Result

METADATA = "metadata"


def run(asked: Sequence[Asked], opened: Footers) -> tuple[dict[int, Result], list[Asked]]:
    """Return the results that footers prove, by number, and what is left for the pass."""
    compiling.refuse_odd_names(asked)
    done: dict[int, Result] = {}
    left: list[Asked] = []
    names = opened.schema.names
    for one in asked:
        gone = [name for name in dict.fromkeys(one.columns) if name not in names]
        if one.condition is not None:  # it selects rows that nobody counted
            left.append(one)
        elif gone:
            done[one.number] = results.missing(one, gone, tuple(names))
        else:
            try:
                part = compiling.compile_one(one, opened.schema)
                facts = facts_of(part, opened)
                done[one.number] = compiling.result_of(part, facts, opened.located, names, METADATA)
            except (NotNative, Unanswered):
                left.append(one)
    return done, left


def facts_of(part: compiling.Part, opened: Footers) -> Facts:
    """Return all facts that an expectation without a row condition wants.

    Raises
    ------
    NotNative
        One of them is not proven.
    """
    rows = opened.located.rows
    facts: dict[str, Any] = {ROWS: rows}
    known = []
    for place, name in enumerate(part.asked.columns):
        found = proven(opened.footers, name) if name in opened.footers[0].schema.names else None
        if found is None:
            raise NotNative("its nulls were not counted")
        facts[present(place)] = rows - found.nulls
        known.append(found)
    values = any(facts[present(place)] for place in range(len(known)))
    if part.asked.offer.kind == "map" and not (rows and (values or part.asked.offer.looks_at_nulls)):
        return facts  # nothing is looked at, whatever it is
    compiled = part.compiled
    if compiled.facts:
        facts |= _of_column(part, known[0], rows, opened.schema)
    if compiled.derived or compiled.reads or compiled.queries(facts):
        raise NotNative("its rows have to be looked at")
    return facts


def _of_column(part: compiling.Part, known: Proven, rows: int, schema: pa.Schema) -> Facts:
    """Return what an expectation on one column wants beside its nulls."""
    kind = part.asked.type
    if kind in _OF_NULLS:
        unexpected = known.nulls if kind == _NOT_NULL else rows - known.nulls
        if unexpected:
            raise NotNative("the rows that fail are told")
        return {"unexpected": 0}
    if kind not in _OF_BOUNDS or known.low is None:
        raise NotNative("it is not proven")
    (name,) = part.asked.columns
    # Of lowest and highest alone these facts are as of all values: between them nothing is beyond a bound.
    stored = pa.array([known.low, known.high], pa.int64())
    type_ = schema.field(name).type
    width = pa.int32() if pa.types.is_date32(type_) else pa.int64()
    frame = pl.from_arrow(pa.table({name: stored.cast(width).cast(type_)}))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - for the type checker: a table is no series
    data: nw.LazyFrame[Any] = nw.from_native(as_pandas_has_it(frame.lazy()))
    wanted = data.select(*(fact.alias(key) for key, fact in part.compiled.facts.items()))
    (facts,) = wanted.to_native().collect().to_dicts()
    if facts.get("unexpected"):
        raise NotNative("the rows that fail are told")
    return dict(facts)


_NOT_NULL = "expect_column_values_to_not_be_null"
_OF_NULLS = {_NOT_NULL, "expect_column_values_to_be_null"}
_OF_BOUNDS = {
    "expect_column_values_to_be_between",
    "expect_column_min_to_be_between",
    "expect_column_max_to_be_between",
}
