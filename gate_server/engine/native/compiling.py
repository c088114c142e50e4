"""What a suite wants of the pass, given the schema of the table, and what the pass's facts mean."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import narwhals as nw
import pyarrow as pa

from gate_server.engine import conditions, results
from gate_server.engine.families import columns_of
from gate_server.engine.fit import Unfit, fit
from gate_server.engine.native.ask import ROWS, Ask, Compiled, Facts, NotNative, count, nothing, present
from gate_server.engine.native.frames import is_pattern
from gate_server.engine.native.offered import NATIVE
from gate_server.engine.native.selecting import selected
from gate_server.engine.questions import Asked
from gate_server.engine.readers.scan import Located, NotPlain
from gate_server.engine.run import Question, build, verdict_of
from gate_server.model import Result

Offered = Mapping[str, Callable[[Ask], Compiled]]


@dataclass(frozen=True, eq=False)
class Part:
    """One expectation's part in the pass.

    Parameters
    ----------
    facts
        All aggregates that it wants, those of every expectation as well.
    unfit
        Its values are of a type that cannot satisfy it, as this says.
    """

    asked: Asked
    question: Question
    compiled: Compiled
    facts: Mapping[str, nw.Expr]
    unfit: str = ""


@dataclass(frozen=True)
class Compilation:
    """What a table's schema makes of a suite: parts in the pass, results that it tells, what is left."""

    parts: tuple[Part, ...]
    done: Mapping[int, Result]
    left: tuple[Asked, ...]


def compile_all(
    asked: Sequence[Asked], schema: pa.Schema, held: Collection[str], offered: Offered = NATIVE
) -> Compilation:
    """Return what a table of this schema makes of the suite.

    Parameters
    ----------
    held
        The columns that the engine can hold and that are there to be read.
    offered
        What the engine answers: Polars, if no other is meant.

    Raises
    ------
    NotPlain
    """
    refuse_odd_names(asked)
    columns = columns_of(schema)
    parts: list[Part] = []
    done: dict[int, Result] = {}
    left: list[Asked] = []
    for one in asked:
        needed = columns_needed(one)
        gone = [name for name in needed if name not in columns]
        if gone:
            done[one.number] = results.missing(one, gone, tuple(columns))
            continue
        try:
            if not set(needed) <= set(held):
                raise NotNative("a column is of a type that is not held")
            parts.append(compile_one(one, schema, offered))
        except NotNative:
            left.append(one)
        except Unfit as unfit:  # of the row condition: whatever the rows are
            done[one.number] = results.own(one, success=False, message=str(unfit))
    return Compilation(tuple(parts), done, tuple(left))


def refuse_odd_names(asked: Sequence[Asked]) -> None:
    """Raise NotPlain where a column has a name that Polars, or the pass itself, takes for something else."""
    if any(name.startswith("__") or is_pattern(name) for one in asked for name in columns_needed(one)):
        raise NotPlain("the name of a column could be taken for another")


def columns_needed(one: Asked) -> tuple[str, ...]:
    """Return the columns that an expectation and its row condition read."""
    read = conditions.columns_read(one.condition) if one.condition else ()
    return tuple(dict.fromkeys((*one.columns, *read)))


def compile_one(one: Asked, schema: pa.Schema, offered: Offered = NATIVE) -> Part:
    """Return the expectation's part in the pass.

    Raises
    ------
    NotNative, Unfit
    """
    columns = columns_of(schema)
    types = {field.name: field.type for field in schema}
    compiling = offered.get(one.type)
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
        return Part(one, question, Compiled({}, lambda _: {}, merge=nothing), facts, unfit)
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
    return Part(one, question, compiled, {**facts, **compiled.facts})


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
