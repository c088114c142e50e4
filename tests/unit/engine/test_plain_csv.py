"""The fast way through CSV: it answers as the slow one does, or not at all."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gate_server.engine.objects import DataObject
from gate_server.engine.readers import plain_records, source
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.plain_csv import scan_csv
from gate_server.engine.readers.scan import NotPlain
from gate_server.engine.readers.table import Table, read_table
from gate_server.model import WRONG_CHECKSUM, ColumnType, Format, Limits

HEADER = Format("csv")
KINDS: tuple[ColumnType, ...] = ("string", "integer", "number", "boolean", "date", "timestamp")


def objects(*contents: bytes) -> list[DataObject]:
    return [
        DataObject(
            f"{place}.csv",
            len(content),
            hashlib.md5(content, usedforsecurity=False).hexdigest(),
            lambda content=content: io.BytesIO(content),  # type: ignore[misc]
        )
        for place, content in enumerate(contents)
    ]


def slowly(contents: Sequence[bytes], fmt: Format, limits: Limits) -> Table | ReadFailure | None:
    try:
        return read_table(objects(*contents), fmt, Allowance(limits))
    except ReadFailure as failure:
        return failure


def quickly(
    contents: Sequence[bytes], fmt: Format = HEADER, limits: Limits | None = None, block_bytes: int = 1 << 18
) -> Table | NotPlain | None:
    """What the plain way reads, as a table."""
    try:
        scan = scan_csv(objects(*contents), fmt, Allowance(limits or Limits()), block_bytes=block_bytes)
        if scan is None:
            return None
        try:
            frame = scan.frame.collect(engine="streaming")
        finally:
            located = scan.verify()
    except NotPlain as reason:
        return reason
    made = frame.to_arrow()
    for mine, promised in zip(made.schema, scan.schema, strict=True):
        wide = pa.types.is_large_string(mine.type) or pa.types.is_string_view(mine.type)
        assert mine.name == promised.name
        assert mine.type == promised.type or (wide and promised.type == pa.string())
    assert located.rows == frame.height
    return Table(made.cast(scan.schema), located.parts)


def plain(content: bytes, fmt: Format = HEADER, **more: int) -> Table:
    table = quickly([content], fmt, **more)  # type: ignore[arg-type]
    assert isinstance(table, Table), table
    return table


def same(quick: Table | NotPlain | None, slow: Table | ReadFailure | None) -> None:
    """Not plain, or the same table with the same lines."""
    if isinstance(quick, NotPlain):
        return
    if quick is None or slow is None:
        assert quick is slow
        return
    assert isinstance(slow, Table), slow.message
    assert quick.data.schema == slow.data.schema
    # NaN is not equal to itself; its text is.
    assert [list(map(repr, column.to_pylist())) for column in quick.data.columns] == [
        list(map(repr, column.to_pylist())) for column in slow.data.columns
    ]
    rows = range(slow.data.num_rows)
    assert [quick.located.place(row) for row in rows] == [slow.located.place(row) for row in rows]


# -- what is plain ---------------------------------------------------------------------------------------

PLAIN = [
    b"a,b\n1,2\n3,4\n",
    b"a,b\n1,2\n3,4",
    b"a,b\n",
    b"a,b",
    b"\xef\xbb\xbfa,b\n1,2\n",
    b"a,b\r\n1,2\r\n,\r\n",
    b"a,b\n1,2\r\n3,\n",
    b"a,b\n1,2\n\n\n",
    b'a,b\n"1",""\n,"x,y"\n',
    b'"a","b"\r\n"1\r\n2","x"\r\n"","y"\r\n',
    b'a,b\n"say ""x""",""""\n"""",""""""\n',
    b'a,b\n"1\n\n2",3\n4,5\n',
    "a,ü\né,\u2028\n".encode(),
    b"a\n1\n2\n",
    b"a\n1\n\n2\n",
    b" a ,\tb\n  ,\t\n",
    b"a,b\n#1,'2\n",
]


@pytest.mark.parametrize("content", PLAIN)
@pytest.mark.parametrize("header", [True, False])
def test_plain_files_are_read_the_fast_way(content: bytes, header: bool) -> None:
    fmt = Format("csv", header=header)
    same(plain(content, fmt), slowly([content], fmt, Limits()))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a,b\n1\n", "ragged"),
        (b"a,b\n1,2,3\n", "ragged"),
        (b"a,b,c\n1,2\n3,4,5,6\n", "ragged"),
        (b"a,b\n1,2\n\n3,4\n", "ragged"),
        (b'a,b\n"1",2\n"3"\n', "ragged"),
        (b'a,b\n1,"2\n3,4\n', "a quoted field does not end"),
        (b'a,b\n1,2"\n3,"4\n', "a quote within a field"),
        (b'a,b\n"1"x,2\n3,"4"\n', "text after a closing quote"),
        (b'a,b\n"1" ,2\n', "text after a closing quote"),
        (b"a,b\n1,2\r3,4\n", "a carriage return alone"),
        (b"a,b\n1,2\0\n", "NUL"),
        (b"a,b\n1,\xff\n", "not UTF-8"),
        (b"\xff\xfea\0", "NUL"),
        (b"a,,c\n1,2,3\n", "the first record"),
        (b"a,a\n1,2\n", "the first record"),
        (b'"a\nb",c\n1,2\n', "the first record"),
        (b"\na\n", "the first record"),
        (b"a,b\n1,12345678901\n", "a long field"),
        (b'a,b\n1,"1234567890"\n', "a long field"),
    ],
)
def test_what_is_not_plain_is_left_to_the_slow_way(content: bytes, why: str) -> None:
    reason = quickly([content], limits=Limits(field_bytes=10))
    assert isinstance(reason, NotPlain)
    assert str(reason) == why


def test_a_second_header_a_limit_of_rows_and_another_encoding_are_not_plain() -> None:
    content = b"a,b\n1,2\n3,4\n"
    assert str(quickly([content, b"a,c\n1,2\n"])) == "other columns"
    assert str(quickly([content], limits=Limits(rows=1))) == "too many rows"
    assert str(quickly([content], Format("csv", encoding="utf-16"))) == "another encoding"
    assert str(quickly(["a\né\n".encode("latin-1")], Format("csv", encoding="latin-1"))) == "not ASCII"
    same(plain(content, Format("csv", encoding="latin-1")), slowly([content], HEADER, Limits()))


def test_tsv_and_what_is_compressed_are_plain() -> None:
    content = b'a\tb\n"1\t"\t2\n'
    for packed in (content, gzip.compress(content), bz2.compress(content)):
        assert plain(packed, Format("tsv")).data.to_pylist() == [{"a": "1\t", "b": "2"}]


def test_objects_of_a_dataset_follow_each_other() -> None:
    contents = [b"", b"a,b\n1,2\n", b"a,b\n", b"\xef\xbb\xbf", b'a,b\n"3\n4",5\n6,7\n']
    quick = quickly(contents)
    assert isinstance(quick, Table)
    same(quick, slowly(contents, HEADER, Limits()))
    assert quick.located.place(2) == ("4.csv", 4)
    assert quickly([b"", gzip.compress(b"", mtime=0)]) is None


def test_what_the_store_did_not_deliver_is_told_after_the_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "CHUNK_BYTES", 4)
    monkeypatch.setattr(plain_records, "GROUP_BYTES", 4)
    [data] = objects(b"a,b\n" + b"1,2\n" * 9)
    scan = scan_csv([replace(data, checksum="0" * 32)], HEADER, Allowance(Limits()), block_bytes=4)
    assert scan is not None
    with pytest.raises(ReadFailure):
        scan.frame.collect(engine="streaming")
    with pytest.raises(ReadFailure) as caught:
        scan.verify()
    assert (caught.value.code, caught.value.path) == (WRONG_CHECKSUM, "0.csv")


def test_a_scan_that_was_not_read_to_its_end_is_no_ground() -> None:
    scan = scan_csv(objects(b"a,b\n1,2\n"), HEADER, Allowance(Limits()))
    assert scan is not None
    with pytest.raises(NotPlain, match="not read to the end"):
        scan.verify()


def test_columns_that_nobody_asks_for_are_converted_all_the_same() -> None:
    fmt = Format("csv", types={"a": "integer"})
    scan = scan_csv(objects(b"a,b\n1,2\nx,4\n"), fmt, Allowance(Limits()))
    assert scan is not None
    with pytest.raises(NotPlain):
        scan.frame.select(pl.col("b").max()).collect(engine="streaming")
    with pytest.raises(NotPlain, match="reads it otherwise"):
        scan.verify()


def test_a_count_of_rows_needs_no_column() -> None:
    scan = scan_csv(objects(b"a,b\n1,2\n3,4\n"), HEADER, Allowance(Limits()))
    assert scan is not None
    assert scan.frame.select(pl.len()).collect(engine="streaming").item() == 2
    assert scan.verify().rows == 2


def test_newlines_within_quotes_are_never_ends_of_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polars cuts what it is given into parts for its threads: such a file would mislead who guesses."""
    monkeypatch.setattr(plain_records, "GROUP_BYTES", 64 << 20)
    record = b'1,"' + b'""2"",""3""\n4,5\n' * 200 + b'",x\n'
    content = b"a,b,c\n" + record * 4000
    table = plain(content)
    assert table.data.num_rows == 4000
    assert set(table.data["a"].to_pylist()) == {"1"}
    assert set(table.data["b"].to_pylist()) == {'"2","3"\n4,5\n' * 200}
    assert table.located.place(3999)[1] == 2 + 3999 * 401


# -- whatever it is, it is read as the slow way reads it, or not -------------------------------------------

NASTY = st.lists(
    st.sampled_from(
        [*'aé1 ,;\t"', "\n", "\n", ",", '""', '","', '"\n"', "\r\n", "\r", "\0", "\ufeff", "\u2028", "\x0b"]
    ),
    max_size=14,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(
    text=NASTY,
    start=st.sampled_from(["", "h1,h2\n", "h\n", '"h1","h2"\r\n', "\ufeffx,y\n"]),
    header=st.booleans(),
    delimiter=st.sampled_from(",;\t"),
    block_bytes=st.integers(1, 40),
    field_bytes=st.sampled_from([3, 1000]),
)
@example('"1",', "h1,h2\n", True, ",", 1, 1000)
@example("1,2\r", "h1,h2\n", True, ",", 1, 1000)
def test_any_text_is_read_as_the_slow_way_reads_it(
    text: str, start: str, header: bool, delimiter: str, block_bytes: int, field_bytes: int
) -> None:
    contents = [(start + text).encode()]
    fmt = Format("csv", header=header, delimiter=delimiter)
    limits = Limits(field_bytes=field_bytes)
    same(quickly(contents, fmt, limits, block_bytes), slowly(contents, fmt, limits))


VALUES = st.one_of(
    st.sampled_from(
        [
            *("", '""', "0", "-0", "+5", " 5", "5 ", "007", "1_000", "0x1", "５", "1" * 40, '"5"'),
            *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"),
            *(
                "1e5",
                "1e999",
                "1e-999",
                "1.",
                ".5",
                "-.5e-3",
                ".",
                "1e",
                "0.1",
                "4.35",
                "123456789.123456789",
            ),
            *("nan", "-NaN", "Inf", "Infinity", "+infinity", "infinit", "1797693134862315800" + "0" * 300),
            *("true", "True", "TRUE", "tRuE", "fal\u017fe", "1", "no"),
            *("2024-02-29", "2023-02-29", "0000-01-01", "0001-01-01", "9999-12-31", "2024-1-5", "24-01-05"),
            *("12024-1-01", "+024-01-01", " 024-01-01", "2024-01-01 ", '"2024-01-01"'),
            *("2024-01-01T00:00", "2024-01-01 24:00:00", "2024-01-01 12:30:00.123456"),
            *("2024-01-01T00:00:00Z", "2024-01-01T00:00+01:00", "0000-01-01T00:00"),
        ]
    ),
    st.text(st.sampled_from("0123456789+-.eE "), max_size=8),
)


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from([*KINDS, "infer"]),
    values=st.lists(VALUES, min_size=1, max_size=4),
    block_bytes=st.sampled_from([4, 1 << 18]),
)
def test_any_value_becomes_what_the_slow_way_makes_of_it(
    kind: ColumnType, values: list[str], block_bytes: int
) -> None:
    contents = ["".join(["a,b\n", *(f"{value},\n" for value in values)]).encode()]
    fmt = Format("csv", infer=True) if kind == "infer" else Format("csv", types={"a": kind})  # type: ignore[comparison-overlap]
    same(quickly(contents, fmt, block_bytes=block_bytes), slowly(contents, fmt, Limits()))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("integer", ["1", "", "+5", "-007", "9223372036854775807"]),
        ("number", ["1", "", "+5.", ".5e-3", "nan", "-Infinity", "123456789.123456789"]),
        ("boolean", ["1", "", "TRUE", "false", "0"]),
        ("date", ["2024-02-29", "", "0001-01-01", "9999-12-31"]),
        ("timestamp", ["2024-02-29", "", "2024-01-01T12:30:00.123456"]),
        ("timestamp", ["2024-01-01 12:30Z", "", "2024-01-01T12:30:00.5+01:00"]),
    ],
)
def test_typed_columns_are_plain(kind: ColumnType, values: list[str]) -> None:
    content = "".join(["a,b\n", *(f"{value},x\n" for value in values)]).encode()
    fmt = Format("csv", types={"a": kind})
    same(plain(content, fmt), slowly([content], fmt, Limits()))


def test_inferred_columns_are_plain() -> None:
    content = b"i,f,b,t,n,z\n1,1,true,x,,007\n-2,.5e3,False,1,,8\n".replace(b".5e3", b"0.5e3")
    fmt = Format("csv", infer=True)
    table = plain(content, fmt)
    assert [str(kind) for kind in table.data.schema.types] == [
        *("int64", "double", "bool", "string", "string", "string")
    ]
    same(table, slowly([content], fmt, Limits()))


@pytest.mark.parametrize("late", [b"x\n", b"1.5\n", b"99999999999999999999\n"])
def test_what_was_inferred_too_soon_is_not_plain(late: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"a\n" + b"1\n" * 40 + late
    monkeypatch.setattr(plain_records, "GROUP_BYTES", 8)
    assert isinstance(quickly([content], Format("csv", infer=True), block_bytes=8), NotPlain)


def test_decimals_are_left_to_the_slow_way() -> None:
    assert str(quickly([b"a\n1.5\n"], Format("csv", types={"a": "decimal"}))) == "decimals"
