"""A dataset judged by the states of its objects: only those are read that nothing is known of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from gate_server.engine import metadata, states
from gate_server.engine.batches import read_states
from gate_server.engine.native import passing
from gate_server.engine.native.ask import PIECES, Facts, NotNative
from gate_server.engine.native.compiling import Compilation, result_of
from gate_server.engine.object_states import Reading
from gate_server.engine.objects import DataObject
from gate_server.engine.partitions import fields_of
from gate_server.engine.questions import Asked
from gate_server.engine.readers import scan as scans
from gate_server.engine.readers.drift import check_drift, is_same
from gate_server.engine.readers.failure import Allowance
from gate_server.engine.readers.scan import Located, NotPlain
from gate_server.engine.run import Unanswered
from gate_server.engine.settling import declaring, is_settled, schema_of, settled
from gate_server.engine.states import LINES, UNEXPECTED_ROWS, KnownLines, State, States, key_of
from gate_server.model import Format, Result

# How many different values are kept of the objects of one dataset, and of one of them: 64 MB, and 1 MB. All
# expectations of a suite share them, as each value takes time as well (some 2 us, one at a time).
MOST_VALUES, MOST_VALUES_OF_ONE = 1 << 22, 1 << 16


@dataclass
class Kept:
    """The states of a dataset's objects, as `states.dump` has them.

    Parameters
    ----------
    known
        From before; empty where nothing is.
    made
        What is to be kept from now on; empty where that is what is known.
    most_bytes
        Above this it is made without the digests of different values.
    """

    known: bytes = b""
    made: bytes = b""
    most_bytes: int = 100_000_000

    def make(self, found: States) -> None:
        """Keep what was found from now on."""
        self.made = states.dump(found)
        if len(self.made) > self.most_bytes:
            self.made = states.dump(states.without_digests(found))


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


def judge(
    asked: Sequence[Asked],
    objects: Sequence[DataObject],
    fmt: Format,
    allowance: Allowance,
    kept: Sequence[tuple[range, Kept]],
) -> Judged:
    """Judge objects as one table, in their order, and put what is to be kept into `kept`.

    Parameters
    ----------
    kept
        Of each suite, with the numbers that its expectations have among `asked`. An object that one of
        them does not know is read for all.

    Raises
    ------
    NotPlain
        The states of single objects do not tell what all of them together are.
    ReadFailure
        With the path of the object concerned.
    """
    filled = [data for data in objects if data.size_bytes]
    if len(filled) < 2:
        raise NotPlain("it is no dataset of objects that can be read by themselves")
    if sum(data.size_bytes for data in filled) > allowance.limits.size_bytes:
        raise NotPlain("a limit of the data")
    suites = tuple(numbers for numbers, _ in kept)
    reading = Reading(asked, suites, fmt, min(MOST_VALUES_OF_ONE, MOST_VALUES // len(filled)))
    before = states.joined([(numbers, known_states(one.known)) for numbers, one in kept])
    keys = [key_of(data) for data in filled]
    missing = [data for data, key in zip(filled, keys, strict=True) if key not in before.by_key]
    made = read_states(missing, reading, allowance)
    if fmt.is_text:
        schema, again = _settled(filled, keys, before, made, reading, allowance)
        made |= again
    else:
        schema = _common(filled, [made[key][0] if key in made else before.schema for key in keys])
    found = {**before.by_key, **{key: state for key, (_, state) in made.items()}}
    if made:
        whole = States(schema, {key: found[key] for key in keys})
        for numbers, one in kept:
            one.make(states.of_suite(numbers, whole) if len(kept) > 1 else whole)
    own = [found[key] for key in keys]
    _check_limits(own, allowance)
    return _judged(reading.compiled(schema), schema, filled, own, known=len(filled) - len(made))


def _common(objects: Sequence[DataObject], schemas: Sequence[pa.Schema | None]) -> pa.Schema:
    """Return the schema of all objects; raises `ReadFailure` where they have several."""
    found = [(data.path, schema) for data, schema in zip(objects, schemas, strict=True) if schema is not None]
    several = {id(schema): schema for _, schema in found}.values()  # what is known has one and the same
    if not all(is_same(schema, found[0][1]) for schema in several):
        check_drift(found)
    return found[0][1]


def _settled(
    objects: Sequence[DataObject],
    keys: Sequence[str],
    before: States,
    made: Mapping[str, tuple[pa.Schema, State]],
    reading: Reading,
    allowance: Allowance,
) -> tuple[pa.Schema, dict[str, tuple[pa.Schema, State]]]:
    """Return the schema that text has in all objects together, and anew the states of those that had another.

    Raises
    ------
    NotPlain
        It is not certain.
    """
    told = {key: made[key][1].told if key in made else before.by_key[key].told for key in keys}
    together = settled(told.values(), reading.fmt)
    schemas = {key: made[key][0] if key in made else before.schema for key in keys}
    constants = fields_of(objects[0])
    first = _types(schemas[keys[0]])
    # Not only alike: what they were found as may be owed to an object that is gone.
    if is_settled(together, first, reading.fmt) and all(_types(one) == first for one in schemas.values()):
        return pa.schema([*((name, first[name]) for name in together), *constants]), {}
    schema = schema_of(together, constants)
    others = [data for data, key in zip(objects, keys, strict=True) if _types(schemas[key]) != _types(schema)]
    declared = replace(reading, fmt=declaring(together, reading.fmt), schema=schema)
    anew = read_states(others, declared, allowance)
    return schema, {key: (own, replace(state, told=told[key])) for key, (own, state) in anew.items()}


def _types(schema: pa.Schema | None) -> dict[str, pa.DataType]:
    return {} if schema is None else dict(zip(schema.names, schema.types, strict=True))


def known_states(content: bytes) -> States:
    """Return the states that were kept, none where they are no longer what they were."""
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
    without_lines = tuple(scans.Part(data.path, first) for data, first in zip(objects, firsts, strict=True))
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
            parts = without_lines
            if any(LINES in own_facts for own_facts, _ in several):
                parts = tuple(
                    replace(place, lines=_lines(own_facts))
                    for place, (own_facts, _) in zip(without_lines, several, strict=True)
                )
            located = Located(parts, rows, facts[PIECES])
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
