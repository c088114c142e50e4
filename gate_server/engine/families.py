"""What the values of a column are, as far as expectations care."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa


class Family(StrEnum):
    """The value is the word for people, as in "`price` is text"."""

    TEXT = "text"
    NUMBER = "a number"
    DECIMAL = "a decimal number"
    BOOLEAN = "a boolean"
    DATE = "a date"
    TIMESTAMP = "a timestamp"
    NESTED = "nested"
    OTHER = "of another type"


TEXT = frozenset({Family.TEXT})
NUMERIC = frozenset({Family.NUMBER, Family.DECIMAL})
MOMENT = frozenset({Family.DATE, Family.TIMESTAMP})
ORDERED = NUMERIC | MOMENT
SCALAR = frozenset(Family) - {Family.NESTED}
ANY = frozenset(Family)


def family_of(kind: pa.DataType) -> Family:
    """Return the family of an Arrow type."""
    tests = (
        (Family.TEXT, (pa.types.is_string, pa.types.is_large_string)),
        (Family.NUMBER, (pa.types.is_integer, pa.types.is_floating)),
        (Family.DECIMAL, (pa.types.is_decimal,)),
        (Family.BOOLEAN, (pa.types.is_boolean,)),
        (Family.DATE, (pa.types.is_date,)),
        (Family.TIMESTAMP, (pa.types.is_timestamp,)),
        (Family.NESTED, (pa.types.is_nested,)),
    )
    for family, checks in tests:
        if any(check(kind) for check in checks):
            return family
    return Family.OTHER


@dataclass(frozen=True)
class Column:
    """A column's name, family and, for timestamps with one, zone."""

    name: str
    family: Family
    zone: str | None = None


def columns_of(schema: pa.Schema) -> dict[str, Column]:
    """Return the columns of a table by name."""
    return {
        field.name: Column(field.name, family_of(field.type), getattr(field.type, "tz", None))
        for field in schema
    }
