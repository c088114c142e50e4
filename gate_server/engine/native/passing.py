"""The pass: reads a table once, and answers all that it can of a suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import polars as pl
import pyarrow as pa

from gate_server.engine import conditions, results
from gate_server.engine.families import columns_of
from gate_server.engine.fit import Unfit, fit
from gate_server.engine.native.ask import (
    FIRST_ROWS,
    PIECES,
    ROW,
    ROWS,
    Ask,
    Compiled,
    Derived,
    Facts,
    NotNative,
    Query,
    Read,
    count,
    present,
)
from gate_server.engine.native.frames import as_pandas_has_it, beyond
from gate_server.engine.native.offered import NATIVE
from gate_server.engine.native.selecting import selected
from gate_server.engine.questions import Asked
from gate_server.engine.readers.scan import Located, NotPlain, Scan
from gate_server.engine.run import Question, Unanswered, build, verdict_of
from gate_server.model import Result

PASS = "pass"  # noqa: S105 - no password


@dataclass(frozen=True, eq=False)
class Part:
    """One expectation's part in the pass. ``unfit``: its values are of a type that cannot satisfy it."""

    asked: Asked
    question: Question
    compiled: Compiled
    unfit: str = ""


@dataclass(frozen=True)
class Passed:
    """What the pass found.

    Parameters
    ----------
    results
        By number.
    left
        What Great Expectations has to answer.
    located
        Where the rows come from.
    """

    results: Mapping[int, Result]
    left: tuple[Asked, ...]
    located: Located


def run(asked: Sequence[Asked], scan: Scan) -> Passed:
    """Read the scan once, and again only for rows that fail.

    Parameters
    ----------
    scan
        Its frame holds the columns that `asked` needs and Polars can hold; an expectation on another one is
        left.

    Raises
    ------
    NotPlain, ReadFailure
        What was read is not what the objects hold.
    """
    refuse_odd_names(asked)
    schema = scan.schema
    columns = columns_of(schema)
    held = scan.frame.collect_schema()
    parts: list[Part] = []
    done: dict[int, Result] = {}
    left: list[Asked] = []
    wanted: dict[str, nw.Expr] = {}
    reads: dict[str, Read] = {}
    for one in asked:
        needed = columns_needed(one)
        gone = [name for name in needed if name not in columns]
        if gone:
            done[one.number] = results.missing(one, gone, tuple(columns))
            continue
        try:
            if not set(needed) <= set(held):
                raise NotNative("a column is of a type that Polars does not hold")
            part, facts = compile_one(one, schema)
        except NotNative:
            left.append(one)
            continue
        except Unfit as unfit:  # of the row condition: whatever the rows are
            done[one.number] = results.own(one, success=False, message=str(unfit))
            continue
        parts.append(part)
        wanted |= {f"{one.number} {name}": expression for name, expression in facts.items()}
        reads |= {f"{one.number} {name}": read for name, read in part.compiled.reads.items()}
    derived = {name: one for part in parts for name, one in part.compiled.derived.items()}
    moments = [name for name, kind in held.items() if kind.is_temporal()]

    def aggregates(data: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        return data.select(
            nw.len().alias(ROWS),
            *(one.alias(name) for name, one in wanted.items()),
            *(count(nw.col(beyond(name))).alias(beyond(name)) for name in moments),
        )

    (found, *others), located = _read(scan, derived, aggregates, *(read.query for read in reads.values()))
    row = found.row(0, named=True)
    if row[ROWS] != located.rows:
        raise NotPlain("it holds another number of rows than its parts say")
    row |= {name: read.made(other) for (name, read), other in zip(reads.items(), others, strict=True)}
    broken = {name for name in moments if row[beyond(name)]}
    left += [part.asked for part in parts if broken & set(columns_needed(part.asked))]
    parts = [part for part in parts if not broken & set(columns_needed(part.asked))]
    facts_of = {
        part: {
            name.removeprefix(_own(part)): value for name, value in row.items() if name.startswith(_own(part))
        }
        for part in parts
    }
    for known in facts_of.values():
        known[PIECES] = located.pieces
    _look_up_rows(scan, derived, facts_of)
    for part, known in facts_of.items():
        while wanting := {k: v for k, v in part.compiled.queries(known).items() if k not in known}:
            for name, query in wanting.items():
                known[name] = _read(_again(scan), derived, _numbered(query))[0][0].to_dicts()
        try:
            done[part.asked.number] = result_of(part, known, located, schema.names, PASS)
        except (NotNative, Unanswered):
            left.append(part.asked)
    return Passed(done, tuple(left), located)


def refuse_odd_names(asked: Sequence[Asked]) -> None:
    """Raise NotPlain where a column has a name that Polars, or the pass itself, takes for something else."""
    if any(name.startswith(("__", "^")) or name == "*" for one in asked for name in columns_needed(one)):
        raise NotPlain("the name of a column could be taken for another")


def columns_needed(one: Asked) -> tuple[str, ...]:
    """Return the columns that an expectation and its row condition read."""
    read = conditions.columns_read(one.condition) if one.condition else ()
    return tuple(dict.fromkeys((*one.columns, *read)))


def compile_one(one: Asked, schema: pa.Schema) -> tuple[Part, dict[str, nw.Expr]]:
    """Return the expectation's part in the pass, and all facts that it wants.

    Raises
    ------
    NotNative, Unfit
    """
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
        values = nw.col(name) if rows is None else nw.when(rows).then(nw.col(name))
        facts[present(place)] = values.count()
    if unfit:
        return Part(one, question, Compiled({}, lambda _: {}), unfit), facts
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
    return Part(one, question, compiled), {**facts, **compiled.facts}


def result_of(part: Part, facts: Facts, located: Located, names: Sequence[str], answered_from: str) -> Result:
    """Return what the facts mean; raises NotNative where Great Expectations has to say it."""
    one = part.asked
    rows = facts[ROWS]
    no_values = bool(one.columns) and not any(facts[present(place)] for place in range(len(one.columns)))
    if one.offer.kind == "map" and (not rows or (no_values and not one.offer.looks_at_nulls)):
        return results.nothing_seen(one, rows)
    if part.unfit and not no_values:
        return results.own(one, success=False, message=part.unfit)
    if no_values and part.unfit:
        raise NotNative("no values: Great Expectations says what that means")
    question = part.question
    if part.compiled.asked:
        question = replace(question, kwargs=part.compiled.asked(facts))
    answer = verdict_of(question, part.compiled.metrics(facts))
    unseen = no_values and not (rows and one.offer.looks_at_nulls)
    if unseen and not answer.success:
        return results.no_values(one)
    result = results.answered(one, answer, located, tuple(names), answered_from)
    return replace(result, vacuous=True) if unseen else result


def _own(part: Part) -> str:
    return f"{part.asked.number} "


def _look_up_rows(
    scan: Scan, derived: Mapping[str, Derived], facts_of: Mapping[Part, dict[str, Any]]
) -> None:
    """Add the first rows that fail to the facts of each expectation that has some, all in one more read."""
    failing = {
        _own(part): (part.compiled.unexpected, known)
        for part, known in facts_of.items()
        if part.compiled.unexpected is not None and known["unexpected"]
    }
    if not failing:
        return

    def query(data: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        marked = data.select(
            ROW, *(mask.alias(name) for name, (mask, _) in failing.items() if mask is not None)
        )
        rows = [pl.col(ROW).filter(pl.col(name)).head(FIRST_ROWS).implode().alias(name) for name in failing]
        found: nw.LazyFrame[Any] = nw.from_native(marked.to_native().select(rows))
        return found

    (found,) = _read(_again(scan), derived, _numbered(query))[0][0].to_dicts()
    for name, (_, known) in failing.items():
        known["unexpected_rows"] = found[name]


def _again(scan: Scan) -> Scan:
    return scan.again() if scan.again else scan


def _numbered(query: Query) -> Query:
    """Return the query on a frame that has `ROW`."""
    return lambda data: query(nw.from_native(data.to_native().with_row_index(ROW)))


def _read(scan: Scan, derived: Mapping[str, Derived], *queries: Query) -> tuple[list[pl.DataFrame], Located]:
    """Return the answers to queries on the scan, of one read, verified.

    The queries find the columns as `as_pandas_has_it` makes them, and those that are `derived` of them.
    """
    try:
        frame = as_pandas_has_it(scan.frame)
        if derived:
            values = {name: one.values for name, one in derived.items()}
            made_of = nw.from_native(frame).with_columns(**values).to_native()
            frame = made_of.with_columns(**{name: one.native(pl.col(name)) for name, one in derived.items()})
        if len(queries) > 1:  # else each of them would read the data
            frame = frame.cache()
        asked = [query(nw.from_native(frame)).to_native() for query in queries]
        found = pl.collect_all(asked, engine="streaming")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, nw.exceptions.NarwhalsError) as error:
        scan.verify()
        raise NotPlain(f"Polars could not do it ({type(error).__name__})") from error
    return found, scan.verify()
