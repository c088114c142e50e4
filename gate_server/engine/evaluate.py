"""A suite + data objects -> an `Evaluation`. To be imported in a killable child only."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pandas as pd

from gate_server.engine import conditions, frames, results
from gate_server.engine.families import Column, columns_of
from gate_server.engine.fit import Unfit, fit
from gate_server.engine.lint import format_problems
from gate_server.engine.objects import DataObject
from gate_server.engine.questions import Asked, interpret
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.table import Table, read_table
from gate_server.engine.run import Frames, Question, Unanswered
from gate_server.model import Evaluation, Format, Limits, Problem, Result, Suite


def evaluate(
    suite: Suite, objects: Sequence[DataObject], fmt: Format, parameters: Mapping[str, Any], limits: Limits
) -> Evaluation:
    """Judge `objects`, as one table in their order, by `suite`.

    Never raises for bad data. ``unreadable`` and ``limit_of_data`` say that the data is bad, ``error`` that
    it could not be told; no text holds a cell value. ``answered`` holds one result for each expectation,
    but none when all objects are without content.
    """
    started = time.monotonic()
    allowance = Allowance(limits)
    path = objects[0].path if objects else ""
    try:
        evaluation = _evaluate(suite, objects, fmt, parameters, allowance)
    except ReadFailure as failure:
        evaluation = Evaluation(failure.status, problem=failure.problem(path))
    except Unanswered as error:
        evaluation = _error("unanswered", str(error), path)
    except Exception as error:  # whatever it was, it is no pass; its text may hold cell values
        evaluation = _error("engine", f"the evaluation failed ({type(error).__name__})", path)
    return replace(evaluation, bytes_read=allowance.read_bytes, duration_s=time.monotonic() - started)


def _error(code: str, message: str, path: str) -> Evaluation:
    return Evaluation("error", problem=Problem(code, message, path=path))


def _evaluate(
    suite: Suite,
    objects: Sequence[DataObject],
    fmt: Format,
    parameters: Mapping[str, Any],
    allowance: Allowance,
) -> Evaluation:
    asked, problems = interpret(suite, parameters)
    problems = [*problems, *format_problems(suite, asked, fmt)]
    if problems:
        return Evaluation("error", problem=problems[0])
    if not objects:
        return _error("no_objects", "there is nothing to judge", "")
    table = read_table(objects, fmt, allowance)
    if table is None:
        return Evaluation("answered", rows=0)
    found = tuple(table.data.column_names)
    answers = _Judgement(table).judge(asked)
    if [result.number for result in answers] != list(range(len(suite.content["expectations"]))):
        raise Unanswered("not every expectation has its result")
    return Evaluation("answered", tuple(answers), rows=table.data.num_rows, columns=found)


class _Judgement:
    """One table, judged."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._columns: dict[str, Column] = columns_of(table.data.schema)
        self._whole = table.frame()
        self._filtered: dict[conditions.Condition, pd.DataFrame] = {}

    def judge(self, asked: Sequence[Asked]) -> list[Result]:
        """Return a result for each expectation, in order."""
        done: dict[int, Result] = {}
        batches: dict[int, tuple[pd.DataFrame, list[tuple[Asked, Question]]]] = {}
        for one in asked:
            try:
                result, frame, question = self._prepare(one)
            except Unfit as unfit:
                done[one.number] = results.own(one, success=False, message=str(unfit))
                continue
            if result is not None:
                done[one.number] = result
            else:
                batches.setdefault(id(frame), (frame, []))[1].append((one, question))
        gx = Frames()
        for frame, pairs in batches.values():
            for (one, _), answer in zip(
                pairs, gx.ask(frame, [question for _, question in pairs]), strict=True
            ):
                done[one.number] = self._result(one, answer, frame)
        return [done[number] for number in sorted(done)]

    def _prepare(self, one: Asked) -> tuple[Result | None, pd.DataFrame, Question]:
        """Return a result that needs no run, or what to ask and of which frame."""
        needed = (*one.columns, *(conditions.columns_read(one.condition) if one.condition else ()))
        absent = [name for name in dict.fromkeys(needed) if name not in self._columns]
        question = Question(one.number, one.type, one.kwargs)
        if absent:
            return results.missing(one, absent, tuple(self._columns)), self._whole, question
        frame = self._select(one.condition)
        columns = [self._columns[name] for name in one.columns]
        if one.offer.kind == "map" and self._nothing_to_see(one, frame):
            what = "no row was looked at" if frame.empty else f"`{one.columns[0]}` holds no values"
            message = f"{what}: nothing shows that it would {results.should(one)}"
            return results.own(one, success=True, message=message, vacuous=True), frame, question
        if columns and not all(frame[column.name].isna().all() for column in columns):
            kwargs = fit(one.offer, one.kwargs, columns, results.should(one))
            question = replace(question, kwargs=kwargs)
        preparation = one.offer.prepare
        bounds = [bound for bound in question.kwargs.values() if isinstance(bound, Decimal)]
        if any(Decimal(float(bound)) != bound for bound in bounds):
            preparation = "statistic"  # Great Expectations makes floats of bounds: 1.10 < 1.1000000000000001
        return None, frames.prepared(frame, columns, preparation), question

    def _select(self, condition: conditions.Condition | None) -> pd.DataFrame:
        if condition is None:
            return self._whole
        if condition not in self._filtered:
            self._filtered[condition] = self._whole[conditions.mask(condition, self._whole, self._columns)]
        return self._filtered[condition]

    def _nothing_to_see(self, one: Asked, frame: pd.DataFrame) -> bool:
        if frame.empty:
            return True
        return not one.offer.looks_at_nulls and bool(frame[one.columns[0]].isna().all())

    def _result(self, one: Asked, answer: Any, frame: pd.DataFrame) -> Result:
        if answer.exception:
            if one.columns and all(frame[name].isna().all() for name in one.columns):
                told = ", ".join(f"`{name}`" for name in one.columns)
                return results.own(
                    one, success=False, message=f"{told} holds no values to {results.should(one)}"
                )
            raise Unanswered(f"{one.type} could not be answered ({answer.exception})")
        result = results.answered(one, answer, self._table, tuple(self._columns))
        return replace(result, vacuous=True) if one.condition is not None and frame.empty else result
