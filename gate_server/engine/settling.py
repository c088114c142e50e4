"""The types that text has in all objects of a dataset together, from what the values of each one say.

CSV without declared types and JSON lines get their types from all values: a column is text in one object
because it is empty there. Only what is certain is told; what is not has to be read together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from gate_server.engine.readers.scan import NotPlain, Scan
from gate_server.engine.readers.table import Table
from gate_server.model import ColumnType, Format

# By column, in their order: the type of its values, as it is spelled, or one of those that follow.
Told = Mapping[str, str]
NOTHING, LONG, INNER = "nothing", "long integers", "an object or a list"

_INTEGER, _NUMBER = "int64", "double"
_TYPES: Mapping[str, tuple[pa.DataType, ColumnType]] = {
    NOTHING: (pa.string(), "string"),
    "string": (pa.string(), "string"),
    INNER: (pa.string(), "string"),
    _INTEGER: (pa.int64(), "integer"),
    LONG: (pa.int64(), "integer"),
    _NUMBER: (pa.float64(), "number"),
    "bool": (pa.bool_(), "boolean"),
    str(pa.date32()): (pa.date32(), "date"),
    str(pa.timestamp("us")): (pa.timestamp("us"), "timestamp"),
}
# With so many digits an integer beside a fraction makes decimals of a column of JSON lines.
_LONG_FROM = 10**15


def told_by_table(table: Table, fmt: Format, constants: Collection[str]) -> Told:
    """Return what the values of an object, which are in memory, say of all columns but its folders'."""
    own = [name for name in table.data.column_names if name not in constants]
    return {name: _told(table.data[name], name, table, fmt) for name in own}


def told_by_scan(scan: Scan, constants: Collection[str]) -> Told:
    """Return what the values of an object, which come as a stream, say of all columns but its folders'."""
    return {
        one.name: NOTHING if one.name in scan.without_values else str(one.type)
        for one in scan.schema
        if one.name not in constants
    }


def settled(several: Iterable[Told], fmt: Format) -> dict[str, str]:
    """Return what the values of all objects, in their order, say together.

    Raises
    ------
    NotPlain
        It is not certain, or they contradict each other: who reads them together finds out.
    """
    found: dict[str, set[str]] = {}
    for told in several:
        if fmt.is_delimited and found and list(told) != list(found):
            raise NotPlain("its objects have several schemas")
        for name, kind in told.items():
            found.setdefault(name, set()).add(kind)
    return {name: _together(kinds) for name, kinds in found.items()}


def is_settled(told: Told, types: Mapping[str, pa.DataType], fmt: Format) -> bool:
    """Whether columns have the types that their values, all together, say; a declared type needs none."""
    return all(
        name in types
        and (
            (kind == NOTHING and name in fmt.types)
            or str(types[name]) == (str(_TYPES[kind][0]) if kind in _TYPES else kind)
        )
        for name, kind in told.items()
    )


def schema_of(told: Told, constants: Sequence[pa.Field]) -> pa.Schema:
    """Return the schema of settled columns and those of folders.

    Raises
    ------
    NotPlain
        A type depends on the values.
    """
    if unknown := [kind for kind in told.values() if kind not in _TYPES]:
        raise NotPlain(f"its objects have several schemas, with {unknown[0]} in one of them")
    return pa.schema([*((name, _TYPES[kind][0]) for name, kind in told.items()), *constants])


def declaring(told: Told, fmt: Format) -> Format:
    """Return a format by which an object's columns get the settled types, whatever it says by itself."""
    types = {name: _TYPES[kind][1] for name, kind in told.items()}
    return replace(fmt, types={**types, **fmt.types}, infer=False)


def with_all_columns(table: Table, schema: pa.Schema) -> Table:
    """Return a table of JSON lines with all columns of the dataset: what it leaves out is null."""
    data = table.data
    columns = [
        data[one.name]
        if one.name in data.column_names
        else pa.chunked_array([pa.nulls(data.num_rows, one.type)])
        for one in schema
    ]
    return replace(table, data=pa.table(columns, names=schema.names))


def _told(column: pa.ChunkedArray, name: str, table: Table, fmt: Format) -> str:
    if column.null_count == len(column):
        return NOTHING
    if fmt.type == "jsonl" and name not in fmt.types:
        if INNER in table.kinds[name]:
            return INNER
        if column.type == pa.int64():
            bounds = pc.min_max(column).as_py()
            return LONG if max(-bounds["min"], bounds["max"]) >= _LONG_FROM else _INTEGER
    return str(column.type)


def _together(kinds: set[str]) -> str:
    several = kinds - {NOTHING}
    if not several:
        return NOTHING
    if len(several) == 1:
        return several.pop()
    if several == {_INTEGER, LONG}:
        return LONG
    if several == {_INTEGER, _NUMBER}:  # of a column that no type is declared for
        return _NUMBER
    raise NotPlain("its objects have several schemas")
