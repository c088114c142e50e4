"""JSON lines -> columns of text and what kinds of values they hold; no number is rounded on the way."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, Literal, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from gate_server.engine.naming import quoted
from gate_server.engine.readers.columns import NEEDED, Unconvertible, convert
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.records import LineMap
from gate_server.model import ColumnType

Kind = Literal["text", "an integer", "a number", "a boolean", "an object or a list"]
# By column: the first row (from 0) that holds a value of the kind.
Kinds = dict[str, dict[Kind, int]]

# A line is held in memory as a whole, so it has a bound of its own.
LINE_BYTES = 64 << 20
_BATCH_ROWS = 8192
_ALLOWED: Mapping[ColumnType, frozenset[Kind]] = {
    "string": frozenset({"text", "an object or a list"}),
    "integer": frozenset({"an integer"}),
    "number": frozenset({"an integer", "a number"}),
    "decimal": frozenset({"an integer", "a number"}),
    "boolean": frozenset({"a boolean"}),
    "date": frozenset({"text"}),
    "timestamp": frozenset({"text"}),
}
# Doubles hold integers of so many digits; one that is longer makes a decimal of its column.
_LONG = r"^-?[0-9]{16,}$"


class _Integer(str):
    """An integer as it was spelled."""


class _Number(str):
    """A number with a fraction or an exponent, as it was spelled."""


_KINDS: Mapping[type, Kind] = {
    str: "text",
    _Integer: "an integer",
    _Number: "a number",
    bool: "a boolean",
    dict: "an object or a list",
    list: "an object or a list",
}


def read_jsonl(file: IO[bytes], allowance: Allowance) -> tuple[pa.Table, LineMap, Kinds] | None:
    """Return one row for each line's object, as text; None when the file holds nothing.

    Columns stand in the order of their first appearance. A key that is missing is null, like null itself;
    objects and lists within are their JSON text.

    Raises
    ------
    ReadFailure
        Bytes that are not UTF-8, a line that is no JSON object or names a key twice, a limit.
    """
    kinds: Kinds = {}
    tables = []
    rows = 0
    for batch in _batches(_objects(file, allowance)):
        tables.append(_table(batch, rows, kinds, allowance))
        rows += len(batch)
    if not rows:
        return None
    if not kinds:
        raise ReadFailure("unreadable", "header", "no object has a key")
    lines = LineMap()
    lines.add(0, 1)  # blank lines are nowhere but at the end
    return pa.concat_tables(tables, promote_options="default"), lines, kinds


def typed(column: pa.ChunkedArray, kinds: Mapping[Kind, int], declared: ColumnType | None) -> pa.ChunkedArray:
    """Return the values as what is declared, else as what they are.

    Raises
    ------
    Unconvertible
        For the first value that is something else.
    """
    kind = declared or _common(kinds)
    if not declared and kind == "string" and len(kinds) > 1 and kinds.keys() <= _ALLOWED["string"]:
        first, other = sorted(kinds, key=lambda found: kinds[found])
        raise Unconvertible(kinds[other], first)
    for found, row in kinds.items():
        if found not in _ALLOWED[kind]:
            raise Unconvertible(row, NEEDED[kind])
    if declared:
        return convert(column, declared)
    if kind == "integer":
        try:
            return convert(column, kind)
        except Unconvertible:  # larger than 64 bits
            return convert(column, "decimal")
    if kind == "number":
        if pc.any(pc.match_substring_regex(column, _LONG), min_count=0).as_py():
            return convert(column, "decimal")
        values = convert(column, kind)
        beyond = pc.index(pc.is_inf(values), True).as_py()
        if beyond >= 0:
            raise Unconvertible(beyond, "a number of 64 bits")
        return values
    return convert(column, kind)


def _common(kinds: Mapping[Kind, int]) -> ColumnType:
    """Return the type of what stands first; a fraction anywhere makes numbers of integers."""
    by_row = sorted(kinds, key=lambda kind: kinds[kind])
    match by_row[0] if by_row else "text":
        case "an integer" | "a number":
            return "number" if "a number" in kinds else "integer"
        case "a boolean":
            return "boolean"
        case _:
            return "string"


def _objects(file: IO[bytes], allowance: Allowance) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder(
        object_pairs_hook=_distinct, parse_int=_Integer, parse_float=_Number, parse_constant=_no_constant
    )
    file.seek(0)
    blank = offset = 0  # the first line of a run of blank ones, which only the end of the file excuses
    for number, line in enumerate(iter(lambda: file.readline(LINE_BYTES), b""), start=1):
        if len(line) == LINE_BYTES:
            message = f"a line of {LINE_BYTES:,} bytes or more"
            raise ReadFailure("limit_of_data", "line_length", message, line=number)
        content = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
        if not content.strip():
            blank = blank or number
        elif blank:
            raise ReadFailure("unreadable", "json", f"line {blank} is empty", line=blank)
        else:
            allowance.take_rows(1, number)
            yield _object(decoder, content, number, offset + len(line) - len(content))
        offset += len(line)


def _object(decoder: json.JSONDecoder, content: bytes, line: int, offset_bytes: int) -> dict[str, Any]:
    try:
        value = decoder.decode(content.decode())
    except UnicodeDecodeError as error:
        place = offset_bytes + error.start
        raise ReadFailure(
            "unreadable", "encoding", "the bytes are not utf-8", line=line, offset_bytes=place
        ) from error
    except _Twice as error:
        raise ReadFailure("unreadable", "json", f"an object in line {line} has {error}", line=line) from error
    except RecursionError as error:
        raise ReadFailure("unreadable", "json", f"line {line} is nested too deeply", line=line) from error
    except ValueError as error:
        what = f"line {line} is not JSON"
        if isinstance(error, json.JSONDecodeError):
            what += f": {error.msg}, character {error.colno}"
        raise ReadFailure("unreadable", "json", what, line=line) from error
    if type(value) is not dict:
        raise ReadFailure("unreadable", "json", f"line {line} is not an object", line=line)
    return value


class _Twice(ValueError):
    """An object has a key twice: readers differ in which of the two counts."""


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Twice(f"the key {quoted(twice)} twice")
    return made


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _batches(objects: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch = []
    for value in objects:
        batch.append(value)
        if len(batch) == _BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def _table(rows: Sequence[dict[str, Any]], first: int, kinds: Kinds, allowance: Allowance) -> pa.Table:
    for row in rows:
        if row.keys() - kinds.keys():
            for name in row:
                kinds.setdefault(name, {})
            allowance.check_columns(len(kinds))
    columns = {}
    for name, known in kinds.items():
        values = [row.get(name) for row in rows]
        here = {_KINDS[kind] for kind in set(map(type, values)) - {type(None)}}
        for kind in here - known.keys():
            known[kind] = first + next(
                place for place, value in enumerate(values) if _KINDS.get(type(value)) == kind
            )
        if here & {"a boolean", "an object or a list"}:
            values = [_spelled(value, first + place) for place, value in enumerate(values)]
        columns[name] = _texts(values, first)
        lengths = pc.binary_length(columns[name])
        if (pc.max(lengths).as_py() or 0) > allowance.limits.field_bytes:
            over = pc.index(pc.greater(lengths, allowance.limits.field_bytes), True).as_py()
            allowance.field_too_long(first + over + 1)
    try:
        # A row needs no key, but Arrow's tables need a column to have rows.
        return pa.table(columns) if columns else pa.table({"": pa.nulls(len(rows))}).select([])
    except UnicodeEncodeError as error:
        what = "a key holds half a character (a lone surrogate)"
        raise ReadFailure("unreadable", "encoding", what, line=first + 1) from error


def _texts(values: Sequence[str | None], first: int) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except (UnicodeEncodeError, pa.ArrowInvalid) as error:
        for line, value in enumerate(values, start=first + 1):
            if value is not None and any("\ud800" <= sign <= "\udfff" for sign in value):
                what = f"line {line} holds half a character (a lone surrogate)"
                raise ReadFailure("unreadable", "encoding", what, line=line) from error
        raise


def _spelled(value: Any, row: int) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        return _json(value)
    except RecursionError as error:
        what = f"line {row + 1} is nested too deeply"
        raise ReadFailure("unreadable", "json", what, line=row + 1) from error


def _json(value: Any) -> str:
    """Return JSON with the numbers as they were spelled."""
    if isinstance(value, dict):
        inner = (f"{json.dumps(name, ensure_ascii=False)}:{_json(one)}" for name, one in value.items())
        return "{" + ",".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    if isinstance(value, (_Integer, _Number)):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
