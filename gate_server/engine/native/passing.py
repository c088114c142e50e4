"""The pass: reads a table once, and answers all that it can of a suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import polars as pl
import pyarrow as pa

from gate_server.engine import conditions, results
from gate_server.engine.families import columns_of
from gate_server.engine.fit import Unfit, fit
from gate_server.engine.native.ask import (
    FIRST_ROWS,
    ROW,
    ROWS,
    Ask,
    Compiled,
    NotNative,
    Query,
    count,
    present,
)
from gate_server.engine.native.frames import as_pandas_has_it, beyond
from gate_server.engine.native.offered import NATIVE
from gate_server.engine.native.selecting import selected
from gate_server.engine.questions import Asked
from gate_server.engine.readers.scan import Located
from gate_server.engine.run import Question, build, verdict_of
from gate_server.model import Result

PASS = "pass"  # noqa: S105 - no password


@dataclass(frozen=True)
class _Part:
    """One expectation's part in the pass. ``unfit``: its values are of a type that cannot satisfy it."""

    asked: Asked
    question: Question
    compiled: Compiled
    unfit: str = ""


@dataclass(frozen=True)
class Passed:
    """What the pass found, not yet told."""

    parts: tuple[_Part, ...]
    facts: Mapping[int, Mapping[str, Any]]
    absent: Mapping[int, Result]
    left: tuple[Asked, ...]
    names: tuple[str, ...]
    rows: int

    def told(self, located: Located) -> tuple[dict[int, Result], list[Asked]]:
        """Return the results by number, and what is left for Great Expectations.

        Parameters
        ----------
        located
            Where the rows come from.
        """
        done = dict(self.absent)
        left = list(self.left)
        for part in self.parts:
            try:
                done[part.asked.number] = self._result(part, located)
            except NotNative:
                left.append(part.asked)
        return done, left

    def _result(self, part: _Part, located: Located) -> Result:
        one, facts = part.asked, self.facts[part.asked.number]
        rows = facts[ROWS]
        no_values = bool(one.columns) and not any(facts[present(place)] for place in range(len(one.columns)))
        if one.offer.kind == "map" and (not rows or (no_values and not one.offer.looks_at_nulls)):
            return results.nothing_seen(one, rows)
        if part.unfit and not no_values:
            return results.own(one, success=False, message=part.unfit)
        if no_values and one.offer.kind != "map":
            raise NotNative("no values: Great Expectations says what that means")
        answer = verdict_of(part.question, part.compiled.metrics(facts))
        return results.answered(one, answer, located, self.names, PASS)


def run(asked: Sequence[Asked], schema: pa.Schema, frame: pl.LazyFrame) -> Passed:
    """Read the frame once, and again only for rows that fail.

    Parameters
    ----------
    schema
        Of the whole table.
    frame
        Of it, the columns that `asked` needs and Polars can hold; an expectation on another one is left.
    """
    columns = columns_of(schema)
    held = frame.collect_schema()
    data: nw.LazyFrame[Any] = nw.from_native(as_pandas_has_it(frame))
    parts: list[_Part] = []
    absent: dict[int, Result] = {}
    left: list[Asked] = []
    wanted: dict[str, nw.Expr] = {}
    needed_of: dict[int, tuple[str, ...]] = {}
    for one in asked:
        needed = (*one.columns, *(conditions.columns_read(one.condition) if one.condition else ()))
        gone = [name for name in dict.fromkeys(needed) if name not in columns]
        if gone:
            absent[one.number] = results.missing(one, gone, tuple(columns))
            continue
        try:
            if not set(needed) <= set(held):
                raise NotNative("a column is of a type that Polars does not hold")
            part, facts = _compile(one, schema)
        except NotNative:
            left.append(one)
            continue
        except Unfit as unfit:  # of the row condition: whatever the rows are
            absent[one.number] = results.own(one, success=False, message=str(unfit))
            continue
        parts.append(part)
        needed_of[one.number] = needed
        wanted |= {f"{one.number} {name}": expression for name, expression in facts.items()}
    data = _derive(data, parts)
    moments = [name for name, kind in held.items() if kind.is_temporal()]
    found = _collected(data, wanted | {beyond(name): count(nw.col(beyond(name))) for name in moments})
    broken = {name for name in moments if found[beyond(name)]}
    left += [part.asked for part in parts if broken & set(needed_of[part.asked.number])]
    parts = [part for part in parts if not broken & set(needed_of[part.asked.number])]
    facts_of = {
        part.asked.number: {
            name.partition(" ")[2]: value
            for name, value in found.items()
            if name.startswith(f"{part.asked.number} ")
        }
        for part in parts
    }
    _follow(data, parts, facts_of)
    return Passed(tuple(parts), facts_of, absent, tuple(left), tuple(schema.names), found[ROWS])


def _compile(one: Asked, schema: pa.Schema) -> tuple[_Part, dict[str, nw.Expr]]:
    columns = columns_of(schema)
    types = {field.name: field.type for field in schema}
    compiling = NATIVE.get(one.type)
    if compiling is None:
        raise NotNative("not among those that the pass answers")
    rows = selected(one.condition, columns, types) if one.condition else None
    judged = [columns[name] for name in one.columns]
    unfit, kwargs = "", dict(one.kwargs)
    try:
        kwargs = fit(one.offer, one.kwargs, judged, results.should(one))
    except Unfit as found:
        unfit = str(found)
    question = Question(one.number, one.type, kwargs)
    facts = {ROWS: nw.len() if rows is None else count(rows)}
    for place, name in enumerate(one.columns):
        there = ~nw.col(name).is_null()
        facts[present(place)] = count(there if rows is None else there & rows)
    if unfit:
        return _Part(one, question, Compiled({}, lambda _: {}), unfit), facts
    ask = Ask(
        one.number,
        build(question),
        one.offer,
        kwargs,
        tuple(judged),
        tuple(types[name] for name in one.columns),
        tuple(schema.names),
        rows,
    )
    compiled = compiling(ask)
    return _Part(one, question, compiled), {**facts, **compiled.facts}


def _derive(data: nw.LazyFrame[Any], parts: Sequence[_Part]) -> nw.LazyFrame[Any]:
    derived = {name: one for part in parts for name, one in part.compiled.derived.items()}
    if not derived:
        return data
    made_of = data.with_columns(**{name: one.values for name, one in derived.items()}).to_native()
    made: pl.LazyFrame = made_of.with_columns(
        **{name: one.native(pl.col(name)) for name, one in derived.items()}
    )
    return nw.from_native(made)


def _collected(data: nw.LazyFrame[Any], wanted: Mapping[str, nw.Expr]) -> dict[str, Any]:
    """Return all facts from one read, and the number of rows."""
    fused = data.select(nw.len().alias(ROWS), *(one.alias(name) for name, one in wanted.items()))
    return fused.to_native().collect(engine="streaming").row(0, named=True)  # type: ignore[no-any-return]


def _follow(data: nw.LazyFrame[Any], parts: Sequence[_Part], facts: Mapping[int, dict[str, Any]]) -> None:
    """Look up what the facts leave open, all of it together."""
    asked: list[tuple[int, str, pl.LazyFrame]] = []
    numbered = nw.from_native(data.to_native().with_row_index(ROW))

    def ask(number: int, name: str, query: Query) -> None:
        asked.append((number, name, query(numbered).to_native()))

    for part in parts:
        number = part.asked.number
        for name, query in part.compiled.queries(facts[number]).items():
            ask(number, name, query)
        failing = part.compiled.unexpected
        if failing is not None and facts[number]["unexpected"]:
            ask(number, "unexpected_rows", _first(failing))
    for (number, name, _), answer in zip(
        asked, pl.collect_all([query for *_, query in asked], engine="streaming"), strict=True
    ):
        told = answer.to_dicts()
        facts[number][name] = [row[ROW] for row in told] if name == "unexpected_rows" else told


def _first(failing: nw.Expr) -> Query:
    return lambda frame: frame.filter(failing).select(ROW).sort(ROW).head(FIRST_ROWS)
