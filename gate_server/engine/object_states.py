"""Finds the state of each object of a dataset: what it holds by itself, as far as a suite asks."""

from __future__ import annotations

from collections import Counter
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
from gate_server.engine.native.compiling import Compilation, Part, columns_needed, compile_all
from gate_server.engine.native.frames import is_held
from gate_server.engine.objects import DataObject
from gate_server.engine.questions import Asked
from gate_server.engine.readers.drift import is_same
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.opening import in_memory, open_scan
from gate_server.engine.readers.parquet_scan import Footers, open_parquet
from gate_server.engine.readers.ranges import PARALLEL, finish
from gate_server.engine.readers.scan import Located, NotPlain, Scan
from gate_server.engine.readers.table import read_table
from gate_server.engine.settling import Told, told_by_scan, told_by_table, with_all_columns
from gate_server.engine.states import LINES, UNEXPECTED_ROWS, State, key_of
from gate_server.model import Format


@dataclass
class Reading:
    """What is the same for all objects of a dataset.

    Parameters
    ----------
    suites
        The numbers of each suite's expectations.
    most_values
        How many different values each suite keeps of one object.
    schema
        What they are to have; None where each has its own.
    """

    asked: Sequence[Asked]
    suites: Sequence[range]
    fmt: Format
    most_values: int
    schema: pa.Schema | None = None
    compilations: dict[pa.Schema, Compilation] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def stated(self, schema: pa.Schema) -> list[Part]:
        """Return the parts in the pass over an object of which states tell."""
        return [
            part
            for part in self.compiled(schema).parts
            if part.compiled.merge is not None and set(part.compiled.reads) <= set(part.compiled.different)
        ]

    def values_of(self, parts: Sequence[Part]) -> dict[Part, int]:
        """Return how many different values are kept for each part that asks for them; a suite's share."""
        asking = {
            part: next(numbers for numbers in self.suites if part.asked.number in numbers)
            for part in parts
            if part.compiled.different
        }
        sharing = Counter(asking.values())
        return {part: self.most_values // sharing[suite] for part, suite in asking.items()}

    def compiled(self, schema: pa.Schema) -> Compilation:
        """Return what objects of this schema make of the suite: the same for all of them."""
        with self.lock:
            if schema not in self.compilations:
                held = {item.name for item in schema if is_held(item.type)}
                self.compilations[schema] = compile_all(self.asked, schema, held)
            return self.compilations[schema]


def read_each(
    objects: Sequence[DataObject], reading: Reading, allowance: Allowance
) -> dict[str, tuple[pa.Schema, State]]:
    """Return schema and state of each object by its key, each found by itself, some at once."""
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


def _state_of(data: DataObject, reading: Reading, allowance: Allowance) -> tuple[pa.Schema, State]:
    try:
        if reading.fmt.type == "parquet":
            footers = open_parquet([data], allowance)
            return footers.schema, _by_footer(footers, reading)
        scan = open_scan([data], reading.fmt, allowance)
        if scan is not None:
            return _of_scan(scan, told_by_scan(scan, data.constants), reading, allowance)
    except (NotPlain, ReadFailure):
        pass  # the slow way says what it is
    try:
        table = read_table([data], reading.fmt, fresh := allowance.afresh())
    except ReadFailure as failure:
        if reading.fmt.type == "jsonl" and failure.code == "type":  # other objects say what it should be
            raise NotPlain("an object of several types") from failure
        raise
    if table is None:
        raise NotPlain("one of its objects holds nothing")
    told = told_by_table(table, reading.fmt, data.constants) if reading.fmt.is_text else {}
    if reading.schema is not None and reading.fmt.type == "jsonl":
        table = with_all_columns(table, reading.schema)
    return _of_scan(in_memory(table), told, reading, fresh)


def _by_footer(footers: Footers, reading: Reading) -> State:
    """Return the state of a Parquet object, from its footer as far as that proves it."""
    parts = reading.stated(footers.schema)
    pieces = footers.located.pieces
    proven: dict[int, Facts | None] = {}
    for part in parts:
        try:
            is_counted = footers.are_small and part.asked.columns  # and that counts
            if part.asked.condition is None and not part.compiled.different and not is_counted:
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
    counted, located = _facts_of(left, scan, reading)
    return State(located.rows, size_bytes, proven | counted, frozenset(proven) - frozenset(counted))


def _of_scan(scan: Scan, told: Told, reading: Reading, allowance: Allowance) -> tuple[pa.Schema, State]:
    if reading.schema is not None and not is_same(scan.schema, reading.schema):
        raise NotPlain("an object of another schema than all together")
    parts = reading.stated(scan.schema)
    facts, located = _facts_of(parts, scan, reading)
    return scan.schema, State(located.rows, allowance.decompressed_bytes, facts, told=told)


def _facts_of(parts: Sequence[Part], scan: Scan, reading: Reading) -> tuple[dict[int, Facts | None], Located]:
    """Return the facts of each part by its number, None where there are too many different values."""
    most = reading.values_of(parts)
    asking = {_with_digests(part, most[part]) if part in most else part: part.asked.number for part in parts}
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
