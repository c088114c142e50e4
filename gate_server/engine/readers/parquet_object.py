"""One Parquet object, as much of it as is needed, in a local file."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.arriving import Arriving
from gate_server.engine.readers.decoding import BATCH_ROWS, decoded_bytes, is_text
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.footer import MAGIC, TAIL_BYTES, Footer, footer_bytes, parse_footer
from gate_server.engine.readers.ranges import PARALLEL, Span, finish, read_range, write_sparse
from gate_server.engine.readers.scan import NotPlain
from gate_server.engine.readers.source import fetch

# Most footers are within the last bytes.
TAIL_READ_BYTES = 64 << 10
# Below this an object is fetched whole, as its checksum is compared then; so it is when most of it is needed.
WHOLE_BYTES = 4 << 20
WHOLE_SHARE = 0.6
_READ_BEYOND_BYTES = 100
# What is decoded at a time of an object that is still on its way.
_RUN_BYTES = 8 << 20


class Folder:
    """A temporary folder that goes with who uses it last."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="gate-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


class ParquetObject:
    """One object: its footer, and as much of it as is needed, in a file of its own that nobody keeps open."""

    def __init__(self, data: DataObject, file: Path, allowance: Allowance) -> None:
        self.data = data
        self.file = file
        self.allowance = allowance
        self.footer: Footer
        self._tail = b""
        self._whole = False
        self._arriving: Arriving | None = None

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
        if self._whole:
            self._check_ends()

    @property
    def is_small(self) -> bool:
        """Whether all of it was fetched, whatever is needed."""
        return self.data.size_bytes <= WHOLE_BYTES

    def look_through(self, names: Sequence[str]) -> None:
        """Decode columns that nobody needs; raise NotPlain where they are not as they should be."""
        for _ in self.batches(names, Allowance(self.allowance.limits)):
            pass

    def batches(self, names: Sequence[str], counted: Allowance) -> Iterator[pa.RecordBatch]:
        """Yield the columns in pieces, each checked against the limits; all rows that the footer announces.

        Raises
        ------
        NotPlain
            They cannot be read so.
        """
        rows = 0
        try:
            with pyarrow.parquet.ParquetFile(
                self.file,
                memory_map=True,
                # All text, so that its size is known before it is spelled out.
                read_dictionary=[name for name in names if is_text(self.footer.schema.field(name).type)],
                page_checksum_verification=True,
            ) as parquet:
                for groups in self._runs(names):
                    for batch in parquet.iter_batches(BATCH_ROWS, groups, list(names), use_threads=True):
                        if batch.schema.names != list(names):
                            raise NotPlain("it holds other columns than its footer says")
                        batch.validate(full=True)
                        counted.take_decompressed(sum(decoded_bytes(one, counted) for one in batch.columns))
                        rows += batch.num_rows
                        yield batch
        except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError, ReadFailure) as error:
            raise NotPlain(f"its columns cannot be read ({type(error).__name__})") from error
        if rows != self.footer.rows:
            raise NotPlain("it holds another number of rows than its footer says")

    def _runs(self, names: Sequence[str]) -> Iterator[list[int] | None]:
        """Yield row groups that are there, in order; None for all of them."""
        if self._arriving is None:
            yield None
            return
        run: list[int] = []
        there = end = 0
        for place, group in enumerate(self.footer.groups):
            run.append(place)
            chunks = [group.chunks[self.footer.leaves[name].place] for name in names]
            end = max(end, *(chunk.first + chunk.count + _READ_BEYOND_BYTES for chunk in chunks))
            if end - there >= _RUN_BYTES or place == len(self.footer.groups) - 1:
                there = end
                self._arriving.until(min(end, self.data.size_bytes))
                yield run
                run = []

    def bring(self, needed: Sequence[str]) -> None:
        """Have a file that holds the footer and the needed columns; all of the object if that is most.

        That is then still on its way: `verify` says whether it arrived.
        """
        size_bytes = self.data.size_bytes
        if not self._whole:
            chunks = [chunk for name in needed for chunk in self.footer.chunks(name)]
            # Some writers of old told too short lengths, so PyArrow reads a little further (PARQUET-816).
            end = size_bytes - len(self._tail)
            spans: list[Span] = [
                (chunk.first, min(chunk.count + _READ_BEYOND_BYTES, end - chunk.first)) for chunk in chunks
            ]
            if sum(count for _, count in spans) > WHOLE_SHARE * size_bytes:
                self._arriving = Arriving(self.data, self.file, self._tail, self.allowance.limits)
                return
            there = [(size_bytes - len(self._tail), self._tail)]
            wanted = [(0, len(MAGIC)), *spans]
            self.allowance.read_bytes += write_sparse(self.file, self.data, there, wanted)
        self._check_ends()

    def verify(self) -> None:
        """Wait for what is still on its way.

        Raises
        ------
        NotPlain, ReadFailure, OSError
            It is not what was announced, or not to be had.
        """
        if self._arriving is not None:
            try:
                self._arriving.end()
            finally:
                self._count_arrived()
            self._check_ends()

    def stop(self) -> None:
        """Fetch no more of it."""
        if self._arriving is not None:
            self._arriving.stop()
            self._count_arrived()

    def _count_arrived(self) -> None:
        if self._arriving is not None:
            self.allowance.read_bytes += self._arriving.allowance.read_bytes
            self._arriving.allowance.read_bytes = 0

    def _check_ends(self) -> None:
        with self.file.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise NotPlain("it does not begin as Parquet")
            file.seek(self.data.size_bytes - len(self._tail))
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


def side_by_side(
    objects: Sequence[ParquetObject], do: Callable[[ParquetObject], None], allowance: Allowance
) -> None:
    """Do it to each object, a few at once; raise what the first of them raises that fails."""
    try:
        if len(objects) == 1:
            do(objects[0])
        else:
            with ThreadPoolExecutor(PARALLEL) as pool:
                finish(pool, [pool.submit(copy_context().run, do, one) for one in objects])
    finally:
        count(objects, allowance)


def count(objects: Sequence[ParquetObject], allowance: Allowance) -> None:
    """Count what was read of the objects, once."""
    for one in objects:
        allowance.read_bytes += one.allowance.read_bytes
        one.allowance.read_bytes = 0
        if one.allowance.objects_read:
            allowance.opened(one.data.path)
