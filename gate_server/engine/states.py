"""What was found of the objects of a dataset, one by one: kept by content, merged to what all of them hold.

A state holds what the pass found of one object by itself: counts, sums, extremes, the first rows that fail,
digests of different values. Of the same content it is always the same, so only new content is read.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from gate_server.engine.native.ask import FIRST_ROWS, PIECES, ROWS, Facts, present
from gate_server.engine.native.compiling import Part
from gate_server.engine.objects import DataObject
from gate_server.engine.partitions import fields_of
from gate_server.engine.readers.scan import NotPlain
from gate_server.engine.settling import Told

# Two different values share a digest of 16 bytes less often than a disk reads a wrong byte.
_DIGEST_BYTES = 16
UNEXPECTED_ROWS, LINES = "unexpected_rows", "lines"


@dataclass(frozen=True)
class State:
    """What was found of one object.

    Parameters
    ----------
    rows, decompressed_bytes
        Of the whole object.
    facts
        By number of the expectation; None where those of one object alone do not tell. Beside the first
        rows that fail, of text, stand their lines.
    proven
        The numbers of those that metadata proved.
    told
        Of text formats: what its values alone say of the types of its columns.
    """

    rows: int
    decompressed_bytes: int
    facts: Mapping[int, Facts | None]
    proven: frozenset[int] = frozenset()
    told: Told = field(default_factory=dict)


@dataclass(frozen=True)
class States:
    """The states of objects of one schema, by `key_of`."""

    schema: pa.Schema | None = None
    by_key: Mapping[str, State] = field(default_factory=dict)


@dataclass(frozen=True)
class KnownLines:
    """The lines of the rows that are told, of an object that is not read again."""

    lines: Mapping[int, int]

    def line(self, row: int) -> int:
        """Return the line of `row`."""
        return self.lines[row]


def key_of(data: DataObject) -> str:
    """Return what stands for an object's content, and for its path, which says how it is read.

    Raises
    ------
    NotPlain
        Nothing does.
    """
    if not data.identity:
        raise NotPlain("nothing stands for the content of an object")
    types = [
        f"{field.name} {field.type}" for field in fields_of(data)
    ]  # which depend on other objects' paths
    told = "\0".join([data.path, data.identity, *types]).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(told, digest_size=16).hexdigest()


def digests(values: pl.Series) -> bytes:
    """Return different values of one type, none of them null, as digests in order, one after the other."""
    plain = (values.to_physical() if values.dtype.is_temporal() else values).to_list()
    if values.dtype.is_float():
        plain = [value + 0.0 for value in plain]  # of the two zeros one
    told = (str(value).encode("utf-8", "surrogatepass") for value in plain)
    return b"".join(sorted(hashlib.blake2b(one, digest_size=_DIGEST_BYTES).digest() for one in told))


def merge(part: Part, several: Sequence[tuple[Facts, int]]) -> dict[str, Any]:
    """Return the facts of all objects together, from those of each, and from its first row, in their order.

    What `part` wants can be merged.
    """
    facts = [one for one, _ in several]
    counts = [ROWS, *(present(place) for place in range(len(part.asked.columns)))]
    found: dict[str, Any] = {name: sum(one[name] for one in facts) for name in counts}
    # What each sum is off by is a share of its own absolute values: the largest share is that of all.
    found[PIECES] = len(facts) + max(one[PIECES] for one in facts)
    assert part.compiled.merge is not None  # noqa: S101 - for the type checker
    found |= part.compiled.merge(facts)
    for name in part.compiled.different:
        halves = np.frombuffer(b"".join(one[name] for one in facts), "u8").reshape(-1, 2)
        found[name] = pl.DataFrame(halves).n_unique()
    rows = [first_row + row for one, first_row in several for row in one.get(UNEXPECTED_ROWS, ())]
    return found | {UNEXPECTED_ROWS: rows[:FIRST_ROWS]}


def joined(several: Sequence[tuple[range, States]]) -> States:
    """Return the states of the objects that all suites know, each with its expectations' numbers in all."""
    (_, first), *others = several
    if not others:
        return first
    if any(one.schema != first.schema for _, one in several):
        return States()
    known = set(first.by_key).intersection(*(one.by_key for _, one in several))
    by_key = {}
    for key in known:
        facts: dict[int, Facts | None] = {}
        proven: set[int] = set()
        for numbers, one in several:
            state = one.by_key[key]
            facts |= {numbers.start + number: told for number, told in state.facts.items()}
            proven |= {numbers.start + number for number in state.proven}
        by_key[key] = replace(first.by_key[key], facts=facts, proven=frozenset(proven))
    return States(first.schema, by_key)


def of_suite(numbers: range, states: States) -> States:
    """Return what concerns one suite, with its own numbers: undoes `joined`."""
    by_key = {
        key: replace(
            state,
            facts={number - numbers.start: told for number, told in state.facts.items() if number in numbers},
            proven=frozenset(number - numbers.start for number in state.proven if number in numbers),
        )
        for key, state in states.by_key.items()
    }
    return States(states.schema, by_key)


def without_digests(states: States) -> States:
    """Return the states without what weighs most: which different values there are is read again then."""
    by_key = {
        key: replace(
            state,
            facts={
                number: None if any(isinstance(fact, bytes) for fact in (told or {}).values()) else told
                for number, told in state.facts.items()
            },
        )
        for key, state in states.by_key.items()
    }
    return States(states.schema, by_key)


def dump(states: States) -> bytes:
    """Return states as bytes, as `load` reads them."""
    content = {
        "schema": b"" if states.schema is None else states.schema.serialize().to_pybytes(),
        "states": {
            key: [
                one.rows,
                one.decompressed_bytes,
                sorted(one.proven),
                dict(one.facts),
                dict(one.told),
            ]
            for key, one in states.by_key.items()
        },
    }
    packed = zlib.compress(json.dumps(content, default=_tagged).encode(), 1)
    return hashlib.blake2b(packed).digest() + packed


def load(content: bytes) -> States:
    """Return what `dump` made.

    Raises
    ------
    ValueError
        It is no longer what it was.
    """
    digest, packed = content[:64], content[64:]
    if hashlib.blake2b(packed).digest() != digest:
        raise ValueError("the states of a dataset are spoilt")
    found = json.loads(zlib.decompress(packed), object_hook=_untagged)
    by_key = {
        key: State(rows, size_bytes, {int(k): v for k, v in facts.items()}, frozenset(proven), told)
        for key, (rows, size_bytes, proven, facts, told) in found["states"].items()
    }
    schema = pa.ipc.read_schema(pa.py_buffer(found["schema"])) if found["schema"] else None
    return States(schema, by_key)


def _tagged(value: Any) -> dict[str, str]:
    """Return a value that JSON lacks: exact, so that it is the same when it comes back."""
    for tag, (kind, told, _) in _TAGS.items():
        if isinstance(value, kind):
            return {tag: told(value)}
    raise TypeError(f"{type(value).__name__} is no fact")


def _untagged(found: dict[str, Any]) -> Any:
    if len(found) == 1:
        ((tag, value),) = found.items()
        if tag in _TAGS:
            return _TAGS[tag][2](value)
    return found


_TAGS: Mapping[str, tuple[type, Any, Any]] = {
    "$bytes": (bytes, lambda value: base64.b64encode(value).decode(), base64.b64decode),
    "$decimal": (Decimal, str, Decimal),
    "$moment": (dt.datetime, dt.datetime.isoformat, dt.datetime.fromisoformat),  # before dates: it is one
    "$date": (dt.date, dt.date.isoformat, dt.date.fromisoformat),
}
