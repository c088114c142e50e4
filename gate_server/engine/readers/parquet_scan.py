"""Parquet for the one pass: footers first, then only the columns that are needed, decoded as they are used.

PyArrow decodes, as in `parquet.read_parquet`: it notices broken pages that Polars reads as other values. What
the pass might see in another way than that reader is `NotPlain`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from gate_server.engine.native.frames import constant, is_held
from gate_server.engine.objects import DataObject
from gate_server.engine.partitions import check_apart, fields_of, in_order
from gate_server.engine.readers.drift import check_drift
from gate_server.engine.readers.entries import Tallying, series
from gate_server.engine.readers.failure import Allowance
from gate_server.engine.readers.footer import Footer
from gate_server.engine.readers.parquet_object import Folder, ParquetObject, count, side_by_side
from gate_server.engine.readers.scan import TALLIED, Located, NotPlain, Part, Scan, Tally
from gate_server.model import Limits

Types = Mapping[str, pl.DataType]
_TRUE = pl.Series([True])


class Footers:
    """The objects of an obligation, of which the footers are known."""

    def __init__(self, objects: Sequence[ParquetObject], folder: Folder, allowance: Allowance) -> None:
        self._objects = objects
        self._folder = folder
        self._allowance = allowance
        self.footers = [one.footer for one in objects]
        self._own_schema = self.footers[0].schema
        whole = pa.schema([*self._own_schema, *fields_of(objects[0].data)])
        self.schema = in_order(whole, objects[0].data)
        first, parts = 0, []
        for one in objects:
            parts.append(Part(one.data.path, first))
            first += one.footer.rows
        self.located = Located(tuple(parts), first)

    @property
    def are_small(self) -> bool:
        """Whether all objects were fetched whole, so that nothing has to be taken from footers alone."""
        return all(one.is_small for one in self._objects)

    def scan(self, needed: Collection[str]) -> Scan:
        """Return the columns that are `needed`, as far as they are there; any other one if none is.

        Raises
        ------
        NotPlain
            One is of a type that is not taken, or a range of it could not be read.
        ReadFailure
            The object's checksum is not its content's, where all of it was read.
        """
        names = [name for name in self._own_schema.names if name in needed] or self._any_column()
        if not names:
            raise NotPlain("no column that Polars holds exactly")
        types = {name: _type(self.footers, name) for name in names}
        try:
            side_by_side(self._objects, lambda one: one.bring(names), self._allowance)
            self.look_through(except_for=names)
        except BaseException:
            for one in self._objects:
                one.stop()
            count(self._objects, self._allowance)
            raise
        stream = _Stream(self._objects, types, self._allowance.limits)

        def verify() -> Located:
            try:
                stream.verify()
            finally:
                count(self._objects, self._allowance)
            # `self`, so that the files stay as long as the scan does
            return replace(self.located, pieces=stream.pieces)

        texts = frozenset(name for name, kind in types.items() if kind == pl.String)
        return Scan(self.schema, stream.frame(), verify, texts=texts, tallying=stream.frame)

    def look_through(self, except_for: Collection[str] = ()) -> None:
        """Decode what nobody needs of small objects, which are here as a whole.

        Raises
        ------
        NotPlain
            Something is not as it should be.
        """
        rest = [name for name in self._own_schema.names if name not in except_for]
        small = [one for one in self._objects if one.is_small]
        if rest and any(one.footer.is_by_delta(name) for one in small for name in rest):
            raise NotPlain("text that is small until it is spelled out")
        if rest:
            side_by_side(small, lambda one: one.look_through(rest), self._allowance)

    def _any_column(self) -> list[str]:
        """Return the column of the fewest bytes."""
        size = {
            name: sum(chunk.count for footer in self.footers for chunk in footer.chunks(name))
            for name in self.footers[0].leaves
            if is_held(self._own_schema.field(name).type) and all(name in one.leaves for one in self.footers)
        }
        return [min(size, key=lambda name: size[name])] if size else []


def open_parquet(objects: Sequence[DataObject], allowance: Allowance) -> Footers:
    """Return the objects with their footers read; those without content are left out.

    Raises
    ------
    NotPlain
        One is not plain Parquet, a limit of the data is passed, or nothing has content.
    ReadFailure
        Their columns differ, or a small object's checksum is not its content's.
    """
    limits = allowance.limits
    if sum(data.size_bytes for data in objects) > limits.size_bytes:
        raise NotPlain("a limit of the data")
    folder = Folder()
    found = [
        ParquetObject(data, folder.path / f"{place}.parquet", Allowance(limits))
        for place, data in enumerate(objects)
        if data.size_bytes
    ]
    if not found:
        raise NotPlain("nothing has content")
    side_by_side(found, ParquetObject.open, allowance)
    footers = [one.footer for one in found]
    for one in found:
        if one.data.view and not one.data.view.is_plain(one.footer.schema):
            raise NotPlain("its table has other columns or rows of it")
        check_apart(one.footer.schema.names, one.data)
    check_drift([(one.data.path, one.footer.schema) for one in found])
    if (
        sum(footer.rows for footer in footers) > limits.rows
        or sum(footer.announced_bytes for footer in footers) > limits.decompressed_bytes
    ):
        raise NotPlain("a limit of the data")
    return Footers(found, folder, allowance)


def scan_parquet(objects: Sequence[DataObject], needed: Collection[str], allowance: Allowance) -> Scan:
    """Return the needed columns of the objects as one table; raises as `open_parquet` and `Footers.scan`."""
    return open_parquet(objects, allowance).scan(needed)


def _type(footers: Sequence[Footer], name: str) -> pl.DataType:
    schema = footers[0].schema
    if any(name not in footer.leaves for footer in footers):
        raise NotPlain("a column is not there or not plain")
    if any(footer.is_by_delta(name) for footer in footers):
        raise NotPlain("text that is small until it is spelled out")  # and comes without a dictionary
    kind = schema.field(name).type
    if not is_held(kind):
        raise NotPlain("a column of a type that Polars does not hold exactly")
    return series(pa.array([], kind)).dtype


class _Stream:
    """Decodes the needed columns of objects, a piece at a time."""

    def __init__(self, objects: Sequence[ParquetObject], types: Types, limits: Limits) -> None:
        self._objects = objects
        self._types = types
        self._limits = limits
        self._constants = objects[0].data.constants
        self._fault = ""
        self.pieces = 0

    def frame(self, tallies: Sequence[Tally] = ()) -> pl.LazyFrame:
        """Return the table; it may be read several times, and each reading makes the tallies anew."""
        given = {name: series(pa.array([], value.type)).dtype for name, value in self._constants.items()}
        told = {TALLIED: pl.Boolean()} if tallies else {}
        return register_io_source(
            partial(self._pieces, tallies), schema=pl.Schema({**self._types, **given, **told})
        )

    def verify(self) -> None:
        """Raise what an object raises that did not arrive, NotPlain if something was wrong in any reading."""
        for one in self._objects:
            one.verify()
        if self._fault:
            raise NotPlain(self._fault)

    def _pieces(
        self,
        tallies: Sequence[Tally],
        columns: list[str] | None,
        predicate: pl.Expr | None,
        rows: int | None,
        _: int | None,
    ) -> Iterator[pl.DataFrame]:
        """Yield pieces as Polars asks for them: these columns, of these rows."""
        try:
            asked = [*self._types, *self._constants] if columns is None else columns
            for piece in self._read(asked, [Tallying(one) for one in tallies]):
                given = piece if rows is None else piece.head(rows)
                if rows is not None:
                    rows -= len(given)
                yield given if predicate is None else given.filter(predicate)
                if rows == 0:
                    return
        except NotPlain as error:
            self._fault = str(error)
            raise

    def _read(self, names: Sequence[str], tallies: Sequence[Tallying]) -> Iterator[pl.DataFrame]:
        counted = Allowance(self._limits)
        own = [name for name in names if name in self._types] or list(self._types)[: not tallies]
        needed = {*own, *(one.column for one in tallies)}
        decoded = [name for name in self._types if name in needed]
        for one in self._objects:
            given = {
                name: pl.select(constant(value)).to_series() for name, value in one.data.constants.items()
            }
            for batch in one.batches(decoded, counted):
                columns = {name: series(batch.column(name)) for name in own}
                if any(column.dtype != self._types[name] for name, column in columns.items()):
                    raise NotPlain("it holds other types than its footer says")
                # Nothing here is a query: those wait for the threads that the one around it keeps busy.
                columns |= {name: value.new_from_index(0, len(batch)) for name, value in given.items()}
                if tallies:
                    columns[TALLIED] = _TRUE.new_from_index(0, len(batch))
                for tally in tallies:
                    tally.add(batch.column(tally.column))
                self.pieces += 1
                yield pl.DataFrame([columns[name].alias(name) for name in names or columns])
        for tally in tallies:
            tally.end()
