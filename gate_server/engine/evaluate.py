"""A suite + data objects -> an `Evaluation`. To be imported in a killable child only."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gate_server.engine import datasets, metadata
from gate_server.engine.comparison import Beside, compare_nothing, needed
from gate_server.engine.datasets import Kept
from gate_server.engine.judgement import Judgement
from gate_server.engine.lint import format_problems
from gate_server.engine.native import passing
from gate_server.engine.native.compiling import columns_needed
from gate_server.engine.objects import DataObject, spared
from gate_server.engine.partitions import with_partitions
from gate_server.engine.questions import Asked, interpret
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.opening import in_memory, open_scan, scan_table
from gate_server.engine.readers.parquet_scan import open_parquet
from gate_server.engine.readers.scan import NotPlain
from gate_server.engine.readers.table import read_table
from gate_server.engine.reference import read_beside
from gate_server.engine.run import Unanswered
from gate_server.engine.spark.cluster import Cluster
from gate_server.engine.table_formats.evolution import schema_changes
from gate_server.engine.table_formats.live import live
from gate_server.model import AGE_AT_COMMIT, COMPARING, Evaluation, Format, Limits, Problem, Result, Suite


def evaluate(
    suite: Suite,
    objects: Sequence[DataObject],
    fmt: Format,
    parameters: Mapping[str, Any],
    limits: Limits,
    reference: Sequence[DataObject] = (),
    committed_at: int = 0,
    kept: Kept | None = None,
    cluster: Cluster | None = None,
    before: Sequence[DataObject] = (),
) -> Evaluation:
    """Judge `objects`, as one table in their order, by `suite`.

    Never raises for bad data. ``unreadable`` and ``limit_of_data`` say that the data is bad, ``error`` that
    it could not be told; no text holds a cell value. ``answered`` holds one result for each expectation,
    but when all objects are without content those of comparisons alone. `reference` is what the
    destination holds, for suites that compare with it; `committed_at` when the judged commit was made,
    seconds since 1970. With `kept` they are a dataset: only those are read whose state is not known.
    With `cluster` they are judged there. `before` is what of the destination's log says which columns a
    table has there.
    """
    started = time.monotonic()
    allowance, other_allowance = Allowance(limits), Allowance(limits)
    path = objects[0].path if objects else ""
    try:
        if not objects:
            raise Unanswered("there is nothing to judge")
        files, read_as = live(objects, fmt, allowance)
        evaluation = _evaluate(
            suite,
            files,
            read_as,
            parameters,
            allowance,
            lambda asked: read_beside(asked, files, reference, fmt, other_allowance, committed_at),
            kept,
            cluster,
        )
    except ReadFailure as failure:
        evaluation = Evaluation(failure.status, problem=failure.problem(path))
    except Unanswered as error:
        evaluation = _error("unanswered", str(error), path)
    except OSError as error:  # of this machine: what the store did not deliver is a `ReadFailure`
        why = error.strerror or type(error).__name__
        evaluation = _error("disk", f"the temporary folder could not be used ({why})", path)
    except Exception as error:  # whatever it was, it is no pass; its text may hold cell values
        evaluation = _error("engine", f"the evaluation failed ({type(error).__name__})", path)
    changes = schema_changes(objects, before, fmt, allowance.afresh())
    if evaluation.status != "answered" and any(change.kind == "untold" for change in changes):
        changes = ()  # what is wrong with the table is told already
    spared_bytes, spared_objects = spared([*objects, *reference, *before])
    return replace(
        evaluation,
        schema_changes=changes,
        bytes_read=allowance.read_bytes + other_allowance.read_bytes - spared_bytes,
        objects_read=allowance.objects_read + other_allowance.objects_read - spared_objects,
        duration_s=time.monotonic() - started,
    )


def evaluate_together(
    suites: Sequence[tuple[Suite, Mapping[str, Any]]],
    objects: Sequence[DataObject],
    fmt: Format,
    limits: Limits,
    kept: Sequence[Kept] = (),
    cluster: Cluster | None = None,
    before: Sequence[DataObject] = (),
) -> list[Evaluation] | None:
    """Judge `objects` by several suites, each with its parameters, in one reading.

    Of a dataset with what is kept for each suite, if anything is.
    None where each has to be evaluated by itself, as something is wrong with one of them or with the data:
    `evaluate` then says what. Bytes and time are those of all together, told of the first.
    """
    if not objects:
        return None
    started = time.monotonic()
    allowance = Allowance(limits)
    joined: list[Asked] = []
    of_suite: list[range] = []
    for suite, parameters in suites:
        asked, problems = interpret(suite, parameters)
        if problems or format_problems(suite, asked, fmt) or _compared(asked):
            return None
        of_suite.append(range(len(joined), len(joined) + len(asked)))
        joined += [replace(one, number=len(joined) + place) for place, one in enumerate(asked)]
    try:
        files, read_as = live(objects, fmt, allowance)
        files = with_partitions(files, read_as)
        by_suite = list(zip(of_suite, kept, strict=True)) if kept else []
        whole = _with_kept(joined, files, read_as, allowance, lambda _: Beside(), by_suite, cluster)
    except Exception:  # whatever it was, `evaluate` meets and tells it
        return None
    changes = schema_changes(objects, before, fmt, allowance.afresh())
    spared_bytes, spared_objects = spared([*objects, *before])
    duration_s = time.monotonic() - started
    spent = (allowance.read_bytes - spared_bytes, allowance.objects_read - spared_objects, duration_s)
    evaluations = []
    for place, numbers in enumerate(of_suite):
        own = tuple(
            replace(result, number=result.number - numbers.start)
            for result in whole.results
            if result.number in numbers
        )
        read_bytes, objects_read, duration_s = (0, 0, 0.0) if place else spent
        evaluations.append(
            replace(
                whole,
                results=own,
                bytes_read=read_bytes,
                objects_read=objects_read,
                duration_s=duration_s,
                schema_changes=changes,
            )
        )
    return evaluations


def _error(code: str, message: str, path: str) -> Evaluation:
    return Evaluation("error", problem=Problem(code, message, path=path))


def _evaluate(
    suite: Suite,
    objects: Sequence[DataObject],
    fmt: Format,
    parameters: Mapping[str, Any],
    allowance: Allowance,
    beside: Callable[[Sequence[Asked]], Beside],
    kept: Kept | None,
    cluster: Cluster | None,
) -> Evaluation:
    asked, problems = interpret(suite, parameters)
    problems = [*problems, *format_problems(suite, asked, fmt)]
    if problems:
        return Evaluation("error", problem=problems[0])
    if not objects:  # a table of no file
        return _without_content(asked, beside)
    objects = with_partitions(objects, fmt)
    by_suite = [] if kept is None or _compared(asked) else [(range(len(asked)), kept)]
    return _with_kept(asked, objects, fmt, allowance, beside, by_suite, cluster)


def _with_kept(
    asked: Sequence[Asked],
    objects: Sequence[DataObject],
    fmt: Format,
    allowance: Allowance,
    beside: Callable[[Sequence[Asked]], Beside],
    kept: Sequence[tuple[range, Kept]],
    cluster: Cluster | None,
) -> Evaluation:
    """Judge on the cluster, where there is one; else by states where they are kept, of each suite; else, or
    where they do not tell, by all objects."""
    if cluster is not None:
        from gate_server.engine.spark.judge import judge

        on_cluster = judge(asked, objects, fmt, allowance, cluster, kept)
        if on_cluster is not None:
            return on_cluster
        kept, allowance = (), allowance.afresh()  # nothing is in it
    if kept:
        with contextlib.suppress(NotPlain):
            return _by_states(asked, objects, fmt, allowance, beside, kept)
        allowance = allowance.afresh()
    return _judged(asked, objects, fmt, allowance, beside)


def _judged(
    asked: Sequence[Asked],
    objects: Sequence[DataObject],
    fmt: Format,
    allowance: Allowance,
    beside: Callable[[Sequence[Asked]], Beside],
) -> Evaluation:
    try:
        return _by_scan(asked, objects, fmt, allowance, beside)
    except NotPlain as why:
        evaluation = _by_table(asked, objects, fmt, allowance.afresh(), beside)
        return replace(evaluation, read_in_full=str(why))


def _by_states(
    asked: Sequence[Asked],
    objects: Sequence[DataObject],
    fmt: Format,
    allowance: Allowance,
    beside: Callable[[Sequence[Asked]], Beside],
    kept: Sequence[tuple[range, Kept]],
) -> Evaluation:
    """Judge a dataset by the states of its objects, and by all of them together what those do not tell."""
    judged = datasets.judge(asked, objects, fmt, allowance, kept)
    results, read_in_full = dict(judged.results), ""
    if judged.left:
        rest = _judged(judged.left, objects, fmt, allowance.afresh(), beside)
        if rest.status != "answered":
            return rest
        results |= {result.number: result for result in rest.results}
        read_in_full = rest.read_in_full
    whole = _answered(asked, results, judged.rows, judged.columns)
    return replace(whole, objects_known=judged.known, read_in_full=read_in_full)


def _by_scan(
    asked: Sequence[Asked],
    objects: Sequence[DataObject],
    fmt: Format,
    allowance: Allowance,
    beside: Callable[[Sequence[Asked]], Beside],
) -> Evaluation:
    """Judge what is plain in one pass over the columns needed; raises `NotPlain` if it is not."""
    results: dict[int, Result] = {}
    left: Sequence[Asked] = asked
    footers = open_parquet(objects, allowance) if fmt.type == "parquet" else None
    if footers is not None:
        results, left = metadata.run(asked, footers)
        # What is decoded all the same is counted: a footer may lie.
        decoded = {name for one in left for name in columns_needed(one)}
        if footers.are_small:
            decoded = set(footers.schema.names)
        left = [
            one
            for one in asked
            if one.number not in results or (one.columns and decoded.issuperset(columns_needed(one)))
        ]
        if not left:
            footers.look_through()
            return _answered(asked, results, footers.located.rows, footers.schema.names)
    scan = (
        footers.scan(_columns_read(left, footers.schema.names))
        if footers is not None
        else open_scan(objects, fmt, allowance)
    )
    if scan is None:
        return _without_content(asked, beside)
    comparing = [one for one in left if _compared([one])]
    left = [one for one in left if one not in comparing]
    read_before = bool(left or not comparing)
    rows = None
    if read_before:
        passed = passing.run(left, scan)
        results |= passed.results
        left, rows = passed.left, passed.located.rows
    left = [*left, *comparing]
    if left:
        table = scan_table(scan, _columns_read(left, scan.schema.names), read_before=read_before)
        if rows is None:
            rows = table.data.num_rows
        judgement = Judgement(table, beside(left), scan.schema.names)
        results |= {result.number: result for result in judgement.judge(left)}
    assert rows is not None  # noqa: S101 - for the type checker: one of the two read it
    return _answered(asked, results, rows, scan.schema.names)


def _columns_read(asked: Sequence[Asked], names: Sequence[str]) -> list[str]:
    """Return which of a table's columns `asked` reads, beside the destination's or alone."""
    read = {name for one in asked for name in columns_needed(one)}
    if any(one.type in COMPARING for one in asked):
        read |= set(needed(asked, names))
    return [name for name in names if name in read]


def _by_table(
    asked: Sequence[Asked],
    objects: Sequence[DataObject],
    fmt: Format,
    allowance: Allowance,
    beside: Callable[[Sequence[Asked]], Beside],
) -> Evaluation:
    """Judge the whole table in memory."""
    table = read_table(objects, fmt, allowance)
    if table is None:
        return _without_content(asked, beside)
    results: dict[int, Result] = {}
    left = tuple(asked)
    try:
        passed = passing.run(asked, in_memory(table))
        results, left = dict(passed.results), passed.left
    except NotPlain:
        pass  # Great Expectations answers all of them
    if left:
        judgement = Judgement(table, beside(left))
        results |= {result.number: result for result in judgement.judge(left)}
    return _answered(asked, results, table.data.num_rows, table.data.column_names)


def _without_content(asked: Sequence[Asked], beside: Callable[[Sequence[Asked]], Beside]) -> Evaluation:
    """Return what objects of 0 bytes answer: to comparisons alone; the rest is the rule's `on_empty`.

    Where the destination cannot be read it stays known that nothing is here.
    """
    comparing = [one for one in asked if one.type in COMPARING]
    try:
        there = beside(comparing) if comparing else Beside()
    except Unanswered as error:
        return replace(_error("unanswered", str(error), ""), rows=0)
    return Evaluation("answered", tuple(compare_nothing(one, there) for one in comparing), rows=0)


def _answered(
    asked: Sequence[Asked], found: Mapping[int, Result], rows: int, columns: Sequence[str]
) -> Evaluation:
    if sorted(found) != [one.number for one in asked]:
        raise Unanswered("not every expectation has its result")
    return Evaluation(
        "answered", tuple(found[one.number] for one in asked), rows=rows, columns=tuple(columns)
    )


def _compared(asked: Sequence[Asked]) -> bool:
    return any(one.type in COMPARING or one.type == AGE_AT_COMMIT for one in asked)
