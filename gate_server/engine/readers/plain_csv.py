"""CSV that is plain, as a stream: read from the store, proven, cut up and typed block by block, on all cores.

Nothing is kept: neither a file nor more than a few blocks. What is not plain goes the way of `table`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from gate_server.engine.native.frames import constant, dtype_of, is_held
from gate_server.engine.objects import DataObject
from gate_server.engine.partitions import check_apart, fields_of
from gate_server.engine.readers import plain_values
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.plain_records import BLOCK_BYTES, Block, PlainRecords
from gate_server.engine.readers.plain_values import Column
from gate_server.engine.readers.scan import Located, NotPlain, Part, Scan
from gate_server.engine.readers.source import MD5, content
from gate_server.model import Format

# Records, and the object that they are of.
_Given = tuple[Block, DataObject]


def scan_csv(
    objects: Sequence[DataObject], fmt: Format, allowance: Allowance, *, block_bytes: int = BLOCK_BYTES
) -> Scan | None:
    """Return all objects, in the given order, as one table to be read once. None when all hold nothing.

    Raises
    ------
    NotPlain
        Already the first rows are not. What comes after them is told by the scan's `verify`.
    ReadFailure
        With the path of the object concerned.
    """
    blocks = _Blocks(objects, fmt, allowance, block_bytes)
    begun = iter(blocks)
    first = next(begun, None)
    if not blocks.names:
        return None
    sample = _cut(first and first[0], blocks.names, blocks.names, fmt, {})
    columns = {name: plain_values.column_for(name, sample[name], fmt) for name in blocks.names}
    schema: dict[str, pl.DataType] = {name: column.dtype for name, column in columns.items()}
    schema |= {name: dtype_of(value) for name, value in objects[0].constants.items() if is_held(value.type)}
    given = [name for name in schema if name not in columns]
    reading = _Reading(blocks, first, begun, columns, given, fmt)
    own = [pa.field(name, column.arrow) for name, column in columns.items()]
    return Scan(
        schema=pa.schema([*own, *fields_of(objects[0])]),
        frame=register_io_source(reading.frames, schema=schema, is_pure=True),
        verify=reading.verify,
        again=lambda: _again(objects, fmt, allowance, block_bytes),
        without_values=frozenset(name for name, column in columns.items() if column.is_empty),
    )


def _again(objects: Sequence[DataObject], fmt: Format, allowance: Allowance, block_bytes: int) -> Scan:
    if not all(MD5.fullmatch(data.checksum) for data in objects):
        raise NotPlain("nothing would show that it is not the same as before")
    scan = scan_csv(objects, fmt, allowance.afresh(), block_bytes=block_bytes)
    if scan is None:
        raise NotPlain("it holds nothing any more")
    return scan


class _Blocks:
    """The proven blocks of all objects, and what is known of those that were taken."""

    def __init__(
        self, objects: Sequence[DataObject], fmt: Format, allowance: Allowance, block_bytes: int
    ) -> None:
        self._objects = objects
        self._fmt = fmt
        self._allowance = allowance
        self._block_bytes = block_bytes
        self.names: tuple[str, ...] = ()
        self.parts: list[Part] = []
        self.rows = self.count = 0

    def __iter__(self) -> Iterator[_Given]:
        for data in self._objects:
            try:
                yield from self._of(data)
            except ReadFailure as failure:
                failure.path = failure.path or data.path
                raise

    def _of(self, data: DataObject) -> Iterator[_Given]:
        with closing(content(data, self._allowance)) as chunks:
            records = PlainRecords(chunks, self._fmt, self._allowance, self._block_bytes)
            if not records.names:
                return
            if self.names and records.names != self.names:
                raise NotPlain("other columns")
            self.names = records.names
            check_apart(records.names, data)
            self.parts.append(Part(data.path, self.rows, records.lines))
            for block in records.blocks():
                self.rows += block.records
                self.count += 1
                if self.rows > self._allowance.limits.rows:
                    raise NotPlain("too many rows")
                yield block, data


class _Reading:
    """One way through all blocks: the next is fetched and proven while this one is cut up."""

    def __init__(
        self,
        blocks: _Blocks,
        first: _Given | None,
        rest: Iterator[_Given],
        columns: Mapping[str, Column],
        constants: Sequence[str],
        fmt: Format,
    ) -> None:
        self._blocks = blocks
        self._first = first
        self._rest = rest
        self._columns = columns
        self._fmt = fmt
        self._constants = constants
        self._state = "new"
        self._failure: Exception | None = None

    def frames(
        self,
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,  # noqa: ARG002 - Polars' protocol of sources
    ) -> Iterator[pl.DataFrame]:
        """Yield the blocks as frames, for Polars."""
        names = [*self._columns, *self._constants] if with_columns is None else with_columns
        try:
            if self._state != "new":
                raise NotPlain("read twice")
            self._state = "begun"
            for block, data in self._ahead():
                frame = self._frame(block, data, names)
                if n_rows is not None:
                    frame, n_rows = frame.head(n_rows), n_rows - min(n_rows, frame.height)
                yield frame if predicate is None else frame.filter(predicate)
                if n_rows == 0:
                    return
            self._state = "done"
        except Exception as error:
            self._failure = error
            raise

    def verify(self) -> Located:
        """Return where the rows are, once all of them were read and proven."""
        if self._failure:
            raise self._failure
        if self._state != "done":
            raise NotPlain("not read to the end")
        return Located(tuple(self._blocks.parts), self._blocks.rows, self._blocks.count)

    def _ahead(self) -> Iterator[_Given]:
        given, self._first = self._first, None
        with ThreadPoolExecutor(1) as ahead:
            while given is not None:
                following = ahead.submit(next, self._rest, None)
                yield given
                given = following.result()

    def _frame(self, block: Block, data: DataObject, names: Sequence[str]) -> pl.DataFrame:
        """Cut up a block. Columns with types are converted even if nobody asked: they may not convert."""
        types = {
            name: column.dtype
            for name, column in self._columns.items()
            if column.is_cut_typed and not (block.quoted or block.spaced)
        }
        typed = [name for name, column in self._columns.items() if not column.is_text]
        wanted = {*names, *typed} - {*data.constants} or {*list(self._columns)[:1]}
        cut = _cut(block, list(self._columns), wanted, self._fmt, types)
        made = cut.with_columns(
            plain_values.convert(cut[name], self._columns[name]) for name in typed if name not in types
        ).with_columns(constant(value).alias(name) for name, value in data.constants.items() if name in names)
        return made.select(names)


def _cut(
    block: Block | None,
    names: Sequence[str],
    wanted: Collection[str],
    fmt: Format,
    types: Mapping[str, pl.DataType],
) -> pl.DataFrame:
    """Return the columns that are wanted, those without a type as text."""
    schema = {name: types.get(name, pl.String()) for name in names}
    if block is None:
        return pl.DataFrame(schema={name: schema[name] for name in wanted})
    try:
        frame = pl.read_csv(
            block.content,
            has_header=False,
            columns=[place for place, name in enumerate(names) if name in wanted],
            schema=schema,
            separator=fmt.delimiter,
            quote_char=fmt.quote if block.quoted else None,
            extra_columns="raise",
            missing_columns="raise",
        )
    except pl.exceptions.PolarsError as error:
        raise NotPlain("Polars reads it otherwise") from error
    if frame.height != block.records:
        raise NotPlain("Polars finds another number of rows")
    return frame
