"""A suite + data objects -> an `Evaluation`. To be imported in a killable child only."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gate_server.engine.judgement import Judgement
from gate_server.engine.lint import format_problems
from gate_server.engine.objects import DataObject
from gate_server.engine.questions import interpret
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.table import read_table
from gate_server.engine.run import Unanswered
from gate_server.model import Evaluation, Format, Limits, Problem, Suite


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
    answers = Judgement(table).judge(asked)
    if [result.number for result in answers] != list(range(len(suite.content["expectations"]))):
        raise Unanswered("not every expectation has its result")
    return Evaluation("answered", tuple(answers), rows=table.data.num_rows, columns=found)
