"""What a Parquet footer says: columns, rows, where each column's bytes lie, and statistics.

Read by us and not by PyArrow, which ends the whole process when it is asked for the column entries of some
corrupt footers; what both can tell has to be the same. Only what is plain is taken, the rest is `NotPlain`:
the reader of today then says what the bytes are. Names and meaning of the fields: Apache Parquet's
``parquet.thrift``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from gate_server.engine.readers.failure import Allowance
from gate_server.engine.readers.scan import NotPlain
from gate_server.engine.readers.thrift import BINARY, BOOL, I32, I64, Fields, NotThrift, Reader

MAGIC = b"PAR1"
TAIL_BYTES = 8  # the footer's length and the magic
# A wider footer takes longer to take apart here than to read what it is about.
FOOTER_BYTES = 8 << 20

_REQUIRED, _OPTIONAL = 0, 1
_BYTE_ARRAY = 6
_UNITS = {1: "ms", 2: "us", 3: "ns"}
_CONVERTED_UNITS = {9: "ms", 10: "us"}  # ConvertedType, of older writers
_BY_DELTA = frozenset({6, 7})  # DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY
_TYPE_ORDER = 1

STATISTICS: Fields = {1: BINARY, 2: BINARY, 3: I64, 4: I64, 5: BINARY, 6: BINARY, 7: BOOL, 8: BOOL}
_SCHEMA_ELEMENT: Fields = {
    **dict.fromkeys((1, 2, 3, 5, 6, 7, 8, 9), I32),
    4: BINARY,
    10: {8: {1: BOOL, 2: {1: {}, 2: {}, 3: {}}}},  # a timestamp's unit; what else it says, PyArrow reads
}
_COLUMN_META_DATA: Fields = {
    **dict.fromkeys((5, 6, 7, 9, 10, 11, 14), I64),
    **dict.fromkeys((1, 4, 15), I32),
    2: [I32],
    3: [BINARY],
    12: STATISTICS,
}
_COLUMN_CHUNK: Fields = {
    1: BINARY,
    2: I64,
    3: _COLUMN_META_DATA,
    4: I64,
    5: I32,
    6: I64,
    7: I32,
    8: {},
    9: BINARY,
}
_ROW_GROUP: Fields = {1: [_COLUMN_CHUNK], 2: I64, 3: I64, 5: I64, 6: I64}
_FILE_META_DATA: Fields = {
    1: I32,
    2: [_SCHEMA_ELEMENT],
    3: I64,
    4: [_ROW_GROUP],
    5: [{1: BINARY, 2: BINARY}],
    6: BINARY,
    7: [{_TYPE_ORDER: {}}],
    8: {},
    9: BINARY,
}


@dataclass(frozen=True)
class Statistics:
    """What a writer says of a column's values in one row group; None where it says nothing.

    ``low`` and ``high`` are the bounds as stored (``min_value``, ``max_value``; never the deprecated ones,
    whose order depends on the writer), ``exact`` whether the writer says nothing against both being values
    that occur: only texts are cut short.
    """

    nulls: int | None
    low: bytes | None
    high: bytes | None
    exact: bool


@dataclass(frozen=True)
class Chunk:
    """One column of one row group: its bytes are ``count`` from ``first`` (from 0) on."""

    first: int
    count: int
    values: int
    encodings: frozenset[int]
    statistics: Statistics


@dataclass(frozen=True)
class Leaf:
    """One column of plain values: its physical type, a value's length (fixed), whether it takes nulls.

    ``ordered``: its statistics have its type's own order. ``unit``: of a timestamp.
    """

    place: int
    physical: int
    length: int
    nullable: bool
    ordered: bool
    unit: str


@dataclass(frozen=True)
class RowGroup:
    """Rows that are stored together; ``chunks`` by `Leaf.place`."""

    rows: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True)
class Footer:
    """A whole footer.

    Parameters
    ----------
    schema
        Names and types as `parquet.read_parquet` gives them.
    leaves
        The columns that hold one plain value a row, by name.
    writer
        Which library wrote it, as it says.
    """

    schema: pa.Schema
    rows: int
    groups: tuple[RowGroup, ...]
    leaves: Mapping[str, Leaf]
    announced_bytes: int
    writer: str

    def is_by_delta(self, name: str) -> bool:
        """Whether the column is text, some of it in delta encodings, which tell no lengths beforehand."""
        text = name in self.leaves and self.leaves[name].physical == _BYTE_ARRAY
        return text and any(_BY_DELTA & chunk.encodings for chunk in self.chunks(name))

    def chunks(self, name: str) -> list[Chunk]:
        """Return the column's chunks, one a row group."""
        return [group.chunks[self.leaves[name].place] for group in self.groups]


def footer_bytes(tail: bytes) -> int:
    """Return the length of a footer, without its last eight bytes, which `tail` ends with."""
    if len(tail) < TAIL_BYTES or tail[-4:] != MAGIC:
        raise NotPlain("it does not end as Parquet")
    count = int.from_bytes(tail[-8:-4], "little")
    if not 0 < count <= FOOTER_BYTES:
        raise NotPlain("its footer is too large")
    return count


def parse_footer(content: bytes, size_bytes: int, allowance: Allowance) -> Footer:
    """Return what `content`, a footer with its last eight bytes, says of a file of `size_bytes`.

    Raises
    ------
    NotPlain
        It is corrupt, contradicts itself, goes over a limit, or is of a kind that is not taken here.
    """
    try:
        with pyarrow.parquet.ParquetFile(pa.BufferReader(MAGIC + content)) as file:
            known, arrow = file.metadata, file.schema_arrow
            seen = (known.num_columns, known.num_rows, known.num_row_groups)
        raw = Reader(memoryview(content)[:-TAIL_BYTES]).read_struct(_FILE_META_DATA)
        schema = pa.schema([field.with_type(_plain(field.type)) for field in arrow])
        footer = _Parser(raw, schema, size_bytes - len(content)).footer()
    except (pa.ArrowException, OSError, ValueError, OverflowError, TypeError, KeyError, IndexError) as error:
        raise NotPlain(f"its footer cannot be read ({type(error).__name__})") from error
    except NotThrift as error:
        raise NotPlain(f"its footer cannot be read ({error})") from error
    if seen != (len(raw[2]) - _inner(raw[2]), footer.rows, len(footer.groups)):
        raise NotPlain("its footer is read in two ways")
    limits = allowance.limits
    if (
        seen[0] > limits.columns
        or allowance.decompressed_bytes + footer.announced_bytes > limits.decompressed_bytes
    ):
        raise NotPlain("a limit of the data")
    return footer


def _inner(elements: Sequence[Mapping[int, Any]]) -> int:
    return sum(1 for element in elements if 5 in element)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


class _Parser:
    """Takes a footer's struct apart; raises where it is not as it should be, whatever comes first."""

    def __init__(self, raw: Mapping[int, Any], schema: pa.Schema, data_end: int) -> None:
        self._raw = raw
        self._schema = schema
        self._data_end = data_end

    def footer(self) -> Footer:
        if 8 in self._raw or 9 in self._raw:
            raise NotPlain("it is encrypted or signed")
        names = self._schema.names
        if len(set(names)) != len(names):
            raise NotPlain("two columns have one name")
        paths, leaves = self._leaves()
        groups = tuple(self._group(group, paths, leaves) for group in self._raw[4])
        rows = _count(self._raw[3])
        if rows != sum(group.rows for group in groups):
            raise NotPlain("its footer contradicts itself")
        spans = sorted((one.first, one.count) for group in groups for one in group.chunks)
        if any(first + count > after for (first, count), (after, _) in pairwise(spans)):
            raise NotPlain("its columns overlap")
        return Footer(
            schema=self._schema,
            rows=rows,
            groups=groups,
            leaves={path[0]: leaf for path, leaf in zip(paths, leaves, strict=True) if leaf is not None},
            announced_bytes=sum(max(int(group[2]), 0) for group in self._raw[4]),
            writer=bytes(self._raw.get(6, b"")).decode("utf-8", errors="replace"),
        )

    def _leaves(self) -> tuple[list[tuple[str, ...]], list[Leaf | None]]:
        """Return path and leaf of each stored column in order; no leaf where it is nested."""
        elements = self._raw[2]
        orders = self._raw.get(7)
        paths: list[tuple[str, ...]] = []
        leaves: list[Leaf | None] = []
        open_groups: list[list[Any]] = []  # path and how many children are still to come
        root, *rest = elements
        top = _count(root[5])
        for element in rest:
            above: tuple[str, ...] = open_groups[-1][0] if open_groups else ()
            path = (*above, element[4].decode("utf-8"))
            if open_groups:
                open_groups[-1][1] -= 1
            else:
                top -= 1
            if 5 in element:
                open_groups.append([path, _count(element[5])])
            else:
                ordered = orders is not None and _TYPE_ORDER in orders[len(paths)]
                repetition = element.get(3, _REQUIRED)
                plain = not above and repetition in (_REQUIRED, _OPTIONAL)
                length = _count(element.get(2, 0))
                unit = _unit(element)
                leaf = Leaf(len(paths), element[1], length, repetition == _OPTIONAL, ordered, unit)
                paths.append(path)
                leaves.append(leaf if plain else None)
            while open_groups and open_groups[-1][1] == 0:
                open_groups.pop()
        if top or open_groups or (orders is not None and len(orders) != len(paths)):
            raise NotPlain("its schema contradicts itself")
        if [path[0] for path, leaf in zip(paths, leaves, strict=True) if leaf] != [
            name for name in self._schema.names if (name,) in set(paths)
        ]:
            raise NotPlain("its schema is read in two ways")
        return paths, leaves

    def _group(
        self, raw: Mapping[int, Any], paths: Sequence[tuple[str, ...]], leaves: Sequence[Leaf | None]
    ) -> RowGroup:
        rows = _count(raw[3])
        chunks = tuple(
            self._chunk(chunk, path, leaf, rows)
            for chunk, path, leaf in zip(raw[1], paths, leaves, strict=True)
        )
        return RowGroup(rows, chunks)

    def _chunk(self, raw: Mapping[int, Any], path: tuple[str, ...], leaf: Leaf | None, rows: int) -> Chunk:
        if raw.keys() & {1, 8, 9}:
            raise NotPlain("its columns are encrypted or lie in another file")
        meta = raw[3]
        if tuple(part.decode("utf-8") for part in meta[3]) != path:
            raise NotPlain("its columns are not those of its schema")
        values = _count(meta[5])
        if leaf is not None and (meta[1] != leaf.physical or values != rows):
            raise NotPlain("its columns are not those of its schema")
        if not rows:  # writers point anywhere then
            return Chunk(len(MAGIC), 0, 0, frozenset(), Statistics(0, None, None, exact=False))
        first, count = _count(meta[9]), _count(meta[7])
        if 11 in meta and 0 < meta[11] < first:  # writers of old say 0 where there is no dictionary
            first = meta[11]
        if not len(MAGIC) <= first <= first + count <= self._data_end:
            raise NotPlain("its columns lie outside of it")
        return Chunk(first, count, values, frozenset(meta[2]), _statistics(meta.get(12, {}), rows))


def _unit(element: Mapping[int, Any]) -> str:
    said = element.get(10, {}).get(8, {}).get(2, {})
    by_logical_type = "".join(_UNITS[number] for number in said)
    return by_logical_type or _CONVERTED_UNITS.get(element.get(6, -1), "")


def _statistics(raw: Mapping[int, Any], rows: int) -> Statistics:
    nulls = _count(raw[3]) if 3 in raw else None
    if nulls is not None and nulls > rows:
        raise NotPlain("it counts more nulls than rows")
    return Statistics(nulls, raw.get(6), raw.get(5), raw.get(7, True) and raw.get(8, True))


def _count(value: int) -> int:
    if value < 0:
        raise NotPlain("its footer counts below nothing")
    return value
