"""A table judged on Spark: its objects' states are counted there, and merged here as a dataset's are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from gate_server.engine import datasets, states
from gate_server.engine.datasets import Kept
from gate_server.engine.naming import plain
from gate_server.engine.native.ask import FIRST_ROWS, PIECES, Facts, NotNative
from gate_server.engine.native.compiling import (
    Compilation,
    Part,
    columns_needed,
    compile_all,
    compile_one,
    result_of,
)
from gate_server.engine.objects import DataObject
from gate_server.engine.questions import Asked
from gate_server.engine.readers.drift import check_drift
from gate_server.engine.readers.failure import Allowance
from gate_server.engine.readers.parquet_scan import Footers, open_parquet
from gate_server.engine.readers.scan import Located, NotPlain
from gate_server.engine.readers.scan import Part as Place
from gate_server.engine.readers.table import read_table
from gate_server.engine.run import Unanswered
from gate_server.engine.spark import counting, faults
from gate_server.engine.spark.cluster import Cluster
from gate_server.engine.spark.frames import Files, files_of, read
from gate_server.engine.spark.groups import Group, Grouped
from gate_server.engine.spark.offered import ON_SPARK
from gate_server.engine.spark.types import held, spark_type
from gate_server.engine.states import UNEXPECTED_ROWS, State, States, key_of
from gate_server.model import Evaluation, Format, Problem, Result, Suite

SPARK = "spark"
_HINT = "leave it out of the suite, or judge it in a rule of its own, without `engine: spark`"


@dataclass(frozen=True)
class _Table:
    """A table's objects in order, none of them empty, with what is known of each."""

    objects: Sequence[DataObject]
    schema: pa.Schema
    compiled: Compilation
    states: Mapping[str, State]

    @property
    def own(self) -> list[State]:
        """The state of each object."""
        return [self.states[data.path] for data in self.objects]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(state.rows for state in self.own)

    def first_rows(self) -> list[int]:
        """Return of each object where it begins."""
        firsts, rows = [], 0
        for state in self.own:
            firsts.append(rows)
            rows += state.rows
        return firsts


def uncovered(asked: Sequence[Asked], suite: Suite | None = None) -> list[Problem]:
    """Return what Spark does not answer whatever the columns are: known before anything is read."""
    path, lines = (suite.path, suite.lines) if suite else ("", ())
    return [
        Problem(
            "spark",
            f"{one.type} is not answered on Spark",
            _HINT,
            path,
            lines[one.number] if one.number < len(lines) else None,
        )
        for one in asked
        if one.type not in ON_SPARK
    ]


def judge(
    asked: Sequence[Asked],
    objects: Sequence[DataObject],
    fmt: Format,
    allowance: Allowance,
    cluster: Cluster,
    kept: Sequence[tuple[range, Kept]],
) -> Evaluation | None:
    """Judge objects as one table, in their order, on a cluster.

    Parameters
    ----------
    kept
        Of each suite, with the numbers that its expectations have among `asked`, where states are kept.

    Returns
    -------
    None where there is no row: nothing that a cluster is needed for.

    Raises
    ------
    Unanswered
        It could not be told.
    ReadFailure
        What is wrong with the data.
    """
    if problems := uncovered(asked):
        return Evaluation("error", problem=problems[0])
    filled = [data for data in objects if data.size_bytes]
    allowance.take_bytes(sum(data.size_bytes for data in filled))
    if any(data.constants for data in filled):
        raise Unanswered("columns that folders give are not read on Spark")
    files = files_of(filled)
    before = _known(kept)
    known = {
        data.path: before.by_key[key] for data in filled if kept and (key := key_of(data)) in before.by_key
    }
    missing = [data for data in filled if data.path not in known]
    footers = _footers(missing, fmt, allowance) if missing else None
    schema = _schema(filled, known, before.schema, footers)
    rows = {} if footers is None else _rows(missing, footers)
    if not any(rows.values()) and not any(state.rows for state in known.values()):
        return None
    compiled = _compiled(asked, schema)
    with faults.told(cluster):
        made = {} if footers is None else _made(missing, footers, compiled, files, cluster)
        table = _Table(filled, schema, compiled, {**known, **made})
        _check_limits(table, allowance)
        groups = _of_groups(table, files, cluster)
    if made and kept:
        whole = States(schema, {key_of(data): state for data, state in zip(filled, table.own, strict=True)})
        for numbers, one in kept:
            one.make(states.of_suite(numbers, whole))
    results = _results(table, groups)
    return Evaluation(
        "answered",
        tuple(results[one.number] for one in asked),
        rows=table.rows,
        columns=tuple(schema.names),
        objects_known=len(known),
    )


def _known(kept: Sequence[tuple[range, Kept]]) -> States:
    return (
        states.joined([(numbers, datasets.known_states(one.known)) for numbers, one in kept])
        if kept
        else States()
    )


def _footers(objects: Sequence[DataObject], fmt: Format, allowance: Allowance) -> Footers:
    """Return the objects' footers; raises `ReadFailure` with what is wrong with the first that has none."""
    try:
        return open_parquet(objects, allowance)
    except NotPlain as why:
        for data in objects:
            try:
                open_parquet([data], allowance.afresh())
            except NotPlain:
                read_table([data], fmt, allowance.afresh())
                raise Unanswered(f"{data.path} is not plain: {why}") from why
        raise Unanswered(str(why)) from why


def _rows(objects: Sequence[DataObject], footers: Footers) -> dict[str, int]:
    return {data.path: footer.rows for data, footer in zip(objects, footers.footers, strict=True)}


def _schema(
    objects: Sequence[DataObject],
    known: Mapping[str, State],
    before: pa.Schema | None,
    footers: Footers | None,
) -> pa.Schema:
    """Return the schema of all objects; raises `ReadFailure` where they have several."""
    told = [
        (data.path, before if data.path in known or footers is None else footers.schema) for data in objects
    ]
    schemas = [(path, schema) for path, schema in told if schema is not None]
    check_drift(schemas)
    return schemas[0][1]


def _compiled(asked: Sequence[Asked], schema: pa.Schema) -> Compilation:
    """Return what a table of this schema makes of the suite; raises `Unanswered` where Spark cannot tell."""
    columns = held(schema)
    try:
        compiled = compile_all(asked, schema, columns, ON_SPARK)
        for one in compiled.left:
            for name in columns_needed(one):
                if name not in columns:
                    kind = spark_type(schema.field(name).type) or plain(schema.field(name).type)
                    raise NotNative(
                        f"`{name}` ({kind}) is of a type, or has a name, that is not judged there"
                    )
            compile_one(one, schema, ON_SPARK)
    except NotNative as why:
        raise Unanswered(f"{one.type} is not answered on Spark: {why}") from why
    except NotPlain as why:
        raise Unanswered(f"the suite is not answered on Spark: {why}") from why
    return compiled


def _made(
    objects: Sequence[DataObject], footers: Footers, compiled: Compilation, files: Files, cluster: Cluster
) -> dict[str, State]:
    """Return the state of each object by its path, counted on the cluster."""
    parts, announced = compiled.parts, _rows(objects, footers)
    facts: dict[str, dict[Part, dict[str, Any] | None]] = {}
    if parts:
        frame = read(cluster, objects, footers.schema, parts)
        rows, found = counting.facts_of_files(frame, parts, footers.schema)
        spelled = {files.of(file).path: file for file in rows}
        _check_read(announced, {path: rows[file] for path, file in spelled.items()})
        failing = [
            part
            for part in parts
            if part.compiled.unexpected is not None
            and any((told[part] or {}).get("unexpected") for told in found.values())
        ]
        first = counting.first_failing(frame, failing)
        facts = {
            path: {
                part: None if told is None else {**told, UNEXPECTED_ROWS: first.get((part, file), [])}
                for part, told in found[file].items()
            }
            for path, file in spelled.items()
        }
    return {
        data.path: State(
            footer.rows,
            footer.announced_bytes,
            {part.asked.number: told for part, told in facts.get(data.path, {}).items()},
        )
        for data, footer in zip(objects, footers.footers, strict=True)
    }


def _check_read(announced: Mapping[str, int], found: Mapping[str, int]) -> None:
    """Raise `Unanswered` unless Spark read each object once, as a whole."""
    for path, rows in announced.items():
        if found.get(path, 0) != rows:
            raise Unanswered(f"Spark read {found.get(path, 0):,} rows of {path}, whose footer says {rows:,}")


def _check_limits(table: _Table, allowance: Allowance) -> None:
    allowance.check_columns(len(table.schema))
    allowance.take_rows(table.rows)
    allowance.take_decompressed(sum(state.decompressed_bytes for state in table.own))


def _of_groups(table: _Table, files: Files, cluster: Cluster) -> dict[Part, dict[str, Any]]:
    """Return what is told of different values, which are those of all objects together."""
    wanted = {
        (part, name): group
        for part in table.compiled.parts
        if isinstance(part.compiled, Grouped)
        for name, group in part.compiled.groups.items()
    }
    if not wanted:
        return {}
    frame = read(cluster, table.objects, table.schema, list({part: None for part, _ in wanted}))
    different = {group.what: group for group in wanted.values()}
    counted = dict(zip(different, counting.groups_of(frame, list(different.values())), strict=True))
    found: dict[Part, dict[str, Any]] = {}
    for (part, name), group in wanted.items():
        groups, repeated, rows = counted[group.what]
        own = {name: groups, f"{name} repeated": repeated, f"{name} rows": rows, f"{name} places": []}
        if repeated and group.places:
            own[f"{name} places"] = _places(table, files, frame, group)
        found[part] = found.get(part, {}) | own
    return found


def _places(table: _Table, files: Files, frame: Any, group: Group) -> list[int]:
    """Return the first rows of the table that are not alone in their group."""
    by_path = {
        files.of(file).path: (file, rows) for file, rows in counting.repeated_by_file(frame, group).items()
    }
    found: list[int] = []
    for data, first in zip(table.objects, table.first_rows(), strict=True):
        if data.path in by_path and len(found) < FIRST_ROWS:
            found += [first + row for row in counting.first_repeated(frame, group, by_path[data.path][0])]
    return found[:FIRST_ROWS]


def _results(table: _Table, groups: Mapping[Part, Mapping[str, Any]]) -> dict[int, Result]:
    results = dict(table.compiled.done)
    own = [
        (data, state, first)
        for data, state, first in zip(table.objects, table.own, table.first_rows(), strict=True)
    ]
    places = tuple(Place(data.path, first) for data, _, first in own)
    for part in table.compiled.parts:
        one = part.asked
        several: list[tuple[Facts, int]] = []
        for data, state, first in own:
            facts = state.facts.get(one.number)
            if state.rows and facts is None:
                raise Unanswered(f"{one.type}: {data.path} holds a moment outside of the years 1 to 9999")
            if state.rows and facts is not None:
                several.append((facts, first))
        facts = {**states.merge(part, several), **groups.get(part, {})}
        _check_groups(part, facts)
        located = Located(places, table.rows, facts[PIECES])
        try:
            results[one.number] = result_of(part, facts, located, table.schema.names, SPARK)
        except NotNative as why:
            raise Unanswered(f"{one.type} could not be told on Spark: {why}") from why
    return results


def _check_groups(part: Part, facts: Facts) -> None:
    """Raise `Unanswered` unless as many rows were grouped as were counted."""
    if isinstance(part.compiled, Grouped):
        for name in part.compiled.groups:
            if facts[f"{name} rows"] != facts[f"{name} among"]:
                raise Unanswered(f"{part.asked.type}: Spark grouped another number of rows than it counted")
