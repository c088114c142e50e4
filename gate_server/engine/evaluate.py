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
    suite: Suite,
    objects: Sequence[DataObject],
    fmt: Format,
    parameters: Mapping[str, Any],
    limits: Limits,
    reference: Sequence[DataObject] = (),
) -> Evaluation:
    """Judge `objects`, as one table in their order, by `suite`.

    Never raises for bad data. ``unreadable`` and ``limit_of_data`` say that the data is bad, ``error`` that
    it could not be told; no text holds a cell value. ``answered`` holds one result for each expectation,
    but none when all objects are without content. `reference` is what the destination holds, for suites that
    compare with it.
    """
    started = time.monotonic()
    allowance, other_allowance = Allowance(limits), Allowance(limits)
    path = objects[0].path if objects else ""
    try:
        rows = _rows_of(reference, fmt, other_allowance) if suite.compares else 0
        evaluation = _evaluate(suite, objects, fmt, parameters, allowance, rows)
    except ReadFailure as failure:
        evaluation = Evaluation(failure.status, problem=failure.problem(path))
    except Unanswered as error:
        evaluation = _error("unanswered", str(error), path)
    except OSError as error:  # of this machine: what the store did not deliver is a `ReadFailure`
        why = error.strerror or type(error).__name__
        evaluation = _error("disk", f"the temporary folder could not be used ({why})", path)
    except Exception as error:  # whatever it was, it is no pass; its text may hold cell values
        evaluation = _error("engine", f"the evaluation failed ({type(error).__name__})", path)
    return replace(
        evaluation,
        bytes_read=allowance.read_bytes + other_allowance.read_bytes,
        objects_read=allowance.objects_read + other_allowance.objects_read,
        duration_s=time.monotonic() - started,
    )


def _error(code: str, message: str, path: str) -> Evaluation:
    return Evaluation("error", problem=Problem(code, message, path=path))


def _rows_of(reference: Sequence[DataObject], fmt: Format, allowance: Allowance) -> int:
    """Return how many rows the destination holds; what cannot be read there is no fault of what is judged."""
    try:
        table = read_table(reference, fmt, allowance) if reference else None
    except ReadFailure as failure:
        told = failure.problem(reference[0].path).text
        raise Unanswered(f"what the destination holds could not be counted: {told}") from failure
    return table.data.num_rows if table else 0


def _evaluate(
    suite: Suite,
    objects: Sequence[DataObject],
    fmt: Format,
    parameters: Mapping[str, Any],
    allowance: Allowance,
    destination_rows: int,
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
    answers = Judgement(table, destination_rows).judge(asked)
    if [result.number for result in answers] != list(range(len(suite.content["expectations"]))):
        raise Unanswered("not every expectation has its result")
    return Evaluation("answered", tuple(answers), rows=table.data.num_rows, columns=found)
