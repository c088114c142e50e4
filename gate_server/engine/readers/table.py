"""All objects of one obligation -> one table that Great Expectations understands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, NamedTuple

import pandas as pd
import pyarrow as pa

from gate_server.engine.naming import plain, quoted
from gate_server.engine.objects import DataObject
from gate_server.engine.partitions import check_apart, in_order
from gate_server.engine.readers import jsonl
from gate_server.engine.readers.arrow import read_arrow
from gate_server.engine.readers.columns import Unconvertible, convert, infer
from gate_server.engine.readers.csv import read_csv
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.jsonl import Kinds, read_jsonl
from gate_server.engine.readers.orc import read_orc
from gate_server.engine.readers.parquet import read_parquet
from gate_server.engine.readers.records import LineMap
from gate_server.engine.readers.scan import Located, Part
from gate_server.engine.readers.source import fetch
from gate_server.model import Format


@dataclass(frozen=True)
class Table:
    """The data, and where each row comes from; of JSON lines also what kinds of values a column holds."""

    data: pa.Table
    parts: tuple[Part, ...]
    kinds: Kinds = field(default_factory=dict)

    @property
    def located(self) -> Located:
        """Where each row comes from."""
        chunks = max((column.num_chunks for column in self.data.columns), default=1)
        return Located(self.parts, self.data.num_rows, chunks)

    def frame(self) -> pd.DataFrame:
        """Return the data for pandas: nullable types, so that big integers beside nulls stay exact.

        Raises
        ------
        ReadFailure
            It holds what pandas has no value for: a date after the year 9999, an unknown time zone.
        """
        try:
            frame: pd.DataFrame = self.data.to_pandas(types_mapper=_NULLABLE.get, date_as_object=True)
        except (pa.ArrowException, ValueError, OverflowError, KeyError) as error:
            # KeyError: an unknown time zone, where pytz is installed and PyArrow asks it first.
            what = "it holds dates or time zones that cannot be represented"
            raise ReadFailure("unreadable", "values", what, path=self.parts[0].path) from error
        return frame


_NULLABLE = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.float16(): pd.Float32Dtype(),
    pa.float32(): pd.Float32Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): pd.StringDtype(na_value=pd.NA),
    pa.large_string(): pd.StringDtype(na_value=pd.NA),
}


def read_table(objects: Sequence[DataObject], fmt: Format, allowance: Allowance) -> Table | None:
    """Read all objects, in the given order, into one table. None when all of them hold nothing.

    Raises
    ------
    ReadFailure
        With the path of the object concerned.
    """
    tables: list[pa.Table] = []
    parts: list[Part] = []
    kinds: Kinds = {}
    given: list[tuple[DataObject, int]] = []
    for data in objects:
        try:
            read = _read_one(data, fmt, allowance)
        except ReadFailure as failure:
            failure.path = failure.path or data.path
            raise
        if read is None:
            continue
        if tables and fmt.type != "jsonl":  # whose objects may leave out what is null
            _check_same(tables[0].schema, parts[0].path, read.data.schema, data.path)
        if data.constants:
            check_apart(read.data.column_names, data)
            given += [(data, read.data.num_rows)]
        first_row = sum(one.num_rows for one in tables)
        for name, found in read.kinds.items():
            known = kinds.setdefault(name, {})
            for kind, row in found.items():
                known.setdefault(kind, first_row + row)
        parts.append(Part(data.path, first_row, read.lines))
        tables.append(read.data)
    if not tables:
        return None
    whole = Table(pa.concat_tables(tables, promote_options="default"), tuple(parts), kinds)
    return _with_constants(_typed(whole, fmt) if fmt.is_text else whole, given)


def _with_constants(table: Table, given: Sequence[tuple[DataObject, int]]) -> Table:
    """Return the table with the columns that the folders of its objects give, for so many rows each."""
    data = table.data
    for name in given[0][0].constants if given else ():
        values = [pa.repeat(one.constants[name], rows) for one, rows in given]
        data = data.append_column(name, pa.chunked_array(values))
    names = in_order(data.schema, given[0][0]).names if given else data.column_names
    return replace(table, data=data.select(names))


class _Read(NamedTuple):
    """One object, of text formats still as text."""

    data: pa.Table
    lines: LineMap | None = None
    kinds: Kinds = {}  # noqa: RUF012 - nobody changes it


def _read_one(data: DataObject, fmt: Format, allowance: Allowance) -> _Read | None:
    with fetch(data, allowance, unpack=fmt.is_text) as file:
        if file.seek(0, 2) == 0:
            return None
        if not fmt.is_text:
            table = _BINARY[fmt.type](file, allowance)
            return _Read(data.view.of(table) if data.view else table)
        read = read_csv(file, fmt, allowance) if fmt.is_delimited else read_jsonl(file, allowance)
        return _Read(*read) if read else None


_BINARY: Mapping[str, Callable[[IO[bytes], Allowance], pa.Table]] = {
    "parquet": read_parquet,
    "orc": read_orc,
    "arrow": read_arrow,
}


def _check_same(first: pa.Schema, first_path: str, schema: pa.Schema, path: str) -> None:
    if schema.names != first.names:
        what = f"its columns are not those of {first_path}"
        hint = "the objects of one dataset need one schema"
        raise ReadFailure("unreadable", "schema_mismatch", what, hint=hint, path=path)
    for mine, theirs in zip(schema, first, strict=True):
        if mine.type != theirs.type:
            what = f"{quoted(mine.name)} is {plain(mine.type)} here and {plain(theirs.type)} in {first_path}"
            raise ReadFailure("unreadable", "schema_mismatch", what, path=path)


def _typed(table: Table, fmt: Format) -> Table:
    data = table.data
    for place, name in enumerate(data.column_names):
        declared = fmt.types.get(name)
        try:
            if fmt.type == "jsonl":
                column = jsonl.typed(data[name], table.kinds[name], declared)
            elif declared:
                column = convert(data[name], declared)
            else:
                column = infer(data[name]) if fmt.infer else data[name]
        except Unconvertible as error:
            path, line = table.located.place(error.row)
            raise ReadFailure(
                "unreadable",
                "type",
                f"`{name}` in line {line} is not {error.needed}",
                hint=f"the rule declares format.types.{name}: {declared}"
                if declared
                else f"what stands first decides, where the rule declares no format.types.{name}",
                line=line,
                path=path,
            ) from error
        data = data.set_column(place, name, column)
    return replace(table, data=data)
