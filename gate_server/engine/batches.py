"""Finds the states of many small objects together: read as one table, told apart by their rows.

A query over one of them is planned for longer than it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import narwhals as nw
import polars as pl
import pyarrow as pa

from gate_server.engine import states
from gate_server.engine.native.ask import PIECES, ROWS, Facts
from gate_server.engine.native.compiling import Part, columns_needed
from gate_server.engine.native.grouping import Tables, different_values, find_each
from gate_server.engine.object_states import Reading, read_each
from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.footer import Footer
from gate_server.engine.readers.parquet_scan import Footers, open_parquet
from gate_server.engine.readers.scan import NotPlain
from gate_server.engine.states import State, key_of

# What is small: an object, and a batch of them, as they are stored and as they are in memory.
SMALL_BYTES, BATCH_BYTES, BATCH_MEMORY_BYTES = 1 << 20, 32 << 20, 256 << 20
BATCH_OBJECTS = 256
_POLARS_FAULTS = (pl.exceptions.PolarsError, pl.exceptions.PanicException, nw.exceptions.NarwhalsError)


def read_states(
    objects: Sequence[DataObject], reading: Reading, allowance: Allowance
) -> dict[str, tuple[pa.Schema, State]]:
    """Return schema and state of each object by its key.

    Raises
    ------
    NotPlain, ReadFailure
        As `read_each` does.
    """
    found: dict[str, tuple[pa.Schema, State]] = {}
    if reading.fmt.type == "parquet":
        for batch in _batches(objects):
            told = _of_batch(batch, reading, allowance) if len(batch) > 1 else {}
            if not told:
                break  # so will the others be, of a table that is written so
            found |= told
    return found | read_each([data for data in objects if key_of(data) not in found], reading, allowance)


def _batches(objects: Sequence[DataObject]) -> Iterator[list[DataObject]]:
    """Yield the objects that are small, in batches."""
    batch: list[DataObject] = []
    for data in objects:
        if data.size_bytes > SMALL_BYTES or (data.view and data.view.live is not None):
            continue  # as what a table has deleted rows of is no plain Parquet
        stored_bytes = sum(one.size_bytes for one in batch) + data.size_bytes
        if len(batch) == BATCH_OBJECTS or stored_bytes > BATCH_BYTES:
            yield batch
            batch = []
        batch.append(data)
    yield batch


def _of_batch(
    batch: Sequence[DataObject], reading: Reading, allowance: Allowance
) -> dict[str, tuple[pa.Schema, State]]:
    """Return what was found, nothing where each has to be read by itself: that says what is wrong."""
    most = min(allowance.limits.decompressed_bytes, BATCH_MEMORY_BYTES)
    own = Allowance(replace(allowance.limits, decompressed_bytes=most))
    try:
        footers = open_parquet(batch, own)
        found = _states(footers, reading)
        return {
            key_of(data): (footers.schema, state)
            for data, state in zip(batch, found, strict=True)
            if state is not None
        }
    except (NotPlain, ReadFailure, *_POLARS_FAULTS):
        return {}
    finally:
        allowance.read_bytes += own.read_bytes
        if own.objects_read:
            for data in batch:
                allowance.opened(data.path)


def _states(footers: Footers, reading: Reading) -> list[State | None]:
    """Return the state of each object, None of those without rows: of these a query by groups finds none.

    Of objects that are small all columns are decoded, whatever is asked.
    """
    parts = reading.stated(footers.schema)
    # What a table has of rows and columns its footer says.
    proven = [part for part in parts if set(part.facts) == {ROWS} and part.asked.condition is None]
    counted = [part for part in parts if part not in proven]
    rows = [footer.rows for footer in footers.footers]
    if counted:
        scan = footers.scan({name for part in counted for name in columns_needed(part.asked)})
        frame = scan.frame.collect()
        if frame.height != scan.verify().rows:
            raise NotPlain("it holds another number of rows than its parts say")
        found = iter(_facts_of(counted, Tables(frame, [count for count in rows if count]), reading))
    else:
        footers.look_through()
        found = iter([{}] * len(rows))
    return [
        _state(footer, proven, counted, next(found)) if footer.rows else None for footer in footers.footers
    ]


def _state(
    footer: Footer, proven: Sequence[Part], counted: Sequence[Part], found: Mapping[Part, Facts | None]
) -> State:
    facts: dict[int, Facts | None] = {part.asked.number: {ROWS: footer.rows, PIECES: 1} for part in proven}
    facts |= {part.asked.number: found.get(part) for part in counted}
    return State(footer.rows, footer.announced_bytes, facts, frozenset(part.asked.number for part in proven))


def _facts_of(parts: Sequence[Part], tables: Tables, reading: Reading) -> list[dict[Part, Facts | None]]:
    """Return the facts of each table, None where there are too many different values."""
    most = reading.values_of(parts)
    without = {part: _without_different(part) if part in most else part for part in parts}
    found = find_each(list(without.values()), tables)
    facts_of: list[dict[Part, Facts | None]] = [
        {part: facts[other] for part, other in without.items() if other in facts} for facts in found
    ]
    for part, most_of_one in most.items():
        for name, values in part.compiled.different.items():
            for facts, different in zip(facts_of, different_values([part], tables, values), strict=True):
                known = facts.get(part)
                if known is not None:
                    is_kept = len(different) <= most_of_one
                    facts[part] = {**known, name: states.digests(different)} if is_kept else None
    return facts_of


def _without_different(part: Part) -> Part:
    different = part.compiled.different
    facts = {name: fact for name, fact in part.facts.items() if name not in different}
    return replace(part, facts=facts, compiled=replace(part.compiled, reads={}))
