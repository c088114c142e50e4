"""Columns of text -> typed columns by Polars, to the value what `columns` makes of them, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from gate_server.engine.readers import columns
from gate_server.engine.readers.moments import FIRST_DAY, TICKS_A_DAY
from gate_server.engine.readers.scan import NotPlain
from gate_server.model import ColumnType, Format

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_NOTHING = r"[^\s\S]"


@dataclass(frozen=True)
class Column:
    """What a column of text becomes.

    Parameters
    ----------
    guess
        The pattern that each value matches if the type was inferred rightly; empty for declared types.
    """

    kind: ColumnType
    dtype: pl.DataType
    arrow: pa.DataType
    guess: str = ""

    @property
    def is_text(self) -> bool:
        """Whether nothing has to be done or checked."""
        return self.kind == "string" and not self.guess

    @property
    def is_empty(self) -> bool:
        """Whether it is text because there is nothing in it."""
        return self.guess == _NOTHING

    @property
    def is_cut_typed(self) -> bool:
        """Whether Polars may make the values while it cuts up: it takes what a cast does, but for spaces."""
        return self.kind in {"integer", "number"} and not self.guess


TEXT = Column("string", pl.String(), pa.string())
_TYPES: dict[ColumnType, tuple[pl.DataType, pa.DataType]] = {
    "string": (pl.String(), pa.string()),
    "integer": (pl.Int64(), pa.int64()),
    "number": (pl.Float64(), pa.float64()),
    "boolean": (pl.Boolean(), pa.bool_()),
    "date": (pl.Date(), pa.date32()),
    "timestamp": (pl.Datetime("us"), pa.timestamp("us")),
}
_ZONED = (pl.Datetime("us", "UTC"), pa.timestamp("us", "UTC"))


def column_for(name: str, sample: pl.Series, fmt: Format) -> Column:
    """Return what a column becomes, by its first rows where its type is inferred or may have a zone.

    Raises
    ------
    NotPlain
        A type that is not made here.
    """
    if name in fmt.types:
        kind = fmt.types[name]
        if kind == "decimal":  # their scale is that of the longest
            raise NotPlain("decimals")
        if kind == "timestamp" and _timestamps(sample).dtype == _ZONED[0]:
            return Column(kind, *_ZONED)
        return Column(kind, *_TYPES[kind])
    if not fmt.infer:
        return TEXT
    if sample.null_count() == len(sample):
        return Column("string", *_TYPES["string"], guess=_NOTHING)
    guesses: tuple[tuple[str, ColumnType], ...] = (
        (columns.INFER_INTEGER, "integer"),
        (columns.INFER_NUMBER, "number"),
        (columns.INFER_BOOLEAN, "boolean"),
    )
    for pattern, kind in guesses:
        if sample.str.contains(pattern).all():
            return Column(kind, *_TYPES[kind], guess=pattern)
    return TEXT


def convert(text: pl.Series, column: Column) -> pl.Series:
    """Return the values; nulls stay null.

    Raises
    ------
    NotPlain
        One of them does not convert, or contradicts what was inferred from others.
    """
    if column.guess and not text.str.contains(column.guess).all():
        raise NotPlain("another type was inferred")
    values = _convert(text, column.kind)
    if values.null_count() != text.null_count() or values.dtype != column.dtype:
        raise NotPlain("a value that does not convert")
    if column.guess and column.kind == "number" and values.is_infinite().any():
        raise NotPlain("a number beyond all numbers")
    return values


def _convert(text: pl.Series, kind: ColumnType) -> pl.Series:
    match kind:
        case "integer":
            return text.cast(pl.Int64, strict=False)
        case "number":
            return text.cast(pl.Float64, strict=False)
        case "boolean":
            return _booleans(text)
        case "date":
            return _dates(text)
        case "timestamp":
            return _timestamps(text)
        case _:
            return text


def _booleans(text: pl.Series) -> pl.Series:
    is_true = text == "true"
    if (is_true | (text == "false")).all():  # spelled as usual: a tenth of the time
        return is_true
    return text.str.to_lowercase().replace_strict(_BOOLEANS, default=None, return_dtype=pl.Boolean)


def _dates(text: pl.Series) -> pl.Series:
    days = text.unique().drop_nulls()  # there are few of them
    dates = days.str.to_date("%Y-%m-%d", strict=False)
    if not days.str.contains(columns.DATE).all():
        raise NotPlain("a value that does not convert")
    _require_year(dates, 1)
    return dates.gather(text.cast(pl.Enum(days)).to_physical()).alias(text.name)


def _timestamps(text: pl.Series) -> pl.Series:
    try:
        values = columns.convert(pa.chunked_array([text.to_arrow().cast(pa.string())]), "timestamp")
    except columns.Unconvertible as error:
        raise NotPlain("a value that does not convert") from error
    made = pl.Series(text.name, values)
    _require_year(made, TICKS_A_DAY["us"])
    return made


def _require_year(values: pl.Series, per_day: int) -> None:
    """ISO 8601 has a year 0, Python has none."""
    if (values.to_physical() < FIRST_DAY * per_day).any():
        raise NotPlain("the year 0")
