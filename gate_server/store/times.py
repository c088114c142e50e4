"""Times in the database: always UTC, always with their zone, whatever the database keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import DateTime, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

SQLITE_TIME = "gate_time"  # the function that connections to SQLite have (database.py)


class Time(TypeDecorator[datetime]):
    """A point in time; SQLite forgets the zone, so it is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        """Take a time with its zone to UTC."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        """Give a time back with its zone."""
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


def now() -> datetime:
    """Return the time of this machine, in UTC."""
    return datetime.now(UTC)


class database_time(FunctionElement[datetime]):
    """The database's clock, `offset_s` seconds from now: the one clock that all workers share."""

    type = Time()
    inherit_cache = True

    def __init__(self, offset_s: float = 0.0) -> None:
        super().__init__(literal(float(offset_s)))


@compiles(database_time)
def _on_postgresql(element: database_time, compiler: Any, **options: Any) -> str:
    offset = compiler.process(element.clauses, **options)
    return f"(clock_timestamp() + make_interval(secs => CAST({offset} AS double precision)))"


@compiles(database_time, "sqlite")
def _on_sqlite(element: database_time, compiler: Any, **options: Any) -> str:
    return f"{SQLITE_TIME}({compiler.process(element.clauses, **options)})"


def sqlite_time(offset_s: float) -> str:
    """Return this machine's time as SQLAlchemy keeps it in SQLite, whose own counts milliseconds only."""
    return (datetime.now(UTC) + timedelta(seconds=offset_s)).strftime("%Y-%m-%d %H:%M:%S.%f")
