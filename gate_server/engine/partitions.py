"""Columns that folders give, as Hive writes them: `day=2026-11-20/part-0.parquet` has a column `day`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote

import pyarrow as pa

from gate_server.engine.naming import quoted
from gate_server.engine.objects import DataObject
from gate_server.engine.readers.columns import Unconvertible, convert, infer
from gate_server.engine.readers.failure import ReadFailure
from gate_server.model import Format

# What Hive, and all who write as it does, name the folder of rows without a value.
NULL = "__HIVE_DEFAULT_PARTITION__"


def with_partitions(objects: Sequence[DataObject], fmt: Format) -> list[DataObject]:
    """Return the objects with the columns of their folders, where the format says that these give some.

    Text gets the type that the format declares, other columns that of all values: integers, dates, else text.

    Raises
    ------
    ReadFailure
        ``unreadable``: an object's folders give no columns or not those of the first, or a value is not of
        the declared type.
    """
    if not fmt.partitions or not objects:
        return list(objects)
    told = [_of_path(data.path) for data in objects]
    for data, own in zip(objects, told, strict=True):
        if list(own) != list(told[0]) or not own:
            wanted = "/".join(f"{name}=..." for name in told[0]) or "name=value"
            raise ReadFailure(
                "unreadable",
                "partitions",
                f"its folders are not {wanted}",
                hint="the rule says format.partitions: hive, so each folder's name gives a column",
                path=data.path,
            )
    columns = {
        name: _typed(name, pa.chunked_array([[own[name] for own in told]], pa.string()), objects, fmt)
        for name in told[0]
    }
    return [
        replace(data, constants={name: column[place] for name, column in columns.items()})
        for place, data in enumerate(objects)
    ]


def check_apart(names: Sequence[str], data: DataObject) -> None:
    """Raise `ReadFailure` where the object itself has a column that its folders give."""
    for name in data.constants:
        if name in names:
            raise ReadFailure(
                "unreadable",
                "partitions",
                f"{quoted(name)} stands in the file and in its path",
                hint="leave it out of the file, as Hive and Spark do, or format.partitions out of the rule",
                path=data.path,
            )


def _of_path(path: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for folder in path.split("/")[:-1]:
        written, sign, value = folder.partition("=")
        if sign and written:
            name = _decoded(written, path)
            if name in found:
                raise ReadFailure(
                    "unreadable", "partitions", f"{quoted(name)} stands twice in its path", path=path
                )
            found[name] = None if value == NULL else _decoded(value, path)
    return found


def _decoded(text: str, path: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:  # two such names would become one
        raise ReadFailure(
            "unreadable", "partitions", "the name of one of its folders is no UTF-8", path=path
        ) from error


def _typed(name: str, values: pa.ChunkedArray, objects: Sequence[DataObject], fmt: Format) -> pa.ChunkedArray:
    declared = fmt.types.get(name)
    try:
        if declared:
            return convert(values, declared)
        if fmt.is_text:
            return infer(values) if fmt.infer else values
        typed = infer(values)
        return typed if pa.types.is_integer(typed.type) else _dates(values)
    except Unconvertible as error:
        raise ReadFailure(
            "unreadable",
            "type",
            f"{quoted(name)} in its path is not {error.needed}",
            path=objects[error.row].path,
        ) from error


def _dates(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return dates, where all values are some, else the values."""
    if values.null_count == len(values):
        return values
    try:
        return convert(values, "date")
    except Unconvertible:
        return values


def in_order(schema: pa.Schema, data: DataObject) -> pa.Schema:
    """Return the columns of an object, those that are given included, in the order of its table."""
    return data.view.ordered(schema) if data.view else schema


def fields_of(data: DataObject) -> list[pa.Field]:
    """Return the columns that an object's folders give, as a schema has them."""
    return [pa.field(name, value.type) for name, value in data.constants.items()]
