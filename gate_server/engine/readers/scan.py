"""A table that is not read yet: what the one pass reads."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl
import pyarrow as pa

# True in each row. No column of data has such a name.
TALLIED = "__tallied__"


class NotPlain(Exception):
    """The fast way has no answer for these bytes; the slow way reads them and says what they are.

    The message says why in a few words, for logs and tests. It holds no cell value.
    """


class Lines(Protocol):
    """From a row of an object (from 0) to the physical line (from 1) on which its record starts."""

    def line(self, row: int) -> int:
        """Return the line of `row`."""


@dataclass(frozen=True)
class Part:
    """One object within a table: its first row, and its lines (of text formats)."""

    path: str
    first_row: int
    lines: Lines | None = None


@dataclass(frozen=True)
class Located:
    """Where a table's rows come from, and in how many pieces they were read. There is at least one part."""

    parts: tuple[Part, ...]
    rows: int
    pieces: int = 1

    def place(self, row: int) -> tuple[str, int | None]:
        """Return the path of the object that `row` comes from, and its line there (None in Parquet)."""
        part = self.parts[bisect_right([part.first_row for part in self.parts], row) - 1]
        return part.path, part.lines.line(row - part.first_row) if part.lines else None


@dataclass
class Tally:
    """In how many rows something holds that follows from the text, or null, of one column alone.

    Parameters
    ----------
    column
        The one of texts.
    holds
        What: each from texts and nulls to a yes or no of each.
    rows
        In how many, by name; empty until a reading came to its end.
    """

    column: str
    holds: Mapping[str, Callable[[pl.Series], pl.Series]]
    rows: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Scan:
    """The objects of an obligation as one table, to be read once, as a stream.

    Parameters
    ----------
    schema
        Names and types of all columns, exactly as `table.read_table` would give them.
    frame
        The columns that were asked for, rows in order. What it yields may be wrong until `verify` agrees.
    verify
        To be called once the frame was read. Returns where its rows come from; raises `NotPlain` or
        `ReadFailure` when what was read is not what the objects hold: then no answer from it counts.
    again
        Returns the same table, to be read once more; None where the frame may be read repeatedly.
    without_values
        Columns that are text because they hold nothing.
    texts
        Columns that `tallying` takes.
    tallying
        Returns the frame, a reading of which counts what tallies ask, by entries of dictionaries. It has the
        column `TALLIED` as well, which costs nothing to read.
    """

    schema: pa.Schema
    frame: pl.LazyFrame
    verify: Callable[[], Located]
    again: Callable[[], Scan] | None = None
    without_values: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    tallying: Callable[[Sequence[Tally]], pl.LazyFrame] | None = None
