"""ORC and Arrow: what was written is read; what is cut, spoilt or too much is refused, with a reason."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.orc
import pytest

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.table import Table, read_table
from gate_server.model import Format, Limits

Write = Callable[[pa.Table], bytes]

TABLE = pa.table(
    {
        "whole": pa.array([1, None, 2**60 + 1], pa.int64()),
        "text": ["x", "", "é\n"],
        "day": pa.array([date(2024, 2, 29), None, date(1, 1, 1)]),
        "at": pa.array([datetime(2024, 1, 1, tzinfo=UTC)] * 3, pa.timestamp("us", "UTC")),
        "money": pa.array([Decimal("1.50"), None, Decimal("-3.00")]),
        "list": pa.array([[1], None, [2, 3]]),
        "flag": [True, None, False],
    }
)


def orc(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pyarrow.orc.write_table(table, sink)
    return sink.getvalue()


def arrow_file(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue()


def arrow_stream(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue()


each_format = pytest.mark.parametrize(
    ("kind", "write"),
    [("orc", orc), ("arrow", arrow_file), ("arrow", arrow_stream)],
    ids=["orc", "arrow file", "arrow stream"],
)


def read(content: bytes, kind: Any, limits: Limits | None = None) -> Table | None:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    data = DataObject("t", len(content), md5, lambda: io.BytesIO(content))
    return read_table([data], Format(kind), Allowance(limits or Limits()))


def refused(content: bytes, kind: str, limits: Limits | None = None) -> ReadFailure:
    with pytest.raises(ReadFailure) as caught:
        read(content, kind, limits)
    return caught.value


@each_format
def test_what_was_written_is_read(kind: str, write: Write) -> None:
    table = read(write(TABLE), kind)
    assert table is not None
    assert table.data.to_pylist() == TABLE.to_pylist()
    assert table.frame()["whole"].tolist()[2] == 2**60 + 1
    assert table.located.place(2) == ("t", None)
    nothing = read(write(TABLE.slice(0, 0)), kind)
    assert nothing is not None
    assert (nothing.data.num_rows, nothing.data.column_names) == (0, TABLE.column_names)


@pytest.mark.parametrize("write", [arrow_file, arrow_stream])
def test_dictionaries_and_views_are_spelled_out_and_compressed_buffers_unpacked(write: Any) -> None:
    table = pa.table(
        {"d": pa.array(["p", "q", "p"]).dictionary_encode(), "v": pa.array(["x"] * 3, pa.string_view())}
    )
    for compression in (None, "zstd", "lz4"):
        found = read(write(table, compression=compression), "arrow")
        assert found is not None
        assert found.data.schema.types == [pa.string(), pa.string()]
        assert found.data.to_pylist() == table.to_pylist()


@each_format
def test_every_truncation_is_unreadable(kind: str, write: Write) -> None:
    content = write(TABLE)
    for length in range(1, len(content)):
        failure = refused(content[:length], kind)
        assert (failure.status, failure.code) == ("unreadable", kind)


@each_format
def test_bytes_after_the_end_are_unreadable(kind: str, write: Write) -> None:
    content = write(TABLE)
    for tail in (b"x", bytes(100), content[-8:]):
        assert refused(content + tail, kind).status == "unreadable"


@each_format
def test_what_is_of_another_format_is_unreadable(kind: str, write: Write) -> None:
    assert refused(b"a,b\n1,2\n", kind).message.startswith("not ")
    assert refused(write(TABLE), "parquet").message.startswith("not Parquet")


@each_format
def test_spoilt_bytes_are_refused_or_other_values_and_never_a_crash(kind: str, write: Write) -> None:
    content = write(TABLE)
    refusals = 0
    for place in range(8, len(content), 3):
        spoilt = bytearray(content)
        spoilt[place] ^= 0x55
        try:
            table = read(bytes(spoilt), kind, Limits(decompressed_bytes=10_000_000))
        except ReadFailure:
            refusals += 1
        else:
            assert table is not None
    assert refusals


@each_format
@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(rows=2), "rows"),
        (Limits(columns=6), "columns"),
        (Limits(field_bytes=2), "field_bytes"),
        (Limits(decompressed_bytes=40), "decompressed_bytes"),
        (Limits(size_bytes=40), "size_bytes"),
    ],
)
def test_limits_of_the_data(kind: str, write: Write, limits: Limits, code: str) -> None:
    failure = refused(write(TABLE), kind, limits)
    assert (failure.status, failure.code) == ("limit_of_data", code)


@each_format
def test_two_columns_of_one_name_are_unreadable(kind: str, write: Write) -> None:
    table = pa.table([[1], [2]], names=["a", "a"])
    assert refused(write(table), kind).message == "two columns are named `a`"


def test_a_stream_that_stops_between_two_batches_is_truncated() -> None:
    """Arrow itself takes it for one that ended."""
    content = arrow_stream(TABLE)
    for length in range(len(content)):
        try:
            pa.ipc.open_stream(content[:length]).read_all()
        except (pa.ArrowInvalid, OSError):
            continue
        failure = refused(content[:length], "arrow")
        assert failure.message == "truncated Arrow: its end is missing"
        return
    pytest.fail("no such place")
