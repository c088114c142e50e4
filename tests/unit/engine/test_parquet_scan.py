"""What the one pass reads of Parquet is what the reader of today reads, or it reads nothing."""

from __future__ import annotations

import datetime as dt
import gc
import hashlib
import io
import os
import resource
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gate_server.engine.objects import DataObject
from gate_server.engine.readers import parquet_object
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.parquet_scan import open_parquet, scan_parquet
from gate_server.engine.readers.scan import NotPlain, Scan
from gate_server.engine.readers.table import read_table
from gate_server.errors import CouldNotTell
from gate_server.model import Format, Limits

ROWS = 500
MOMENT = dt.datetime(2024, 3, 31, 1, 30, 0, 123000)  # noqa: DTZ001 - of no zone


def values(make: Callable[[int], Any], kind: pa.DataType) -> pa.Array:
    """Return plain ones, runs, and nulls here and there."""
    return pa.array([None if i % 7 == 3 else make(i if i < 300 else i // 50) for i in range(ROWS)], kind)


TABLE = pa.table(
    {
        "int8": values(lambda i: i % 256 - 128, pa.int8()),
        "int16": values(lambda i: i * 131 % 65536 - 32768, pa.int16()),
        "int32": values(lambda i: (-1) ** i * i * 4_000_000, pa.int32()),
        "int64": values(lambda i: (-1) ** i * (2**63 - 1 - i), pa.int64()),
        "uint8": values(lambda i: i % 256, pa.uint8()),
        "uint32": values(lambda i: 2**32 - 1 - i, pa.uint32()),
        "uint64": values(lambda i: 2**64 - 1 - i, pa.uint64()),
        "float": values(lambda i: [i / 7, float("inf"), -0.0][i % 3], pa.float32()),
        "double": values(lambda i: [i / 7, float("nan"), float("-inf"), -0.0][i % 4], pa.float64()),
        "bool": values(lambda i: i % 3 == 0, pa.bool_()),
        "text": values(lambda i: ["", "é" * (i % 40), "a\x00b", "\U0001f600"][i % 4], pa.string()),
        "date": values(lambda i: dt.date(1, 1, 1) + dt.timedelta(days=i * 7000), pa.date32()),
        "ms": values(lambda i: MOMENT - dt.timedelta(days=i * 300), pa.timestamp("ms")),
        "us": values(lambda i: MOMENT + dt.timedelta(microseconds=i), pa.timestamp("us")),
        "utc": values(lambda i: MOMENT + dt.timedelta(hours=i), pa.timestamp("us", "UTC")),
        "decimal9": values(lambda i: Decimal(f"{i * 7919}E-3"), pa.decimal128(9, 3)),
        "decimal18": values(lambda i: Decimal(f"{-i * 10**12}E-4"), pa.decimal128(18, 4)),
        "decimal38": values(lambda i: Decimal(f"{(-1) ** i * (10**38 - 1 - i)}E-10"), pa.decimal128(38, 10)),
        "nothing": pa.nulls(ROWS, pa.int64()),
        "category": pa.array(["x", None, "y", "x", "z"] * (ROWS // 5)).dictionary_encode(),
        "needed": pa.array(range(ROWS), pa.int32()),
    },
    schema=None,
)
REQUIRED = pa.schema([field.with_nullable(field.name != "needed") for field in TABLE.schema])


@dataclass
class Store:
    """An object, and what was read of it by ranges."""

    content: bytes
    ranges: list[tuple[int, int]] = field(default_factory=list)
    whole: int = 0

    def open(self) -> Any:
        self.whole += 1
        return io.BytesIO(self.content)

    def read_range(self, first: int, count: int) -> bytes | None:
        self.ranges.append((first, count))
        return self.content[first : first + count]

    def object(self, path: str = "a.parquet") -> DataObject:
        checksum = hashlib.md5(self.content, usedforsecurity=False).hexdigest()
        return DataObject(path, len(self.content), checksum, self.open, self.read_range)


@pytest.fixture
def by_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small objects be read as large ones are."""
    monkeypatch.setattr(parquet_object, "WHOLE_BYTES", 0)
    monkeypatch.setattr(parquet_object, "WHOLE_SHARE", 2.0)
    monkeypatch.setattr(parquet_object, "TAIL_READ_BYTES", 100)


def written(table: pa.Table = TABLE, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def collected(scan: Scan) -> pa.Table:
    """Read a scan as the engine does: whatever fails is not plain."""
    try:
        frame = scan.frame.collect(engine="streaming")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise NotPlain(type(error).__name__) from error
    scan.verify()
    return frame.to_arrow()


def fast(
    content: bytes, needed: Sequence[str] = TABLE.column_names, limits: Limits | None = None
) -> pa.Table:
    scan = scan_parquet([Store(content).object()], needed, Allowance(limits or Limits()))
    return collected(scan)


def slow(content: bytes) -> pa.Table:
    table = read_table([Store(content).object()], Format("parquet"), Allowance(Limits()))
    assert table is not None
    return table.data


def same(mine: pa.Table, theirs: pa.Table) -> None:
    """Hold two tables equal to the bit: NaN as NaN, and -0.0 not 0.0."""
    theirs = theirs.select(mine.column_names)
    assert mine.column_names == theirs.column_names
    for name in mine.column_names:
        one, other = mine[name].cast(theirs[name].type).to_pylist(), theirs[name].to_pylist()
        assert [repr(value) for value in one] == [repr(value) for value in other], name


def told_today(content: bytes) -> bool:
    """Whether the reader of today reads it."""
    try:
        slow(content)
    except ReadFailure:
        return False
    return True


OPTIONS = [
    {"compression": compression, "version": version, "data_page_version": page, "use_dictionary": dictionary}
    for compression, version, page, dictionary in product(
        ["none", "snappy", "gzip", "brotli", "zstd", "lz4"], ["1.0", "2.6"], ["1.0", "2.0"], [True, False]
    )
    if version == "2.6" or compression == "snappy"
] + [
    {"row_group_size": 64, "data_page_size": 50, "write_page_checksum": True},
    {"row_group_size": 7, "write_statistics": False, "store_schema": False},
    {"data_page_size": 10, "write_page_index": True, "dictionary_pagesize_limit": 20},
    {"store_decimal_as_integer": True},
    {"write_batch_size": 3, "use_byte_stream_split": ["float", "double"], "use_dictionary": False},
    *(
        {"use_dictionary": False, "data_page_size": 200, "column_encoding": encodings}
        for encodings in (
            dict.fromkeys(["int32", "int64", "ms", "us", "date"], "DELTA_BINARY_PACKED"),
            {"bool": "RLE", "int32": "BYTE_STREAM_SPLIT"},
        )
    ),
]


@pytest.mark.usefixtures("by_ranges")
def test_every_way_of_writing_is_read_alike() -> None:
    tables = (TABLE.cast(REQUIRED), TABLE.slice(0, 0), TABLE.slice(3, 1))
    for options in OPTIONS:
        for table in tables:
            content = written(table, **options)
            same(fast(content), slow(content))


@pytest.mark.usefixtures("by_ranges")
@pytest.mark.parametrize("compression", ["uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4"])
def test_what_polars_writes_is_read_alike(compression: Any) -> None:
    for table, statistics, size in product((TABLE, TABLE.slice(0, 0)), (True, False, "full"), (None, 64)):
        sink = io.BytesIO()
        frame: Any = pl.from_arrow(table)
        frame.write_parquet(
            sink, compression=compression, statistics=statistics, row_group_size=size, data_page_size=300
        )
        same(fast(sink.getvalue()), slow(sink.getvalue()))


@pytest.mark.usefixtures("by_ranges")
@pytest.mark.parametrize(
    ("column", "options"),
    [
        (pa.array([1], pa.timestamp("ns")), {}),
        (pa.array([1], pa.timestamp("us")), {"use_deprecated_int96_timestamps": True}),
        (pa.array([1], pa.timestamp("us", "Europe/Berlin")), {}),
        (pa.array([1], pa.time64("us")), {}),
        (pa.array([1], pa.duration("us")), {}),
        (pa.array([[1]]), {}),
        (pa.array([{"x": 1}]), {}),
        (pa.array([b"x"]), {}),
        (pa.array([b"xy"], pa.binary(2)), {}),
        (pa.array([Decimal(1)], pa.decimal256(50, 1)), {}),
        (pa.array([1.0], pa.float16()), {}),
        (pa.nulls(1), {}),
        (pa.array(["x"]), {"column_encoding": {"x": "DELTA_BYTE_ARRAY"}}),
        (pa.array(["x"]), {"column_encoding": {"x": "DELTA_LENGTH_BYTE_ARRAY"}}),
    ],
)
def test_what_might_be_read_in_two_ways_is_not_plain(column: pa.Array, options: dict[str, Any]) -> None:
    content = written(pa.table({"x": column, "n": [7]}), use_dictionary=False, **options)
    with pytest.raises(NotPlain):
        fast(content, ["x"])
    assert fast(content, ["n"]).to_pydict() == {"n": [7]}


SMALL = pa.table({"n": pa.array([1, None, 77]), "t": ["x", "", None]})


@pytest.mark.usefixtures("by_ranges")
@pytest.mark.parametrize("checksums", [True, False])
def test_every_flipped_byte_is_read_as_today_or_not_at_all(checksums: bool) -> None:
    whole = written(SMALL, compression="none", store_schema=False, write_page_checksum=checksums)
    read = 0
    for place in range(len(whole)):
        changed = whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
        try:
            mine = fast(changed, ["n", "t"])
        except NotPlain:
            continue
        read += 1
        try:
            theirs = slow(changed)
        except ReadFailure as failure:
            pytest.fail(f"byte {place} was read, which today is: {failure}")
        same(mine, theirs)
    assert 0 < read < len(whole)


@pytest.mark.usefixtures("by_ranges")
def test_every_truncation_is_not_plain() -> None:
    whole = written(SMALL)
    for length in range(1, len(whole)):
        with pytest.raises(NotPlain):
            fast(whole[:length], ["n"])


@pytest.mark.usefixtures("by_ranges")
def test_a_footer_that_lies_about_rows_is_not_plain() -> None:
    whole = written(pa.table({"n": pa.array([1] * 77, pa.int64())}), compression="none", use_dictionary=False)
    length = int.from_bytes(whole[-8:-4], "little")
    body, footer = whole[: -8 - length], whole[-8 - length : -8]
    seventy_seven, seventy_eight = bytes([154, 1]), bytes([156, 1])  # as zigzag varints
    places = [place for place in range(len(footer)) if footer.startswith(seventy_seven, place)]
    assert len(places) >= 3
    for lies in [*([place] for place in places), places]:
        lie = bytearray(footer)
        for place in lies:
            lie[place : place + 2] = seventy_eight
        content = body + bytes(lie) + whole[-8:]
        if lies == places or not told_today(content):
            with pytest.raises(NotPlain):
                fast(content, ["n"])


@pytest.mark.parametrize(
    "limits",
    [
        Limits(size_bytes=100),
        Limits(decompressed_bytes=50_000),
        Limits(decompressed_bytes=900_000),
        Limits(rows=9_999),
        Limits(columns=1),
        Limits(field_bytes=99),
    ],
)
def test_limits_of_the_data_are_for_the_reader_of_today(limits: Limits) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 10_000, pa.int32()), ["x" * 100]).cast(pa.string())
    content = written(pa.table({"n": range(10_000), "t": texts}))
    assert fast(content, ["n", "t"]).num_rows == 10_000
    with pytest.raises(NotPlain):
        fast(content, ["n", "t"], limits)


def test_only_what_is_needed_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_object, "WHOLE_BYTES", 1000)
    columns = {f"c{number}": [f"{number}-{row}" for row in range(20_000)] for number in range(20)}
    content = written(pa.table(columns), compression="none", use_dictionary=False, row_group_size=5_000)
    store, allowance = Store(content), Allowance(Limits())
    scan = scan_parquet([store.object()], ["c3"], allowance)
    assert collected(scan)["c3"].to_pylist() == columns["c3"]
    assert scan.verify().place(19_999) == ("a.parquet", None)
    assert scan.schema == slow(content).schema
    assert not store.whole
    assert allowance.read_bytes == sum(count for _, count in store.ranges) < len(content) / 8
    assert allowance.objects_read == 1

    most, allowance = Store(content), Allowance(Limits())
    collected(scan_parquet([most.object()], list(columns)[:15], allowance))
    assert most.whole == 1
    assert allowance.read_bytes == len(content) + most.ranges[0][1]
    assert allowance.objects_read == 1


@pytest.fixture
def on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small objects be decoded while they are fetched, a row group at a time."""
    monkeypatch.setattr(parquet_object, "WHOLE_BYTES", 0)
    monkeypatch.setattr(parquet_object, "WHOLE_SHARE", 0.0)
    monkeypatch.setattr(parquet_object, "_RUN_BYTES", 1)


class Sent(io.RawIOBase):
    """Sends 100 bytes at a time, and breaks off where it is told to."""

    def __init__(self, content: bytes, breaks_at: int) -> None:
        self._content, self._breaks_at, self._at = content, breaks_at, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._breaks_at:
            raise ConnectionResetError
        chunk = self._content[self._at : self._at + 100]
        buffer[: len(chunk)] = chunk
        self._at += len(chunk)
        return len(chunk)


@pytest.mark.usefixtures("on_its_way")
def test_what_is_decoded_on_its_way_counts_once_all_of_it_is_verified() -> None:
    for options in ({"row_group_size": 50}, {"row_group_size": 500}, {"row_group_size": 7}):
        content = written(**options)
        store, allowance = Store(content), Allowance(Limits())
        sent = replace(store.object(), open=lambda content=content: Sent(content, len(content) + 1))
        scan = scan_parquet([sent], TABLE.column_names, allowance)
        same(collected(scan), slow(content))
        same(collected(scan), slow(content))
        read = sum(count for _, count in store.ranges)
        assert (allowance.read_bytes, allowance.objects_read) == (read + len(content), 1)


@pytest.mark.usefixtures("on_its_way")
@pytest.mark.parametrize("place", [0, 4, 300, -1])
def test_what_is_changed_on_its_way_is_told_by_its_checksum(place: int) -> None:
    content = written(row_group_size=50)
    changed = bytearray(content)
    changed[place] ^= 1
    one = replace(Store(content).object(), open=lambda: io.BytesIO(changed))
    with pytest.raises(ReadFailure) as caught:
        collected_or_verified(scan_parquet([one], ["text", "double"], Allowance(Limits())))
    assert (caught.value.status, caught.value.path) == ("unreadable", "a.parquet")


@pytest.mark.usefixtures("on_its_way")
@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 0.99])
def test_what_breaks_off_on_its_way_is_no_judgement(share: float) -> None:
    content = written(row_group_size=50)
    one = replace(Store(content).object(), open=lambda: Sent(content, int(len(content) * share)))
    with pytest.raises(ReadFailure) as caught:
        collected_or_verified(scan_parquet([one], ["text", "double"], Allowance(Limits())))
    assert (caught.value.status, caught.value.code) == ("error", "read_failed")


def collected_or_verified(scan: Scan) -> pa.Table:
    """Read a scan as the pass does: what its `verify` says goes before what Polars says."""
    try:
        return collected(scan)
    finally:
        scan.verify()


@pytest.mark.usefixtures("on_its_way")
def test_what_claims_a_checksum_is_looked_at_as_a_whole_before_it_is_decoded() -> None:
    one = replace(Store(written()).object(), read_range=None, checksum="0" * 32)
    with pytest.raises(ReadFailure):
        scan_parquet([one], ["text"], Allowance(Limits()))


@pytest.mark.usefixtures("on_its_way")
def test_what_comes_with_another_footer_is_not_plain() -> None:
    """Its checksum is none that is compared."""
    content, other = written(SMALL), written(SMALL.slice(1))
    other += bytes(len(content) - len(other))
    one = replace(Store(content).object(), checksum="another kind", open=lambda: io.BytesIO(other))
    with pytest.raises(NotPlain):
        collected_or_verified(scan_parquet([one], ["n"], Allowance(Limits())))


def test_small_objects_and_those_without_ranges_are_read_whole_and_verified() -> None:
    content = written()
    store = Store(content)
    collected(scan_parquet([store.object()], ["text"], Allowance(Limits())))
    assert (store.whole, store.ranges) == (1, [])
    changed = replace(store.object(), checksum="0" * 32)
    with pytest.raises(ReadFailure) as caught:
        scan_parquet([changed], ["text"], Allowance(Limits()))
    assert (caught.value.code, caught.value.path) == ("checksum", "a.parquet")


@pytest.mark.usefixtures("by_ranges")
def test_a_store_that_serves_no_ranges_or_wrong_ones() -> None:
    content = written()

    def breaks(first: int, count: int) -> bytes:
        raise CouldNotTell("lakeFS is away")

    for read_range in (
        None,
        breaks,
        lambda first, count: None,
        lambda first, count: content[first:][: count - 1],
    ):
        one = replace(Store(content).object(), read_range=read_range)
        if read_range is None:
            same(collected(scan_parquet([one], ["text"], Allowance(Limits()))), slow(content))
        else:
            with pytest.raises(NotPlain):
                scan_parquet([one], ["text"], Allowance(Limits()))


@pytest.mark.usefixtures("by_ranges")
def test_a_dataset_is_one_table_in_its_order() -> None:
    contents = [written(SMALL), written(SMALL.slice(0, 0)), b"", written(SMALL.slice(1), version="1.0")]
    objects = [Store(content).object(f"part-{number}") for number, content in enumerate(contents)]
    allowance = Allowance(Limits())
    scan = scan_parquet(objects, ["n"], allowance)
    assert collected(scan)["n"].to_pylist() == [1, None, 77, None, 77]
    located = scan.verify()
    assert located.rows == 5
    assert [located.place(row)[0] for row in (0, 2, 3, 4)] == ["part-0", "part-0", "part-3", "part-3"]
    assert allowance.objects_read == 3
    others = [
        SMALL.select(["n"]),
        SMALL.select(["t", "n"]),
        SMALL.set_column(0, "n", pa.array([1.0, 2.0, 3.0])),
    ]
    for other in others:
        with pytest.raises(ReadFailure, match="1 of 2 objects has other columns than the rest"):
            scan_parquet([objects[0], Store(written(other)).object()], ["n"], Allowance(Limits()))
    for limits in (Limits(rows=4), Limits(size_bytes=len(contents[0]) + 1)):
        with pytest.raises(NotPlain):
            scan_parquet(objects, ["n"], Allowance(limits))


def test_a_dataset_of_more_parts_than_files_may_be_open() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    content = written(SMALL)
    objects = [Store(content).object(f"part-{number}") for number in range(300)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 60, hard))
    try:
        scan = scan_parquet(objects, ["n"], Allowance(Limits()))
        assert collected(scan).num_rows == 900
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_nothing_is_left_in_the_temporary_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    by_ranges: None,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scan = scan_parquet([Store(written()).object()], ["text"], Allowance(Limits()))
    assert list(tmp_path.iterdir())
    same(collected(scan), slow(written()))
    del scan
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_what_nobody_needs_of_a_small_object_is_looked_through() -> None:
    whole = written(SMALL, compression="none", store_schema=False, write_page_checksum=True)
    place = whole.index(b"x")  # in the pages of `t`
    spoilt = whole[:place] + b"y" + whole[place + 1 :]
    assert fast(whole, ["n"]).num_rows == 3
    with pytest.raises(NotPlain):
        fast(spoilt, ["n"])
    footers = open_parquet([Store(spoilt).object()], Allowance(Limits()))
    with pytest.raises(NotPlain):
        footers.look_through()
