"""Text columns -> typed columns, exactly or not at all; a value that does not convert is named by its row."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from gate_server.model import ColumnType

_INTEGER = r"^[+-]?[0-9]+$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_SPECIAL_NUMBER = r"(?i)^[+-]?(inf|infinity|nan)$"
_BOOLEAN = r"(?i)^(true|false|1|0)$"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TIME = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_TIMESTAMP = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([ T]{_TIME}(Z|[+-][0-9]{{2}}:?[0-9]{{2}})?)?$"
_ZONE = r"(Z|[ T].*[+-][0-9]{2}:?[0-9]{2})$"

INFER_INTEGER = r"^-?(0|[1-9][0-9]*)$"
INFER_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
INFER_BOOLEAN = r"^(true|false|True|False|TRUE|FALSE)$"

_DIGITS = 38

NEEDED: dict[ColumnType, str] = {
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "decimal": "a decimal number",
    "boolean": "a boolean",
    "date": "a date (YYYY-MM-DD)",
    "timestamp": "a timestamp (ISO 8601)",
}


class Unconvertible(Exception):
    """The value in row `row` (from 0) of the column is not `needed`."""

    def __init__(self, row: int, needed: str) -> None:
        super().__init__(f"row {row} is not {needed}")
        self.row = row
        self.needed = needed


def convert(column: pa.ChunkedArray, kind: ColumnType) -> pa.ChunkedArray:
    """Return a column of strings as `kind`; nulls stay null.

    Raises
    ------
    Unconvertible
        For the first value that is no `kind`.
    """
    return _CONVERTERS[kind](column)


def infer(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of strings as integers (no leading zeros), else numbers, else booleans, else as is.

    A column of nulls stays text.
    """
    if column.null_count == len(column):
        return column
    for pattern, target in (
        (INFER_INTEGER, pa.int64()),
        (INFER_NUMBER, pa.float64()),
        (INFER_BOOLEAN, pa.bool_()),
    ):
        if _all(pc.match_substring_regex(column, pattern)):
            try:
                return pc.cast(column, target)
            except pa.ArrowInvalid:  # larger than 64 bits
                return column
    return column


def _all(mask: pa.ChunkedArray) -> bool:
    return bool(pc.all(mask, min_count=0).as_py())


def _require(mask: pa.ChunkedArray, needed: str) -> None:
    place = pc.index(mask, False).as_py()
    if place >= 0:
        raise Unconvertible(place, needed)


def _cast(column: pa.ChunkedArray, target: pa.DataType, needed: str) -> pa.ChunkedArray:
    """Cast; on failure search the first row that does not cast (Arrow's message names the value instead)."""
    try:
        return pc.cast(column, target)
    except pa.ArrowInvalid as error:
        low, high = 0, len(column)  # the first failing row is in [low, high)
        while high - low > 1:
            middle = (low + high) // 2
            try:
                pc.cast(column.slice(low, middle - low), target)
                low = middle
            except pa.ArrowInvalid:
                high = middle
        raise Unconvertible(low, needed) from error


def _string(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column


def _integer(column: pa.ChunkedArray) -> pa.ChunkedArray:
    _require(pc.match_substring_regex(column, _INTEGER), NEEDED["integer"])
    unsigned = pc.replace_substring_regex(column, r"^\+", "")
    return _cast(unsigned, pa.int64(), "an integer of 64 bits")


def _number(column: pa.ChunkedArray) -> pa.ChunkedArray:
    plain = pc.match_substring_regex(column, _NUMBER)
    _require(pc.or_(plain, pc.match_substring_regex(column, _SPECIAL_NUMBER)), NEEDED["number"])
    unsigned = pc.replace_substring_regex(column, r"^\+", "")
    return _cast(unsigned, pa.float64(), NEEDED["number"])


def _decimal(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Decimals keep their digits; `Infinity` is none (an infinite Decimal crashes Great Expectations)."""
    _require(pc.match_substring_regex(column, _NUMBER), NEEDED["decimal"])
    values = [None if text is None else Decimal(text) for text in column.to_pylist()]
    scale = 0
    for row, value in enumerate(values):
        if value is not None:
            after_point = -int(value.as_tuple().exponent)
            if after_point > _DIGITS or value.adjusted() >= _DIGITS:
                raise Unconvertible(
                    row, f"a decimal number of at most {_DIGITS} digits on each side of the point"
                )
            scale = max(scale, after_point)
    return pa.chunked_array([pa.array(values, pa.decimal256(2 * _DIGITS, scale))])


def _boolean(column: pa.ChunkedArray) -> pa.ChunkedArray:
    _require(pc.match_substring_regex(column, _BOOLEAN), NEEDED["boolean"])
    return _cast(pc.ascii_lower(column), pa.bool_(), NEEDED["boolean"])


def _date(column: pa.ChunkedArray) -> pa.ChunkedArray:
    _require(pc.match_substring_regex(column, DATE), NEEDED["date"])
    return _cast(column, pa.date32(), NEEDED["date"])


def _timestamp(column: pa.ChunkedArray) -> pa.ChunkedArray:
    _require(pc.match_substring_regex(column, _TIMESTAMP), NEEDED["timestamp"])
    zoned = pc.match_substring_regex(column, _ZONE)
    if bool(pc.any(zoned, min_count=0).as_py()):
        _require(zoned, "a timestamp with a zone, as others are")
        return _cast(column, pa.timestamp("us", "UTC"), NEEDED["timestamp"])
    return _cast(column, pa.timestamp("us"), NEEDED["timestamp"])


_CONVERTERS: dict[ColumnType, Callable[[pa.ChunkedArray], pa.ChunkedArray]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "decimal": _decimal,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
}
