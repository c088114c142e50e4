"""Data objects that are cut, spoilt, too much, or say one thing and hold another, of each format."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet as pq

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# A count that no other number in the files is.
ROWS = 54_321
LONG_LINE_BYTES = 500_000_000


@dataclass(frozen=True)
class Wrong:
    """One such object: its path (the folder is its format), how it is made, what the gate says of it."""

    path: str
    content: Callable[[], bytes]
    says: str

    @property
    def format(self) -> Any:
        """The name of its format."""
        return self.path.split("/", maxsplit=1)[0]


@cache
def table() -> pa.Table:
    """Return what is in those that are not small."""
    numbers = range(ROWS)
    return pa.table({"n": numbers, "t": [f"text {number % 1000}" for number in numbers]})


@cache
def parquet() -> bytes:
    """Return `table` as Parquet, in pages with checksums."""
    sink = io.BytesIO()
    pq.write_table(table(), sink, write_page_checksum=True, compression="snappy", use_dictionary=False)
    return sink.getvalue()


@cache
def orc() -> bytes:
    """Return `table` as compressed ORC."""
    sink = io.BytesIO()
    pyarrow.orc.write_table(table(), sink, compression="zlib")
    return sink.getvalue()


@cache
def arrow(of: Callable[..., Any], compression: str | None = "zstd") -> bytes:
    """Return `table` as an Arrow file (`pa.ipc.new_file`) or stream (`pa.ipc.new_stream`)."""
    sink = io.BytesIO()
    with of(sink, table().schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table())
    return sink.getvalue()


def half(content: bytes) -> bytes:
    """Cut in the middle."""
    return content[: len(content) // 2]


def spoilt(content: bytes, share: float = 0.3) -> bytes:
    """Overwrite some bytes, in a page, stripe or buffer."""
    place = int(len(content) * share)
    return content[:place] + b"\xa5" * 64 + content[place + 64 :]


def varint(number: int) -> bytes:
    """Return LEB128, as Thrift's and Google's protocols write numbers."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def lying_parquet() -> bytes:
    """Announce another number of rows in all places of the footer. (Thrift writes zigzag.)"""
    whole = parquet()
    start = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    return whole[:start] + _replaced(whole[start:], varint(2 * ROWS), varint(2 * (ROWS + 1)))


def lying_orc() -> bytes:
    """Announce another number of rows in footer and stripe."""
    sink = io.BytesIO()
    pyarrow.orc.write_table(table(), sink)
    whole = sink.getvalue()
    return whole[:-600] + _replaced(whole[-600:], varint(ROWS), varint(ROWS + 1))


def lying_arrow() -> bytes:
    """Announce more rows than the buffers hold."""
    number = ROWS.to_bytes(8, "little")
    return _replaced(arrow(pa.ipc.new_stream, None), number, (1000 * ROWS).to_bytes(8, "little"))


def _replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    if old not in content:
        raise ValueError("there is nothing to lie about")
    return content.replace(old, new)


def wide(columns: int) -> pa.Table:
    """Return a table of one row."""
    return pa.table({f"c{number}": [number] for number in range(columns)})


def written(write: Callable[[pa.Table, io.BytesIO], Any], what: pa.Table) -> bytes:
    """Return what a writer writes."""
    sink = io.BytesIO()
    write(what, sink)
    return sink.getvalue()


def stream(what: pa.Table) -> bytes:
    """Return a table as an Arrow stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, what.schema) as writer:
        writer.write_table(what)
    return sink.getvalue()


def nested(depth: int) -> pa.Table:
    """Return a list in a list in a list ..."""
    kind: pa.DataType = pa.int64()
    for _ in range(depth):
        kind = pa.list_(kind)
    return pa.table({"n": pa.nulls(1, kind)})


def long_line(before: bytes, piece: bytes, after: bytes = b"") -> bytes:
    """Return a line of 500 MB as gzip: members one after the other, as RFC 1952 allows."""
    return (
        gzip.compress(before)
        + gzip.compress(piece * (1_000_000 // len(piece)), 1) * (LONG_LINE_BYTES // 1_000_000)
        + gzip.compress(after)
    )


CSV = b"a,b\n" + b'1,"x ""y"""\n' * 1000
JSONL = b"".join(json.dumps({"a": number, "b": "x"}).encode() + b"\n" for number in range(1000))

WRONG = [
    Wrong("csv/cut in quotes.csv", lambda: CSV[:-4], "a quoted field in line 1001 does not end"),
    Wrong("csv/cut in a record.csv", lambda: CSV[:-11], "line 1001 has 1 field, 2 are expected"),
    Wrong("csv/cut in a character.csv", lambda: b"a\n" + "é".encode()[:1], "the bytes are not utf-8"),
    Wrong("csv/cut.csv.gz", lambda: half(gzip.compress(CSV)), "truncated gzip"),
    Wrong("csv/cut.csv.zst", lambda: half(zstd.compress(CSV)), "truncated zstd"),
    Wrong("csv/cut.csv.bz2", lambda: half(bz2.compress(CSV)), "truncated bzip2"),
    Wrong(
        "csv/more behind.csv.zst", lambda: zstd.compress(CSV) + b"a,b\n", "bytes after the end of the zstd"
    ),
    Wrong("csv/spoilt.csv.bz2", lambda: spoilt(bz2.compress(CSV)), "corrupt bzip2"),
    Wrong("csv/utf-16.csv", lambda: "a,b\n1,2\n".encode("utf-16"), "the bytes are UTF-16"),
    Wrong("csv/no text.csv", lambda: parquet()[:5000], "the bytes are not utf-8"),
    Wrong("csv/wide.csv", lambda: b",".join(b"%d" % n for n in range(10_001)) + b"\n", "limit columns"),
    Wrong(
        "csv/wide and ragged.csv",
        lambda: (b",".join(b"%d" % n for n in range(10_000)) + b"\n") * 3 + b"1" + b",1" * 9_998 + b"\n",
        "line 4 has 9999 fields, 10000 are expected",
    ),
    Wrong("csv/long line.csv.gz", lambda: long_line(b"a,b\n", b"x"), "a line of 67,108,864 characters"),
    Wrong("csv/long field.csv.gz", lambda: long_line(b'a\n"', b"x\n", b'"\n'), "limit field_bytes"),
    Wrong("tsv/ragged.tsv", lambda: b"a\tb\n1\t2\n3,4\n", "line 3 has 1 field, 2 are expected"),
    Wrong("jsonl/cut.jsonl", lambda: JSONL[:-4], "line 1000 is not JSON"),
    Wrong("jsonl/cut.jsonl.gz", lambda: half(gzip.compress(JSONL)), "truncated gzip"),
    Wrong("jsonl/two kinds.jsonl", lambda: JSONL + b'{"a": "1"}\n', "`a` in line 1001 is not an integer"),
    Wrong("jsonl/one array.json", lambda: b'[{"a": 1}]', "line 1 is not an object"),
    Wrong("jsonl/deep.jsonl", lambda: b'{"a":' + b"[" * 10**6, "line 1 is nested too deeply"),
    Wrong(
        "jsonl/wide.jsonl",
        lambda: json.dumps({str(number): 1 for number in range(10_001)}).encode(),
        "limit columns",
    ),
    Wrong("jsonl/long line.jsonl.gz", lambda: long_line(b'{"a": "', b"x"), "a line of 67,108,864 bytes"),
    Wrong("parquet/cut.parquet", lambda: half(parquet()), "truncated Parquet"),
    Wrong("parquet/cut in the footer.parquet", lambda: parquet()[:-100], "truncated Parquet"),
    Wrong("parquet/without an end.parquet", lambda: parquet()[:-1], "truncated Parquet"),
    Wrong("parquet/no middle.parquet", lambda: parquet()[:9000] + parquet()[-3000:], "corrupt Parquet"),
    Wrong("parquet/spoilt page.parquet", lambda: spoilt(parquet()), "corrupt Parquet"),
    Wrong(
        "parquet/spoilt footer.parquet",
        lambda: parquet()[:-200] + spoilt(parquet()[-200:]),
        "corrupt Parquet",
    ),
    Wrong("parquet/lying.parquet", lying_parquet, "corrupt Parquet"),
    Wrong("parquet/wide.parquet", lambda: written(pq.write_table, wide(10_001)), "limit columns"),
    Wrong("parquet/csv.parquet", lambda: CSV, "not Parquet"),
    Wrong("orc/cut.orc", lambda: half(orc()), "corrupt ORC"),
    Wrong("orc/without an end.orc", lambda: orc()[:-1], "corrupt ORC"),
    Wrong("orc/spoilt.orc", lambda: spoilt(orc()), "corrupt ORC"),
    Wrong("orc/lying.orc", lying_orc, "corrupt ORC"),
    Wrong("orc/csv.orc", lambda: CSV, "not ORC"),
    Wrong("arrow/cut file.arrow", lambda: half(arrow(pa.ipc.new_file)), "truncated Arrow"),
    Wrong("arrow/cut stream.arrows", lambda: half(arrow(pa.ipc.new_stream)), "truncated Arrow"),
    Wrong("arrow/without an end.arrows", lambda: arrow(pa.ipc.new_stream)[:-8], "truncated Arrow"),
    Wrong("arrow/spoilt.arrow", lambda: spoilt(arrow(pa.ipc.new_file)), "corrupt Arrow"),
    Wrong("arrow/lying.arrows", lying_arrow, "corrupt Arrow"),
    Wrong("arrow/wide.arrows", lambda: stream(wide(10_001)), "limit columns"),
    Wrong("arrow/csv.arrow", lambda: CSV, "not Arrow"),
]
