"""Columns of Arrow as Polars has them, and texts counted by the entries of their dictionaries."""

from __future__ import annotations

from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa

from gate_server.engine.readers.scan import NotPlain, Tally


def series(column: pa.Array) -> pl.Series:
    """Return the column, spelled out."""
    if pa.types.is_dictionary(column.type):
        return _plain(column.dictionary).gather(_plain(column.indices))
    return _plain(column)


class Tallying:
    """Makes a tally of a column that comes in pieces.

    The entries of a dictionary are asked once for many rows; where there are more of them than rows, the rows
    are.
    """

    def __init__(self, tally: Tally) -> None:
        self.column = tally.column
        self._tally = tally
        self._tally.rows = {}
        self._rows = np.zeros(len(tally.holds), np.int64)
        self._dictionary: pa.Array | None = None
        self._held = np.zeros((len(tally.holds), 0), np.int64)

    def add(self, column: pa.Array) -> None:
        """Count a piece. Raises NotPlain where it does not hold texts."""
        if not pa.types.is_dictionary(column.type) or len(column.dictionary) >= len(column):
            self._rows += self._hold(series(column)).sum(axis=1)
            return
        if self._dictionary is None or not self._dictionary.equals(column.dictionary):
            self._dictionary = column.dictionary
            self._held = self._hold(_plain(column.dictionary).extend_constant(None, 1))
        null = len(column.dictionary)
        indices = column.indices.fill_null(null) if column.null_count else column.indices
        times = np.bincount(indices.to_numpy(), minlength=null + 1)
        self._rows += self._held @ times

    def end(self) -> None:
        """Tell, as all rows were counted."""
        self._tally.rows = dict(zip(self._tally.holds, map(int, self._rows), strict=True))

    def _hold(self, texts: pl.Series) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
        if texts.dtype != pl.String:
            raise NotPlain("it holds other types than its footer says")
        held = [holds(texts) for holds in self._tally.holds.values()]
        if any(one.null_count() for one in held):
            raise NotPlain("it could not be told of each text")
        return np.stack([one.cast(pl.Int64).to_numpy() for one in held])


def _plain(column: pa.Array) -> pl.Series:
    return cast(pl.Series, pl.from_arrow(column))
