"""Parquet for the one pass: footers first, then only the columns that are needed, decoded as they are used.

PyArrow decodes, as in `parquet.read_parquet`: it notices broken pages that Polars reads as other values. What
the pass might see in another way than that reader is `NotPlain`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet
from polars.io.plugins import register_io_source

from gate_server.engine.native.frames import is_held
from gate_server.engine.objects import DataObject
from gate_server.engine.readers.decoding import BATCH_ROWS, decoded_bytes
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.footer import MAGIC, TAIL_BYTES, Footer, footer_bytes, parse_footer
from gate_server.engine.readers.ranges import PARALLEL, Span, finish, read_range, write_sparse
from gate_server.engine.readers.scan import Located, NotPlain, Part, Scan
from gate_server.engine.readers.source import fetch

# Most footers are within the last bytes.
TAIL_READ_BYTES = 64 << 10
# Below this an object is fetched whole, as its checksum is compared then; so it is when most of it is needed.
WHOLE_BYTES = 4 << 20
WHOLE_SHARE = 0.6

Types = Mapping[str, pl.DataType]


class Footers:
    """The objects of an obligation, of which the footers are known."""

    def __init__(self, objects: Sequence[_Object], folder: _Folder, allowance: Allowance) -> None:
        self._objects = objects
        self._folder = folder
        self._allowance = allowance
        self.footers = [one.footer for one in objects]
        self.schema = self.footers[0].schema
        first, parts = 0, []
        for one in objects:
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
        _side_by_side(self._objects, lambda one: one.bring(names), self._allowance)
        stream = _Stream([one.file for one in self._objects], self.footers, types, self._allowance)

        def verify() -> Located:
            stream.verify()
            return self.located  # of this object, so that the files stay as long as the scan does

        return Scan(self.schema, stream.frame(), verify)

    def _any_column(self) -> list[str]:
        """Return the column of the fewest bytes."""
        size = {
            name: sum(chunk.count for footer in self.footers for chunk in footer.chunks(name))
            for name in self.footers[0].leaves
            if is_held(self.schema.field(name).type) and all(name in one.leaves for one in self.footers)
        }
        return [min(size, key=lambda name: size[name])] if size else []


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
    folder = _Folder()
    found = [
        _Object(data, folder.path / f"{place}.parquet", Allowance(limits))
        for place, data in enumerate(objects)
        if data.size_bytes
    ]
    if not found:
        raise NotPlain("nothing has content")
    _side_by_side(found, _Object.open, allowance)
    footers = [one.footer for one in found]
    if any(not footer.schema.equals(footers[0].schema) for footer in footers):
        raise NotPlain("its objects have several schemas")
    if (
        sum(footer.rows for footer in footers) > limits.rows
        or sum(footer.announced_bytes for footer in footers) > limits.decompressed_bytes
    ):
        raise NotPlain("a limit of the data")
    return Footers(found, folder, allowance)


def scan_parquet(objects: Sequence[DataObject], needed: Collection[str], allowance: Allowance) -> Scan:
    """Return the needed columns of the objects as one table; raises as `open_parquet` and `Footers.scan`."""
    return open_parquet(objects, allowance).scan(needed)


class _Folder:
    """A temporary folder that goes with who uses it last."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="gate-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


class _Object:
    """One object: its footer, and as much of it as is needed, in a file of its own that nobody keeps open."""

    def __init__(self, data: DataObject, file: Path, allowance: Allowance) -> None:
        self.data = data
        self.file = file
        self.allowance = allowance
        self.footer: Footer
        self._tail = b""
        self._whole = False

    def open(self) -> None:
        """Read the footer; the whole object where it is small."""
        size_bytes = self.data.size_bytes
        if size_bytes <= WHOLE_BYTES or self.data.read_range is None:
            self._fetch()
        else:
            self.allowance.opened(self.data.path)
        begin = max(size_bytes - TAIL_READ_BYTES, 0)
        tail = self._read(begin, size_bytes - begin)
        count = footer_bytes(tail) + TAIL_BYTES
        if count > size_bytes - len(MAGIC):
            raise NotPlain("its footer is longer than it")
        if count > len(tail):
            tail = self._read(size_bytes - count, count - len(tail)) + tail
        self._tail = tail[-count:]
        self.footer = parse_footer(self._tail, size_bytes, self.allowance)

    def bring(self, needed: Sequence[str]) -> None:
        """Have a file that holds the footer and the needed columns; all of the object if that is most."""
        size_bytes = self.data.size_bytes
        if not self._whole:
            chunks = [chunk for name in needed for chunk in self.footer.chunks(name)]
            spans: list[Span] = [(chunk.first, chunk.count) for chunk in chunks]
            if sum(count for _, count in spans) > WHOLE_SHARE * size_bytes:
                self._fetch()
            else:
                there = [(size_bytes - len(self._tail), self._tail)]
                wanted = [(0, len(MAGIC)), *spans]
                self.allowance.read_bytes += write_sparse(self.file, self.data, there, wanted)
        with self.file.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise NotPlain("it does not begin as Parquet")
            file.seek(size_bytes - len(self._tail))
            if file.read() != self._tail:
                raise NotPlain("it has two footers")

    def _read(self, first: int, count: int) -> bytes:
        if not self._whole:
            content = read_range(self.data, first, count)
            self.allowance.read_bytes += count
            return content
        with self.file.open("rb") as file:
            file.seek(first)
            return file.read(count)

    def _fetch(self) -> None:
        try:
            with fetch(self.data, self.allowance, unpack=False) as file:
                file.flush()
                os.link(file.name, self.file)
        except ReadFailure as failure:
            failure.path = failure.path or self.data.path
            raise
        self._whole = True


def _side_by_side(objects: Sequence[_Object], do: Callable[[_Object], None], allowance: Allowance) -> None:
    """Do it to each object, a few at once; raise what the first of them raises that fails."""
    try:
        with ThreadPoolExecutor(PARALLEL) as pool:
            finish(pool, [pool.submit(copy_context().run, do, one) for one in objects])
    finally:
        for one in objects:
            allowance.read_bytes += one.allowance.read_bytes
            one.allowance.read_bytes = 0
            if one.allowance.objects_read:
                allowance.opened(one.data.path)


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
        self, files: Sequence[Path], footers: Sequence[Footer], types: Types, allowance: Allowance
    ) -> None:
        self._files = files
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
                file,
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
