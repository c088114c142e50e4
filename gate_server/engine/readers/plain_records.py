"""Proves of CSV, block by block, that it can be cut up without a thought; what it cannot prove is not plain.

Plain is: UTF-8 without NUL, lines that end in "\\n" or "\\r\\n", quotes only around whole fields and doubled
within them, each record as wide as the first, no field beyond the limits, no blank lines but at the end. The
proof looks at whole blocks at a time, so it costs less than cutting them up.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.records import LineMap, names_of
from gate_server.engine.readers.scan import NotPlain
from gate_server.model import Format

# Proven at a time: what is made of it stays in the cache of a core, and in memory that is used again.
BLOCK_BYTES = 256 << 10
# Handed on at a time.
GROUP_BYTES = 1 << 20
# The longest record that is waited for; the slow way has bounds of its own.
_RECORD_BYTES = 8 << 20
# Encodings of which what is ASCII is the same in UTF-8.
_LIKE_ASCII = frozenset({"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252"})
_NEWLINE, _RETURN = 10, 13

_Codes = npt.NDArray[np.uint8]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Block:
    """Whole records. ``quoted`` says whether there is a quote in them, ``spaced`` whether a space or tab.

    A tab that parts fields does not count.
    """

    content: bytes
    records: int
    quoted: bool
    spaced: bool = False


class PlainRecords:
    """The records of one object; its lines are known as far as its blocks were taken.

    Parameters
    ----------
    chunks
        The object's content, decompressed.
    block_bytes
        About how much is proven at a time.

    Attributes
    ----------
    names
        The columns' names, none when the object holds nothing.
    lines
        On which line each record starts that was in a block.

    Raises
    ------
    NotPlain
        Here and on the way through the blocks.
    """

    def __init__(
        self, chunks: Iterator[bytes], fmt: Format, allowance: Allowance, block_bytes: int = BLOCK_BYTES
    ) -> None:
        self._pieces = (
            chunk[start : start + block_bytes]
            for chunk in chunks
            for start in range(0, len(chunk), block_bytes)
        )
        self._block_bytes = block_bytes
        self._field_bytes = allowance.limits.field_bytes
        self._only_ascii = _only_ascii(fmt)
        self._delimiter, self._quote = fmt.delimiter.encode(), fmt.quote.encode()
        if len(self._delimiter) != 1 or len(self._quote) != 1:
            raise NotPlain("delimiter or quote of several bytes")
        if len({*self._delimiter, *self._quote} - {0, _NEWLINE, _RETURN}) != 2:
            raise NotPlain("an odd delimiter or quote")
        self._buffer = b""
        self._ended = False
        while len(self._buffer) <= len(codecs.BOM_UTF8) and not self._ended:
            self._fill()
        if not self._only_ascii:
            self._buffer = self._buffer.removeprefix(codecs.BOM_UTF8)
        self.lines = LineMap()
        self._rows = 0
        self._line = 1
        self.names: tuple[str, ...] = ()
        if self._buffer:
            self.names = self._read_names(fmt, allowance)
        self._record = self._delimiter * (len(self.names) - 1) + b"\n"
        self._others = bytes(set(range(256)) - {*self._delimiter, _NEWLINE})

    def blocks(self) -> Iterator[Block]:
        """Yield all records, once."""
        group: list[Block] = []
        size = 0
        for block in self._proven():
            group.append(block)
            size += len(block.content)
            if size >= GROUP_BYTES:
                yield self._together(group)
                group, size = [], 0
        if group:
            yield self._together(group)

    def _together(self, blocks: Sequence[Block]) -> Block:
        content = b"".join(block.content for block in blocks)
        return Block(
            content,
            sum(block.records for block in blocks),
            quoted=any(block.quoted for block in blocks),
            spaced=b" " in content or (b"\t" in content and self._delimiter != b"\t"),
        )

    def _proven(self) -> Iterator[Block]:
        while self._buffer:
            if self._ended and len(self.names) > 1:  # blank lines at the end are nothing
                self._buffer = self._buffer.rstrip(b"\r\n")
                if not self._buffer:
                    return
            if self._ended and not self._buffer.endswith(b"\n"):
                self._buffer += b"\n"
            prove = self._prove_quoted if self._quote in self._buffer else self._prove
            block = prove(self._buffer)
            if block is not None:
                self._buffer = self._buffer[len(block.content) :]
                yield block
            elif len(self._buffer) > _RECORD_BYTES:
                raise NotPlain("a long record")
            self._fill()

    def _fill(self) -> None:
        """Read a block more, at the end less; as much again where more than a block is there already."""
        pieces, count = [self._buffer], 0
        while count < max(self._block_bytes, len(self._buffer)) and not self._ended:
            piece = next(self._pieces, None)
            if piece is None:
                self._ended = True
            else:
                pieces.append(piece)
                count += len(piece)
        self._buffer = b"".join(pieces)

    def _read_names(self, fmt: Format, allowance: Allowance) -> tuple[str, ...]:
        while (end := self._buffer.find(b"\n")) < 0 and not self._ended:
            if len(self._buffer) > _RECORD_BYTES:
                raise NotPlain("a long first line")
            self._fill()
        line = self._buffer if end < 0 else self._buffer[: end + 1]
        self._check_text(line if end >= 0 else line + b"\n")
        if len(line) > self._field_bytes:
            raise NotPlain("a long first line")
        csv.field_size_limit(self._field_bytes)
        try:
            [record] = csv.reader([line.decode()], delimiter=fmt.delimiter, quotechar=fmt.quote, strict=True)
            names = names_of(record, fmt, allowance)
        except (csv.Error, ReadFailure) as error:  # also a first record of several lines
            raise NotPlain("the first record") from error
        if not record:
            raise NotPlain("a blank first line")
        if fmt.header:
            self._buffer = self._buffer[len(line) :]
            self._line = 2
            if not self._buffer:
                self._fill()
        return names

    def _prove(self, content: bytes) -> Block | None:
        """Return the records of a block without quotes, None when there is no whole one."""
        content = content[: content.rfind(b"\n") + 1]
        if not content:
            return None
        self._check_text(content)
        records = self._count(content.translate(None, self._others))
        self._check_lengths(np.frombuffer(content, np.uint8))
        self._note_lines(records)
        return Block(content, records, quoted=False)

    def _prove_quoted(self, content: bytes) -> Block | None:
        """Return the records of a block with quotes, None when there is no whole one."""
        codes = np.frombuffer(content, np.uint8)
        quotes = codes == ord(self._quote)
        # From an opening quote on, up to before the closing one.
        inside = np.bitwise_xor.accumulate(quotes)
        last = content.rfind(b"\n")
        if last >= 0 and inside[last]:
            outside = np.flatnonzero((codes == _NEWLINE) > inside)
            last = int(outside[-1]) if len(outside) else -1
        size = last + 1
        if self._ended and size != len(content):
            raise NotPlain("a quoted field does not end")
        if not size:
            return None
        content, codes, quotes, inside = content[:size], codes[:size], quotes[:size], inside[:size]
        self._check_text(content)
        newlines = codes == _NEWLINE
        separators = newlines | (codes == ord(self._delimiter))
        _check_quotes(quotes, inside, separators, codes)
        between = separators > inside
        records = self._count(codes[between].tobytes())
        self._check_lengths(codes, between)
        if content.count(b"\n") == records:
            self._note_lines(records)
        else:
            ends = np.flatnonzero((newlines > inside)[newlines])
            self._note_lines(records, np.concatenate(([0], ends + 1)))
        return Block(content, records, quoted=True)

    def _count(self, separators: bytes) -> int:
        records, rest = divmod(len(separators), len(self._record))
        if rest or separators != self._record * records:
            raise NotPlain("ragged")
        return records

    def _check_text(self, content: bytes) -> None:
        if b"\0" in content:
            raise NotPlain("NUL")
        if b"\r" in content and content.count(b"\r") != content.count(b"\r\n"):
            raise NotPlain("a carriage return alone")
        if not content.isascii():
            if content.startswith(codecs.BOM_UTF8):  # Polars drops it
                raise NotPlain("a byte order mark")
            if self._only_ascii:
                raise NotPlain("not ASCII")
            try:
                content.decode()
            except UnicodeDecodeError as error:
                raise NotPlain("not UTF-8") from error

    def _check_lengths(self, codes: _Codes, separators: _Mask | None = None) -> None:
        """Where there is a separator in each half of what a field may be long, none is longer."""
        half = max(self._field_bytes // 2, 1)
        if len(codes) <= half:
            return
        if separators is None:
            separators = (codes == ord(self._delimiter)) | (codes == _NEWLINE)
        starts = range(0, len(codes) - half, half)
        if len(starts) < 1000 and all(separators[start : start + half].any() for start in starts):
            return
        if int(np.diff(np.flatnonzero(separators), prepend=-1).max()) - 1 > self._field_bytes:
            raise NotPlain("a long field")

    def _note_lines(self, records: int, starts: npt.NDArray[np.intp] | None = None) -> None:
        """Note the lines, from the block's first, on which its records start, and the one after them."""
        if starts is None:
            self.lines.add(self._rows, self._line)
            self._line += records
        else:
            for record in np.flatnonzero(np.diff(starts[:-1], prepend=-2) != 1).tolist():
                self.lines.add(self._rows + record, self._line + int(starts[record]))
            self._line += int(starts[-1])
        self._rows += records


def _check_quotes(quotes: _Mask, inside: _Mask, separators: _Mask, codes: _Codes) -> None:
    """Quotes open where a field begins and close where it ends, or are two within it.

    The first of `codes` begins a record, the last is the newline that ends one. (`>` is: the one, not the
    other.)
    """
    beside = separators | quotes
    if ((quotes & inside)[1:] > beside[:-1]).any():
        raise NotPlain("a quote within a field")
    closing = quotes > inside
    if (closing[:-1] > beside[1:]).any() and (closing[:-1] > (beside | (codes == _RETURN))[1:]).any():
        raise NotPlain("text after a closing quote")


def _only_ascii(fmt: Format) -> bool:
    name = codecs.lookup(fmt.encoding).name
    if name not in _LIKE_ASCII:
        raise NotPlain("another encoding")
    return name != "utf-8"
