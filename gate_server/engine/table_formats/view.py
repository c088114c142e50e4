"""What a table has of one of its files: its columns by the table's names and types, its live rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from gate_server.engine.naming import plain, quoted
from gate_server.engine.readers.failure import ReadFailure
from gate_server.model import digest

_NUMBER = b"PARQUET:field_id"


@dataclass(frozen=True)
class Column:
    """A column of the table, and where a file has it.

    Parameters
    ----------
    stored
        The names that it may have in files.
    number
        By which files have it that number their columns; None where the table does not.
    missing
        What it holds in files that lack it; None for null.
    """

    name: str
    type: pa.DataType
    stored: tuple[str, ...]
    number: int | None = None
    missing: pa.Scalar | None = None


@dataclass(frozen=True)
class View:
    """How the rows of one file become rows of the table.

    Parameters
    ----------
    columns
        Those that files hold; what a file lacks is null there.
    order
        The names of all columns, those included that have one value for a whole file.
    live
        For each row from the first on whether it counts; those beyond do. None where all do.
    deletes
        Stands for what says so; empty where nothing does.
    """

    columns: tuple[Column, ...]
    order: tuple[str, ...]
    live: pa.BooleanArray | None = field(default=None, compare=False)
    deletes: str = ""

    @cached_property
    def identity(self) -> str:
        """Stands for what becomes of a file's content; found once, as a thousand files may share a view."""
        columns = [
            (one.name, str(one.type), one.stored, one.number, str(one.missing)) for one in self.columns
        ]
        return digest("view-1", columns, self.order, self.deletes)

    def is_plain(self, schema: pa.Schema) -> bool:
        """Whether a file of this schema is as the table has it."""
        names = [one.name for one in self.columns]
        return (
            self.live is None
            and schema.names == names
            and self._places(schema) == list(range(len(names)))
            and all(_is_same(schema.field(place), one) for place, one in enumerate(self.columns))
        )

    def of(self, table: pa.Table) -> pa.Table:
        """Return what the table has of a whole file.

        Raises
        ------
        ReadFailure
            ``unreadable``: a column cannot be what the table says, or a row is deleted that is not there.
        """
        if self.live is not None:
            if len(self.live) > table.num_rows:
                what = f"of its {table.num_rows:,} rows, row {len(self.live):,} is deleted"
                raise ReadFailure("unreadable", "deletes", what)
            rest = pa.repeat(pa.scalar(True), table.num_rows - len(self.live))
            table = table.filter(pa.chunked_array([self.live, rest], pa.bool_()))
        columns = [
            _absent(table.num_rows, one) if place is None else _converted(table, place, one)
            for place, one in zip(self._places(table.schema), self.columns, strict=True)
        ]
        return pa.table(columns, names=[one.name for one in self.columns])

    def _places(self, schema: pa.Schema) -> list[int | None]:
        """Return where a file of this schema has each column, by number where both have some."""
        numbers = {int(told): place for place, told in enumerate(map(_number, schema)) if told}
        names = {name: place for place, name in enumerate(schema.names)}
        if numbers and any(one.number is not None for one in self.columns):
            return [numbers.get(one.number or 0) for one in self.columns]
        if not any(one.stored for one in self.columns):
            what = "its columns have no numbers, and the table does not say by which names it knows them"
            raise ReadFailure("error", "columns", what)
        return [next((names[name] for name in one.stored if name in names), None) for one in self.columns]

    def ordered(self, schema: pa.Schema) -> pa.Schema:
        """Return all columns of the table in their order."""
        return pa.schema([schema.field(name) for name in self.order])


def _number(field: pa.Field) -> bytes | None:
    told: bytes | None = (field.metadata or {}).get(_NUMBER)
    return told


def _is_same(field: pa.Field, column: Column) -> bool:
    return bool(field.type == column.type) and (
        not pa.types.is_nested(field.type) or _is_alike(field.type, column.type)
    )


def _absent(rows: int, column: Column) -> pa.Array:
    return pa.nulls(rows, column.type) if column.missing is None else pa.repeat(column.missing, rows)


def _converted(table: pa.Table, place: int, column: Column) -> pa.ChunkedArray:
    """Return values as what the table says they are, where that holds all of them exactly."""
    values, field = table.column(place), table.schema.field(place)
    if _is_same(field, column):
        return values
    told = f"{quoted(column.name)} is {plain(values.type)} in the file, and {plain(column.type)} in the table"
    if pa.types.is_nested(values.type) or pa.types.is_nested(column.type):
        if not _is_alike(values.type, column.type):
            raise ReadFailure("error", "nested", f"{told}: how, the gate cannot tell")
    elif not _widens(values.type, column.type):
        raise ReadFailure("unreadable", "type", told)
    try:
        return values.cast(column.type)
    except pa.ArrowException as error:
        raise ReadFailure("unreadable", "type", f"{told}, which does not hold its values") from error


def _is_alike(stored: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether nested types differ in no more than how Arrow keeps texts and names the items of lists."""
    kinds = (pa.types.is_struct, pa.types.is_map, _is_list)
    if not any(kind(stored) and kind(wanted) for kind in kinds):
        return stored == wanted or (_is_text(stored) and _is_text(wanted))
    if stored.num_fields != wanted.num_fields:
        return False
    pairs = [(stored.field(place), wanted.field(place)) for place in range(stored.num_fields)]
    named = pa.types.is_struct(stored)
    return all(
        (not named or mine.name == theirs.name)
        and (not _number(mine) or not _number(theirs) or _number(mine) == _number(theirs))
        and _is_alike(mine.type, theirs.type)
        for mine, theirs in pairs
    )


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    )


def _widens(stored: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a table may say that its values are of a wider type than older files keep them in."""
    types = pa.types
    if types.is_integer(stored):
        return bool(
            (types.is_integer(wanted) and stored.bit_width <= wanted.bit_width)
            or (types.is_float64(wanted) and stored.bit_width <= 32)
            or types.is_decimal(wanted)
        )
    return bool(
        (_is_text(stored) and _is_text(wanted))
        or (_is_bytes(stored) and _is_bytes(wanted))
        or (types.is_float32(stored) and types.is_float64(wanted))
        or (types.is_decimal(stored) and types.is_decimal(wanted))
        or (types.is_date(stored) and types.is_timestamp(wanted) and wanted.tz is None)
        or (
            types.is_timestamp(stored)
            and types.is_timestamp(wanted)
            and (stored.tz is None) == (wanted.tz is None)
        )
    )
