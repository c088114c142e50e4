"""Parquet for the one pass: footers first, then only the columns that are needed, decoded as they are used.

PyArrow decodes, as in `parquet.read_parquet`: it notices broken pages that Polars reads as other values. What
the pass might see in another way than that reader is `NotPlain`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet
from polars.io.plugins import register_io_source

from gate_server.engine.native.frames import is_held
from gate_server.engine.objects import DataObject
from gate_server.engine.readers.decoding import BATCH_ROWS, decoded_bytes
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.footer import MAGIC, TAIL_BYTES, Footer, footer_bytes, parse_footer
from gate_server.engine.readers.ranges import Span, read_range, sparse_file
from gate_server.engine.readers.scan import Located, NotPlain, Part, Scan
from gate_server.engine.readers.source import fetch

# Most footers are within the last bytes.
TAIL_READ_BYTES = 64 << 10
# Below this an object is fetched whole, as its checksum is compared then; so it is when most of it is needed.
WHOLE_BYTES = 4 << 20
WHOLE_SHARE = 0.6

Types = Mapping[str, pl.DataType]


@dataclass
class _Opened:
    """One object: its footer, and its bytes from there on, or all of them."""

    data: DataObject
    footer: Footer
    tail: bytes
    file: IO[bytes] | None


class Footers:
    """The objects of an obligation, of which the footers are known."""

    def __init__(self, opened: Sequence[_Opened], allowance: Allowance) -> None:
        self._opened = opened
        self._allowance = allowance
        self.footers = [one.footer for one in opened]
        self.schema = self.footers[0].schema
        first, parts = 0, []
        for one in opened:
            parts.append(Part(one.data.path, first))
            first += one.footer.rows
        self.located = Located(tuple(parts), first)

    def scan(self, needed: Collection[str]) -> Scan:
        """Return the columns that are `needed`, as far as they are there; any other one if none is.

        Raises
        ------
        NotPlain
            One is of a type that is not taken, or a range of it could not be read.
        ReadFailure
            The object's checksum is not its content's, where all of it was read.
        """
        names = [name for name in self.schema.names if name in needed] or self._any_column()
        if not names:
            raise NotPlain("no column that Polars holds exactly")
        types = {name: _type(self.footers, name) for name in names}
        files = [self._file(one, types) for one in self._opened]
        stream = _Stream(files, self.footers, types, self._allowance)

        def verify() -> Located:
            stream.verify()
            return self.located

        return Scan(self.schema, stream.frame(), verify)

    def _any_column(self) -> list[str]:
        """Return the column of the fewest bytes."""
        size = {
            name: sum(chunk.count for footer in self.footers for chunk in footer.chunks(name))
            for name in self.footers[0].leaves
            if is_held(self.schema.field(name).type) and all(name in one.leaves for one in self.footers)
        }
        return [min(size, key=lambda name: size[name])] if size else []

    def _file(self, one: _Opened, needed: Types) -> IO[bytes]:
        """Return a file that holds the object's footer and the needed columns."""
        file = one.file
        if file is None:
            spans: list[Span] = [
                (chunk.first, chunk.count) for name in needed for chunk in one.footer.chunks(name)
            ]
            if sum(count for _, count in spans) > WHOLE_SHARE * one.data.size_bytes:
                file = _fetched(one.data, self._allowance)
            else:
                there = [(one.data.size_bytes - len(one.tail), one.tail)]
                file = sparse_file(one.data, there, [(0, len(MAGIC)), *spans], self._allowance)
        file.flush()
        tail_at = one.data.size_bytes - len(one.tail)
        if os.pread(file.fileno(), len(MAGIC), 0) != MAGIC:
            raise NotPlain("it does not begin as Parquet")
        if os.pread(file.fileno(), len(one.tail), tail_at) != one.tail:
            raise NotPlain("it has two footers")
        return file


def open_parquet(objects: Sequence[DataObject], allowance: Allowance) -> Footers:
    """Return the objects with their footers read; those without content are left out.

    Raises
    ------
    NotPlain
        One is not plain Parquet, their schemas differ, a limit of the data is passed, or nothing has content.
    ReadFailure
        A small object's checksum is not its content's.
    """
    limits = allowance.limits
    if sum(data.size_bytes for data in objects) > limits.size_bytes:
        raise NotPlain("a limit of the data")
    opened = [_open(data, allowance) for data in objects if data.size_bytes]
    if not opened:
        raise NotPlain("nothing has content")
    if any(not one.footer.schema.equals(opened[0].footer.schema) for one in opened):
        raise NotPlain("its objects have several schemas")
    if (
        sum(one.footer.rows for one in opened) > limits.rows
        or sum(one.footer.announced_bytes for one in opened) > limits.decompressed_bytes
    ):
        raise NotPlain("a limit of the data")
    return Footers(opened, allowance)


def scan_parquet(objects: Sequence[DataObject], needed: Collection[str], allowance: Allowance) -> Scan:
    """Return the needed columns of the objects as one table; raises as `open_parquet` and `Footers.scan`."""
    return open_parquet(objects, allowance).scan(needed)


def _open(data: DataObject, allowance: Allowance) -> _Opened:
    file = None
    if data.size_bytes <= WHOLE_BYTES or data.read_range is None:
        file = _fetched(data, allowance)
        file.flush()
    else:
        allowance.opened(data.path)

    def read(first: int, count: int) -> bytes:
        if file is None:
            return read_range(data, first, count, allowance)
        return os.pread(file.fileno(), count, first)

    begin = max(data.size_bytes - TAIL_READ_BYTES, 0)
    tail = read(begin, data.size_bytes - begin)
    count = footer_bytes(tail) + TAIL_BYTES
    if count > data.size_bytes - len(MAGIC):
        raise NotPlain("its footer is longer than it")
    if count > len(tail):
        tail = read(data.size_bytes - count, count - len(tail)) + tail
    tail = tail[-count:]
    return _Opened(data, parse_footer(tail, data.size_bytes, allowance), tail, file)


def _fetched(data: DataObject, allowance: Allowance) -> IO[bytes]:
    try:
        return fetch(data, allowance, unpack=False)
    except ReadFailure as failure:
        failure.path = failure.path or data.path
        raise


def _type(footers: Sequence[Footer], name: str) -> pl.DataType:
    schema = footers[0].schema
    if any(name not in footer.leaves for footer in footers):
        raise NotPlain("a column is not there or not plain")
    if any(footer.is_by_prefix(name) for footer in footers):
        raise NotPlain("text that is small until it is spelled out")  # and comes without a dictionary
    kind = schema.field(name).type
    if not is_held(kind):
        raise NotPlain("a column of a type that Polars does not hold exactly")
    return _polars(name, pa.array([], kind)).dtype


class _Stream:
    """Decodes the needed columns of files, a piece at a time, and counts what it gives."""

    def __init__(
        self, files: Sequence[IO[bytes]], footers: Sequence[Footer], types: Types, allowance: Allowance
    ) -> None:
        self._files = files  # they are there until the frame was read
        self._footers = footers
        self._types = types
        self._allowance = allowance
        self._fault = ""

    def frame(self) -> pl.LazyFrame:
        """Return the table; it may be read several times."""
        return register_io_source(self._pieces, schema=pl.Schema(self._types))

    def verify(self) -> None:
        """Raise NotPlain if something was wrong in any reading."""
        if self._fault:
            raise NotPlain(self._fault)

    def _pieces(
        self, columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        """Yield pieces as Polars asks for them: these columns, of these rows."""
        try:
            for piece in self._read(self._types if columns is None else columns):
                given = piece if rows is None else piece.head(rows)
                if rows is not None:
                    rows -= len(given)
                yield given if predicate is None else given.filter(predicate)
                if rows == 0:
                    return
        except (pa.ArrowException, OSError, ValueError, ReadFailure, NotPlain) as error:
            self._fault = str(error) if isinstance(error, NotPlain) else type(error).__name__
            raise NotPlain(self._fault) from error

    def _read(self, columns: Sequence[str] | Types) -> Iterator[pl.DataFrame]:
        names = list(columns)
        counted = Allowance(self._allowance.limits)
        for file, footer in zip(self._files, self._footers, strict=True):
            count = 0
            with pyarrow.parquet.ParquetFile(
                file.name,
                memory_map=True,
                read_dictionary=[name for name in names if footer.has_dictionary(name)],
                page_checksum_verification=True,
            ) as parquet:
                for batch in parquet.iter_batches(BATCH_ROWS, columns=names, use_threads=True):
                    batch.validate(full=True)
                    counted.take_decompressed(sum(decoded_bytes(one, counted) for one in batch.columns))
                    count += batch.num_rows
                    yield self._piece(batch, names)
            if count != footer.rows:
                raise NotPlain("it holds another number of rows than its footer says")

    def _piece(self, batch: pa.RecordBatch, names: Sequence[str]) -> pl.DataFrame:
        if batch.schema.names != names:
            raise NotPlain("it holds other columns than its footer says")
        piece = pl.DataFrame([_series(name, batch.column(name)) for name in names])
        if any(piece.schema[name] != self._types[name] for name in names):
            raise NotPlain("it holds other types than its footer says")
        return piece


def _series(name: str, column: pa.Array) -> pl.Series:
    if pa.types.is_dictionary(column.type):
        return _polars(name, column.dictionary).gather(_polars(name, column.indices))
    return _polars(name, column)


def _polars(name: str, column: pa.Array) -> pl.Series:
    return cast(pl.Series, pl.from_arrow(column)).alias(name)
