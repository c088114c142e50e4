"""Rows that somebody looks at. They are never kept (D10)."""

from __future__ import annotations

from dataclasses import dataclass

from gate_server.model.formats import Format, Limits
from gate_server.model.results import Problem
from gate_server.model.versions import StoredObject


@dataclass(frozen=True)
class SampledRow:
    """A row of an object: ``number`` from 1, ``line`` the physical line where that is known.

    A cell is None where it is null, and the mark of a mask where it is hidden.
    """

    path: str
    number: int
    line: int | None
    cells: tuple[str | None, ...]


@dataclass(frozen=True)
class Sample:
    """Some rows, of some columns; ``more_columns`` were left out. ``problem`` says why there is none."""

    columns: tuple[str, ...] = ()
    rows: tuple[SampledRow, ...] = ()
    more_columns: int = 0
    problem: Problem | None = None


# A look is one person's, and in the gate's own process: less than what a check may take.
LOOK_LIMITS = Limits(
    size_bytes=500_000_000,
    decompressed_bytes=1_000_000_000,
    rows=20_000_000,
    time_s=30.0,
    memory_bytes=2_000_000_000,
    disk_bytes=2_000_000_000,
)


@dataclass(frozen=True)
class SampleTask:
    """Rows (positions from 0) of objects of one table, and what of them is hidden."""

    objects: tuple[StoredObject, ...]
    format: Format
    rows: tuple[int, ...]
    first_column: str = ""
    mask: tuple[str, ...] = ()
    limits: Limits = LOOK_LIMITS
