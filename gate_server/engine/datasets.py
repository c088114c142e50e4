"""A dataset judged by the states of its objects: only those are read that nothing is known of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from typing import Any

import narwhals as nw
import polars as pl
import pyarrow as pa

from gate_server.engine import metadata, states
from gate_server.engine.native import passing
from gate_server.engine.native.ask import PIECES, Facts, NotNative, Read
from gate_server.engine.native.compiling import Compilation, Part, columns_needed, compile_all, result_of
from gate_server.engine.native.frames import is_held
from gate_server.engine.objects import DataObject
from gate_server.engine.questions import Asked
from gate_server.engine.readers import scan as scans
from gate_server.engine.readers.drift import check_drift, is_same
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.opening import in_memory, open_scan
from gate_server.engine.readers.parquet_scan import Footers, open_parquet
from gate_server.engine.readers.ranges import PARALLEL, finish
from gate_server.engine.readers.scan import Located, NotPlain, Scan
from gate_server.engine.readers.table import read_table
from gate_server.engine.run import Unanswered
from gate_server.engine.states import LINES, UNEXPECTED_ROWS, KnownLines, State, States, key_of
from gate_server.model import Format, Result

# How many different values are kept of the objects of one dataset, and of one of them: 64 MB, and 1 MB. All
# expectations share them, as each value takes time as well (some 2 us, one at a time).
MOST_VALUES, MOST_VALUES_OF_ONE = 1 << 22, 1 << 16
# Of JSON lines an object may leave out what is null in it: only all of them together have a schema.
FORMATS = frozenset({"csv", "tsv", "parquet", "orc", "arrow"})


@dataclass
class Kept:
    """The states of a dataset's objects, as `states.dump` has them.

    Parameters
    ----------
    known
        From before; empty where nothing is.
    made
        What is to be kept from now on; empty where that is what is known.
    """

    known: bytes = b""
    made: bytes = b""


@dataclass(frozen=True)
class Judged:
    """What states told.

    Parameters
    ----------
    left
        What they do not tell of: it has to be asked of all objects together.
    known
        Of how many objects the state was known.
    """

    results: Mapping[int, Result]
    left: tuple[Asked, ...]
    rows: int
    columns: tuple[str, ...]
    known: int


@dataclass
class _Reading:
    """What is the same for all objects of a dataset."""

    asked: Sequence[Asked]
    fmt: Format
    most_values: int
    compilations: dict[pa.Schema, Compilation] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def compiled(self, schema: pa.Schema) -> Compilation:
        """Return what objects of this schema make of the suite: the same for all of them."""
        with self.lock:
            if schema not in self.compilations:
                held = {item.name for item in schema if is_held(item.type)}
                self.compilations[schema] = compile_all(self.asked, schema, held)
            return self.compilations[schema]


def judge(
    asked: Sequence[Asked], objects: Sequence[DataObject], fmt: Format, allowance: Allowance, kept: Kept
) -> Judged:
    """Judge objects as one table, in their order, and put what is to be kept into `kept`.

    Raises
    ------
    NotPlain
        The states of single objects do not tell what all of them together are.
    ReadFailure
        With the path of the object concerned.
    """
    filled = [data for data in objects if data.size_bytes]
    if fmt.type not in FORMATS or len(filled) < 2:
        raise NotPlain("it is no dataset of objects that can be read by themselves")
    if sum(data.size_bytes for data in filled) > allowance.limits.size_bytes:
        raise NotPlain("a limit of the data")
    reading = _Reading(asked, fmt, min(MOST_VALUES_OF_ONE, MOST_VALUES // len(filled)))
    before = _known(kept.known)
    keys = [key_of(data) for data in filled]
    missing = [data for data, key in zip(filled, keys, strict=True) if key not in before.by_key]
    made = _read(missing, reading, allowance)
    schemas = [made[key][0] if key in made else before.schema for key in keys]
    schema = schemas[0]
    assert schema is not None  # noqa: S101 - for the type checker: what is known has a schema
    if any(other is None or not is_same(schema, other) for other in schemas):
        if not fmt.is_text:  # of text the types are those of all objects together
            check_drift([(data.path, one) for data, one in zip(filled, schemas, strict=True) if one])
        raise NotPlain("its objects have several schemas")
    found = {**before.by_key, **{key: state for key, (_, state) in made.items()}}
    if made:
        kept.made = states.dump(States(schema, {key: found[key] for key in keys}))
    own = [found[key] for key in keys]
    _check_limits(own, allowance)
    return _judged(reading.compiled(schema), schema, filled, own, known=len(filled) - len(missing))


def _known(content: bytes) -> States:
    try:
        return states.load(content) if content else States()
    except (ValueError, KeyError, TypeError):  # it is made anew
        return States()


def _check_limits(own: Sequence[State], allowance: Allowance) -> None:
    limits = allowance.limits
    if (
        sum(state.rows for state in own) > limits.rows
        or sum(state.decompressed_bytes for state in own) > limits.decompressed_bytes
    ):
        raise NotPlain("a limit of the data")


def _judged(
    compiled: Compilation,
    schema: pa.Schema,
    objects: Sequence[DataObject],
    own: Sequence[State],
    known: int,
) -> Judged:
    """Return what the states of all objects tell together."""
    firsts, rows = [], 0
    for state in own:
        firsts.append(rows)
        rows += state.rows
    results, left = dict(compiled.done), list(compiled.left)
    for part in compiled.parts:
        number = part.asked.number
        told = [state.facts.get(number) for state in own]
        several = [(facts, first) for facts, first in zip(told, firsts, strict=True) if facts is not None]
        try:
            if len(several) < len(own):
                raise NotNative("not of each object something is known")
            facts = states.merge(part, several)
            if any(name not in facts for name in part.compiled.queries(facts)):
                raise NotNative("more has to be asked")
            located = Located(
                tuple(
                    scans.Part(data.path, first, _lines(facts))
                    for data, (facts, first) in zip(objects, several, strict=True)
                ),
                rows,
                facts[PIECES],
            )
            is_proven = all(number in state.proven for state in own)
            source = metadata.METADATA if is_proven else passing.PASS
            results[number] = result_of(part, facts, located, schema.names, source)
        except (NotNative, Unanswered):
            left.append(part.asked)
    left.sort(key=lambda one: one.number)
    return Judged(results, tuple(left), rows, tuple(schema.names), known)


def _lines(facts: Facts) -> KnownLines | None:
    if LINES not in facts:
        return None
    return KnownLines(dict(zip(facts[UNEXPECTED_ROWS], facts[LINES], strict=True)))


def _read(
    objects: Sequence[DataObject], reading: _Reading, allowance: Allowance
) -> dict[str, tuple[pa.Schema, State]]:
    """Return schema and state of each object by its key, some read at once."""
    own = [Allowance(allowance.limits) for _ in objects]
    try:
        with ThreadPoolExecutor(PARALLEL) as pool:
            calls = [
                pool.submit(copy_context().run, _state_of, data, reading, counted)
                for data, counted in zip(objects, own, strict=True)
            ]
            found = finish(pool, calls)
    finally:
        for data, counted in zip(objects, own, strict=True):
            allowance.read_bytes += counted.read_bytes
            if counted.objects_read:
                allowance.opened(data.path)
    return {key_of(data): one for data, one in zip(objects, found, strict=True)}


def _state_of(data: DataObject, reading: _Reading, allowance: Allowance) -> tuple[pa.Schema, State]:
    try:
        if reading.fmt.type == "parquet":
            footers = open_parquet([data], allowance)
            return footers.schema, _by_footer(footers, reading)
        scan = open_scan([data], reading.fmt, allowance)
        if scan is not None:
            return scan.schema, _by_scan(scan, reading, allowance)
    except (NotPlain, ReadFailure):
        pass  # the slow way says what it is
    table = read_table([data], reading.fmt, fresh := allowance.afresh())
    if table is None:
        raise NotPlain("one of its objects holds nothing")
    return table.data.schema, _by_scan(in_memory(table), reading, fresh)


def _by_footer(footers: Footers, reading: _Reading) -> State:
    """Return the state of a Parquet object, from its footer as far as that proves it."""
    parts = _stated(reading.compiled(footers.schema))
    pieces = footers.located.pieces
    proven: dict[int, Facts | None] = {}
    for part in parts:
        try:
            if part.asked.condition is None and not part.compiled.different:
                facts = metadata.facts_of(part, footers)
                if facts.keys() >= part.facts.keys():  # not where there is nothing that they are facts of
                    proven[part.asked.number] = {**facts, PIECES: pieces}
        except NotNative:
            pass
    # What is decoded all the same is counted: a footer may lie.
    unproven = [part.asked for part in parts if part.asked.number not in proven]
    decoded = {name for one in unproven for name in columns_needed(one)}
    if footers.are_small:
        decoded = set(footers.schema.names)
    left = [
        part
        for part in parts
        if part.asked.number not in proven
        or (part.asked.columns and decoded.issuperset(columns_needed(part.asked)))
    ]
    size_bytes = sum(footer.announced_bytes for footer in footers.footers)
    if not left:
        footers.look_through()
        return State(footers.located.rows, size_bytes, proven, frozenset(proven))
    scan = footers.scan({name for part in left for name in columns_needed(part.asked)})
    counted, located = _facts_of(left, scan, reading.most_values)
    return State(located.rows, size_bytes, proven | counted, frozenset(proven) - frozenset(counted))


def _by_scan(scan: Scan, reading: _Reading, allowance: Allowance) -> State:
    parts = _stated(reading.compiled(scan.schema))
    facts, located = _facts_of(parts, scan, reading.most_values)
    return State(located.rows, allowance.decompressed_bytes, facts)


def _stated(compiled: Compilation) -> list[Part]:
    return [
        part
        for part in compiled.parts
        if part.compiled.merge is not None and set(part.compiled.reads) <= set(part.compiled.different)
    ]


def _facts_of(parts: Sequence[Part], scan: Scan, most_values: int) -> tuple[dict[int, Facts | None], Located]:
    """Return the facts of each part by its number, None where there are too many different values."""
    sharing = sum(1 for part in parts if part.compiled.different)
    most_of_one = most_values // max(sharing, 1)
    asking = {_with_digests(part, most_of_one): part.asked.number for part in parts}
    found, located = passing.find(list(asking), scan)
    return {number: _told(part, found.get(part), located) for part, number in asking.items()}, located


def _told(part: Part, facts: Mapping[str, Any] | None, located: Located) -> Facts | None:
    if facts is None or any(facts[name] is None for name in part.compiled.different):
        return None
    rows = facts.get(UNEXPECTED_ROWS)
    lines = [located.place(row)[1] for row in rows or ()]
    return facts if not lines or lines[0] is None else {**facts, LINES: lines}


def _with_digests(part: Part, most_values: int) -> Part:
    """Return a part that is told which different values there are, as digests, not how many."""
    different = part.compiled.different
    if not different:
        return part
    reads = {
        name: Read(partial(_different, values, most_values + 1), partial(_digests, most_values))
        for name, values in different.items()
    }
    facts = {name: fact for name, fact in part.facts.items() if name not in different}
    return replace(part, facts=facts, compiled=replace(part.compiled, reads=reads))


def _different(values: nw.Expr, most: int, data: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    found: nw.LazyFrame[Any] = data.select(values.alias("value")).drop_nulls().unique().head(most)
    return found


def _digests(most: int, frame: pl.DataFrame) -> bytes | None:
    return None if frame.height > most else states.digests(frame["value"])
