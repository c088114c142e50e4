"""Parquet: exact values, or a reason why the file is no table."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.table import Table, read_table
from gate_server.model import Format, Limits

PARQUET = Format("parquet")


def written(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def read(*contents: bytes, limits: Limits | None = None) -> Table | None:
    objects = [
        DataObject(
            f"part-{number}.parquet",
            len(content),
            hashlib.md5(content, usedforsecurity=False).hexdigest(),
            lambda content=content: io.BytesIO(content),
        )
        for number, content in enumerate(contents)
    ]
    return read_table(objects, PARQUET, Allowance(limits or Limits()))


def refused(*contents: bytes, limits: Limits | None = None) -> ReadFailure:
    with pytest.raises(ReadFailure) as caught:
        read(*contents, limits=limits)
    return caught.value


def attempt(content: bytes) -> ReadFailure | None:
    try:
        read(content)
    except ReadFailure as failure:
        return failure
    return None


TABLE = pa.table({"n": pa.array([1, None, 9007199254740993]), "t": ["x", "", None]})


def test_big_integers_beside_nulls_stay_exact() -> None:
    table = read(written(TABLE))
    assert table is not None
    frame = table.frame()
    assert frame["n"].tolist() == [1, pd.NA, 9007199254740993]
    assert str(frame["n"].dtype) == "Int64"
    assert frame["t"].isna().tolist() == [False, False, True]


def test_nan_is_null_and_infinity_is_not() -> None:
    table = read(written(pa.table({"f": [1.0, float("nan"), float("inf"), None]})))
    assert table is not None
    assert table.frame()["f"].isna().tolist() == [False, True, False, True]


def test_decimals_dates_and_zones_are_kept() -> None:
    moment = dt.datetime(2024, 3, 31, 1, 30, tzinfo=dt.UTC)
    columns = {
        "d": [Decimal("1.10")],
        "day": [dt.date(9999, 12, 31)],
        "at": pa.array([moment], pa.timestamp("us", "Europe/Berlin")),
        "l": [[1, 2]],
        "c": pa.array(["x"]).dictionary_encode(),
    }
    table = read(written(pa.table(columns)))
    assert table is not None
    row = table.frame().iloc[0]
    assert row["d"] == Decimal("1.10")
    assert row["day"] == dt.date(9999, 12, 31)
    assert row["at"] == pd.Timestamp(moment)
    assert list(row["l"]) == [1, 2]
    assert row["c"] == "x"


def test_no_rows_is_a_table() -> None:
    table = read(written(TABLE.slice(0, 0)))
    assert table is not None
    assert table.data.num_rows == 0
    assert table.data.column_names == ["n", "t"]


@pytest.mark.parametrize("content", [b"P", b"PAR1", b"PAR1PAR1", b"a,b\n1,2\n", bytes(100)])
def test_what_is_no_parquet(content: bytes) -> None:
    failure = refused(content)
    assert (failure.status, failure.code, failure.path) == ("unreadable", "parquet", "part-0.parquet")


def test_every_truncation_is_unreadable() -> None:
    whole = written(TABLE)
    for length in range(1, len(whole)):
        assert refused(whole[:length]).status == "unreadable", length


def test_every_flipped_byte_is_unreadable_or_read_without_a_trace() -> None:
    """With page checksums a changed page is noticed; a changed footer must never end in a stack trace."""
    whole = written(TABLE, write_page_checksum=True, compression="none")
    noticed = 0
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 0x55
        failure = attempt(bytes(changed))
        if failure is not None:
            noticed += 1
            assert failure.status in {"unreadable", "limit_of_data"}, (place, failure.message)
    assert noticed > len(whole) // 2


@pytest.mark.parametrize(
    "column",
    [
        pa.array([5_000_000], pa.date32()),  # the year 15659
        pa.array([1], pa.timestamp("us", "Europe/Atlantis")),
    ],
)
def test_what_pandas_has_no_value_for_is_unreadable(column: pa.Array, judge: Any) -> None:
    asked = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}}
    evaluation = judge(written(pa.table({"x": column})), asked, fmt=PARQUET, path="x.parquet")
    assert (evaluation.status, evaluation.problem.code) == ("unreadable", "values"), evaluation
    assert evaluation.problem.path == "x.parquet"


def test_a_footer_that_lies_about_rows() -> None:
    whole = written(pa.table({"n": pa.array([1] * 77, pa.int64())}), compression="none", use_dictionary=False)
    footer_length = int.from_bytes(whole[-8:-4], "little")
    body, footer = whole[: -8 - footer_length], whole[-8 - footer_length : -8]
    assert footer.count(bytes([154, 1])) >= 1  # 77 as a zigzag varint
    for more in (78, 200):
        lie = footer.replace(bytes([154, 1]), bytes([(more * 2) & 0x7F | 0x80, (more * 2) >> 7]))
        failure = refused(body + lie + whole[-8:])
        assert (failure.status, failure.code) == ("unreadable", "parquet")


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(size_bytes=100), "size_bytes"),
        (Limits(decompressed_bytes=50_000), "decompressed_bytes"),
        (Limits(rows=9_999), "rows"),
        (Limits(columns=1), "columns"),
        (Limits(field_bytes=99), "field_bytes"),
    ],
)
def test_limits_of_the_data(limits: Limits, code: str) -> None:
    content = written(pa.table({"n": range(10_000), "t": ["x" * 100] * 10_000}), use_dictionary=False)
    failure = refused(content, limits=limits)
    assert (failure.status, failure.code) == ("limit_of_data", code)


def test_a_dictionary_bomb_stops_at_the_limit() -> None:
    """Small on disk and small by its footer: one long text, repeated."""
    indices = pa.array([0] * 20_000, pa.int32())
    content = written(pa.table({"t": pa.DictionaryArray.from_arrays(indices, ["x" * 100_000])}))
    assert len(content) < 1_000_000
    before = pa.total_allocated_bytes()
    failure = refused(content, limits=Limits(decompressed_bytes=100_000_000))
    assert pa.default_memory_pool().max_memory() < before + 500_000_000
    assert (failure.status, failure.code) == ("limit_of_data", "decompressed_bytes")


@pytest.mark.parametrize("encoding", ["DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"])
def test_text_in_delta_encodings_is_read_and_limited(encoding: str) -> None:
    """As parquet-mr's second writer has it; PyArrow makes no dictionaries of it."""
    texts = pa.table({"t": ["x" * 90, None, "é"] * 3000})
    content = written(texts, use_dictionary=False, column_encoding={"t": encoding}, data_page_size=1000)
    table = read(content)
    assert table is not None
    assert table.data["t"].to_pylist() == texts["t"].to_pylist()
    assert refused(content, limits=Limits(field_bytes=89)).code == "field_bytes"
    assert refused(content, limits=Limits(decompressed_bytes=200_000)).code == "decompressed_bytes"
    assert refused(content, limits=Limits(rows=8_999)).code == "rows"


def test_duplicate_names() -> None:
    failure = refused(written(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])))
    assert failure.message == "two columns are named `a`"


def test_a_dataset_is_one_table_in_its_order() -> None:
    table = read(written(TABLE), written(TABLE.slice(0, 0)), b"", written(TABLE.slice(1)))
    assert table is not None
    assert table.data["n"].to_pylist() == [1, None, 9007199254740993, None, 9007199254740993]
    assert [table.located.place(row)[0] for row in (0, 2, 3, 4)] == [
        "part-0.parquet",
        "part-0.parquet",
        "part-3.parquet",
        "part-3.parquet",
    ]


def test_parts_of_a_dataset_need_one_schema() -> None:
    other_type = TABLE.set_column(0, "n", pa.array([1.0, 2.0, 3.0]))
    failure = refused(written(TABLE), written(other_type))
    assert failure.status == "unreadable"
    assert failure.path == "part-1.parquet"
    assert failure.message == "`n` is double here and int64 in part-0.parquet"
    fewer = refused(written(TABLE), written(TABLE.select(["n"])))
    assert fewer.message == "its columns are not those of part-0.parquet"


def test_limits_count_over_all_parts() -> None:
    failure = refused(written(TABLE), written(TABLE), limits=Limits(rows=5))
    assert (failure.code, failure.path) == ("rows", "part-1.parquet")
