"""The one tokeniser that says how many records a CSV has, how wide they are and on which line each starts.

Python's `csv` in strict mode; PyArrow then reads the values (it tells a quoted empty from an unquoted one).
"""

from __future__ import annotations

import codecs
import csv
import io
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from gate_server.engine.naming import quoted
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.model import Format

# A line is held in memory as a whole, so it has a bound of its own.
LINE_CHARS = 64 * 1024 * 1024


@dataclass
class LineMap:
    """From a row (from 0) to the physical line (from 1) on which its record starts.

    Stores only the rows after which the numbering jumps.
    """

    _rows: array[int] = field(default_factory=lambda: array("q"))
    _lines: array[int] = field(default_factory=lambda: array("q"))

    def add(self, row: int, line: int) -> None:
        """Note that `row` starts on `line`; rows come in order."""
        if not self._rows or line - self._lines[-1] != row - self._rows[-1]:
            self._rows.append(row)
            self._lines.append(line)

    def line(self, row: int) -> int:
        """Return the physical line of `row`."""
        place = bisect_right(self._rows, row) - 1
        return self._lines[place] + row - self._rows[place]


@dataclass(frozen=True)
class Shape:
    """What the tokeniser found: the columns' names, the number of rows, where they start.

    `chars` is the length of all fields together, those of a header included; `stops_short` whether the very
    last character is a delimiter, behind which there is a null.
    """

    names: tuple[str, ...]
    rows: int
    lines: LineMap
    chars: int
    stops_short: bool


def text_encoding(fmt: Format) -> str:
    """Return the codec to decode with; a byte order mark of UTF-8 is dropped."""
    return "utf-8-sig" if codecs.lookup(fmt.encoding).name == "utf-8" else fmt.encoding


def scan(file: IO[bytes], fmt: Format, allowance: Allowance) -> Shape | None:
    """Tokenise the whole file. None when it holds nothing at all (at most a byte order mark).

    Raises
    ------
    ReadFailure
        Bytes that do not decode, ragged rows, bad quoting, blank or duplicate header names, a limit.
    """
    file.seek(0)
    if codecs.lookup(fmt.encoding).name == "utf-8" and file.read(2) in {
        codecs.BOM_UTF16_LE,
        codecs.BOM_UTF16_BE,
    }:
        raise ReadFailure(
            "unreadable",
            "encoding",
            "the bytes are UTF-16, not UTF-8",
            hint="set format.encoding: utf-16 in the rule, or write the file as UTF-8",
            offset_bytes=0,
        )
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=text_encoding(fmt), newline="")
    try:
        return _scan(text, fmt, allowance)
    except UnicodeDecodeError as error:
        offset, line = _undecodable(file, fmt)
        raise ReadFailure(
            "unreadable",
            "encoding",
            f"the bytes are not {fmt.encoding}",
            hint="set format.encoding in the rule",
            line=line,
            offset_bytes=offset,
        ) from error
    finally:
        text.detach()


def _scan(text: io.TextIOWrapper, fmt: Format, allowance: Allowance) -> Shape | None:
    csv.field_size_limit(allowance.limits.field_bytes)
    physical = _Lines(text)
    reader = csv.reader(physical, delimiter=fmt.delimiter, quotechar=fmt.quote, doublequote=True, strict=True)
    lines = LineMap()
    names: tuple[str, ...] | None = None
    width = rows = last_line = chars = 0
    blank = 0  # the first line of a run of blank ones, which only the end of the file excuses
    try:
        for record in reader:
            line = last_line + 1
            last_line = reader.line_num
            chars += sum(map(len, record))
            if names is None:
                names = names_of(record, fmt, allowance)
                width = len(names)
                if fmt.header:
                    continue
            if len(record) != width:
                if not record and width == 1:
                    pass  # a null
                elif not record:
                    blank = blank or line
                    continue
                else:
                    raise _ragged(len(record), width, blank or line, bool(blank))
            elif blank:
                raise _ragged(0, width, blank, True)
            lines.add(rows, line)
            rows += 1
            allowance.take_rows(1, line)
    except csv.Error as error:
        raise _malformed(error, last_line + 1, allowance) from error
    return None if names is None else Shape(names, rows, lines, chars, physical.last.endswith(fmt.delimiter))


class _Lines:
    """The lines of a text; ``last`` is the one that was read last."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.last = ""

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(iter(lambda: self._text.readline(LINE_CHARS), ""), start=1):
            if len(line) == LINE_CHARS:
                message = f"a line of {LINE_CHARS:,} characters or more"
                raise ReadFailure("limit_of_data", "line_length", message, line=number)
            self.last = line
            yield line


def names_of(record: list[str], fmt: Format, allowance: Allowance) -> tuple[str, ...]:
    """Return the columns' names by the first record, which is the header where there is one.

    Raises
    ------
    ReadFailure
        Blank or duplicate names, too many.
    """
    allowance.check_columns(len(record))
    if not fmt.header:
        return tuple(f"_c{place}" for place in range(max(len(record), 1)))
    if not record:
        raise ReadFailure("unreadable", "header", "the header line is empty", line=1)
    seen: dict[str, int] = {}
    for place, name in enumerate(record, start=1):
        if not name.strip():
            raise ReadFailure("unreadable", "header", f"column {place} of {len(record)} has no name", line=1)
        if name in seen:
            message = f"columns {seen[name]} and {place} are both named {quoted(name)}"
            raise ReadFailure("unreadable", "header", message, line=1)
        seen[name] = place
    return tuple(record)


def _ragged(found: int, width: int, line: int, blank: bool) -> ReadFailure:
    what = "is empty" if blank else f"has {found} {'field' if found == 1 else 'fields'}"
    return ReadFailure("unreadable", "ragged", f"line {line} {what}, {width} are expected", line=line)


def _malformed(error: csv.Error, line: int, allowance: Allowance) -> ReadFailure:
    # The module has one exception for all; its few texts have been the same since Python 2.5.
    text = str(error)
    if "field limit" in text:
        allowance.field_too_long(line)
    if "unexpected end of data" in text:
        return ReadFailure("unreadable", "quoting", f"a quoted field in line {line} does not end", line=line)
    return ReadFailure("unreadable", "quoting", f"text after a closing quote in line {line}", line=line)


def _undecodable(file: IO[bytes], fmt: Format) -> tuple[int, int]:
    """Return offset and line of the first bytes that do not decode."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder(fmt.encoding)()
    before = newlines = 0
    while True:
        chunk = file.read(1 << 20)
        pending = decoder.getstate()[0]
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            good = (pending + chunk)[: error.start]
            return before - len(pending) + error.start, newlines + good.count(b"\n") + 1
        if not chunk:
            raise RuntimeError("the bytes decode after all")
        before += len(chunk)
        newlines += chunk.count(b"\n")
