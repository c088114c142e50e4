"""CSV: what is read, and what is refused, where."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.csv import BLOCK_BYTES
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.table import Table, read_table
from gate_server.model import Format, Limits

HEADERLESS = Format("csv", header=False)
HEADER = Format("csv")


def read(
    content: bytes, fmt: Format = HEADER, limits: Limits | None = None, path: str = "a.csv"
) -> Table | None:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    data = DataObject(path, len(content), md5, lambda: io.BytesIO(content))
    return read_table([data], fmt, Allowance(limits or Limits()))


def rows(content: bytes, fmt: Format = HEADER) -> list[list[Any]]:
    table = read(content, fmt)
    assert table is not None
    return [list(row.values()) for row in table.data.to_pylist()]


def refused(
    content: bytes, fmt: Format = HEADER, limits: Limits | None = None, path: str = "a.csv"
) -> ReadFailure:
    with pytest.raises(ReadFailure) as caught:
        read(content, fmt, limits, path)
    return caught.value


def attempt(content: bytes) -> Table | ReadFailure | None:
    try:
        return read(content)
    except ReadFailure as failure:
        return failure


def test_nothing_is_inferred_and_only_unquoted_empty_is_null() -> None:
    assert rows(b'a,b\n007,1.50\n,""\nNULL,NaN\n') == [["007", "1.50"], [None, ""], ["NULL", "NaN"]]


def test_a_null_at_the_very_end_is_a_null() -> None:
    assert rows(b'a,b\n1,""\n"x",') == [["1", ""], ["x", None]]
    assert rows('"x",'.encode("utf-16"), Format("csv", header=False, encoding="utf-16")) == [["x", None]]


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    table = read(b"\xef\xbb\xbfa,b\n1,2\n")
    assert table is not None
    assert table.data.column_names == ["a", "b"]


def test_without_header_columns_are_numbered() -> None:
    table = read(b"1,2,3\n4,5,6", HEADERLESS)
    assert table is not None
    assert table.data.column_names == ["_c0", "_c1", "_c2"]
    assert table.data.num_rows == 2


def test_a_header_alone_is_a_table_without_rows() -> None:
    table = read(b"a,b\n")
    assert table is not None
    assert table.data.column_names == ["a", "b"]
    assert table.data.num_rows == 0


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_no_content_is_no_table(content: bytes) -> None:
    assert read(content) is None


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_all_line_ends_count_the_same(ending: str) -> None:
    content = ending.join(["a,b", "1,2", '"x', 'y",3', "4,5"]).encode()
    table = read(content)
    assert table is not None
    assert [table.located.place(row) for row in range(3)] == [("a.csv", 2), ("a.csv", 3), ("a.csv", 5)]
    assert rows(content)[1] == [f"x{ending}y", "3"]


def test_blank_lines_at_the_very_end_are_nothing() -> None:
    assert rows(b"a,b\n1,2\n\n\n") == [["1", "2"]]


def test_blank_lines_of_a_single_column_are_nulls() -> None:
    assert rows(b'a\n1\n\n""\n2\n\n') == [["1"], [None], [""], ["2"], [None]]
    assert rows(b"\n\n1\n", HEADERLESS) == [[None], [None], ["1"]]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"a,b\n1,2\n3\n", 3, "line 3 has 1 field, 2 are expected"),
        (b"a,b\n1,2,3\n", 2, "line 2 has 3 fields, 2 are expected"),
        (b'a,b\n"x\ny\nz",2\n3\n', 5, "line 5 has 1 field, 2 are expected"),
        (b'a,b\n1,2\n"x\ny"\n', 3, "line 3 has 1 field, 2 are expected"),
        (b"a,b\n1,2\n\n3,4\n", 3, "line 3 is empty, 2 are expected"),
        (b"a,b\n\n\n3,4\n", 2, "line 2 is empty, 2 are expected"),
        (b"a,b\n1,2\n   \n", 3, "line 3 has 1 field, 2 are expected"),
        (b"a,b\n1,2\n3,4,\n", 3, "line 3 has 3 fields, 2 are expected"),
    ],
)
@pytest.mark.parametrize("compress", [False, True])
def test_ragged_rows_are_named_by_their_line(content: bytes, line: int, message: str, compress: bool) -> None:
    failure = refused(gzip.compress(content) if compress else content)
    assert (failure.status, failure.code, failure.line, failure.message) == (
        "unreadable",
        "ragged",
        line,
        message,
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,,c\n1,2,3\n", "column 2 of 3 has no name"),
        (b"a, \n1,2\n", "column 2 of 2 has no name"),
        (b"a,b,a\n1,2,3\n", "columns 1 and 3 are both named `a`"),
        (b"\na,b\n", "the header line is empty"),
    ],
)
def test_bad_headers(content: bytes, message: str) -> None:
    failure = refused(content)
    assert (failure.status, failure.code, failure.line, failure.message) == (
        "unreadable",
        "header",
        1,
        message,
    )


@pytest.mark.parametrize(
    ("content", "line"),
    [(b'a,b\n1,"never closed\n2,3\n', 2), (b'a,b\n1,2\n3,"x"y\n', 3), (b'a,b\n1,2\n"x" ,3\n', 3)],
)
def test_bad_quoting(content: bytes, line: int) -> None:
    failure = refused(content)
    assert (failure.status, failure.code, failure.line) == ("unreadable", "quoting", line)


def test_bytes_that_do_not_decode_are_named_by_place() -> None:
    good = b"a,b\n" + b"1,2\n" * 400_000  # more than one chunk
    failure = refused(good + b"3,\xff\n")
    assert (failure.status, failure.code) == ("unreadable", "encoding")
    assert failure.offset_bytes == len(good) + 2
    assert failure.line == 400_002


def test_a_truncated_character_at_the_end() -> None:
    failure = refused(b"a,b\n1,\xc3")
    assert (failure.status, failure.code, failure.offset_bytes, failure.line) == (
        "unreadable",
        "encoding",
        6,
        2,
    )


def test_utf_16_is_recognised_and_can_be_declared() -> None:
    content = "a,b\n1,é\n".encode("utf-16")
    failure = refused(content)
    assert failure.code == "encoding"
    assert "utf-16" in failure.hint
    assert rows(content, Format("csv", encoding="utf-16")) == [["1", "é"]]


def test_other_encodings_delimiters_and_quotes() -> None:
    fmt = Format("csv", delimiter=";", quote="'", encoding="latin-1")
    assert rows("a;b\n'x;y';é\n".encode("latin-1"), fmt) == [["x;y", "é"]]


def test_tsv_is_parted_by_tabs() -> None:
    assert rows(b'a\tb\n1,5\t"x\ty"\n', Format("tsv")) == [["1,5", "x\ty"]]
    assert rows(b"a;b\n1;2\n", Format("tsv", delimiter=";")) == [["1", "2"]]


def test_a_record_longer_than_the_readers_blocks() -> None:
    long = b"x" * 20_000_000
    limits = Limits(field_bytes=30_000_000)
    table = read(b"a,b\n1,2\n" + long + b",3\n4,5\n", limits=limits)
    assert table is not None
    assert table.data.num_rows == 3


def test_a_quoted_line_end_across_the_readers_blocks() -> None:
    start = b'a,b\n1,"'
    content = start + b"x" * (BLOCK_BYTES - len(start) - 1) + b'\r\ny"\n2,z\n'
    assert content[BLOCK_BYTES - 1 : BLOCK_BYTES + 1] == b"\r\n"
    table = read(content, limits=Limits(field_bytes=30_000_000))
    assert table is not None
    assert table.data["b"][0].as_py().endswith("x\r\ny")


@pytest.mark.parametrize("block_bytes", [16, 33])
def test_line_ends_across_blocks_of_any_size(block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate_server.engine.readers.csv.BLOCK_BYTES", block_bytes)
    for length in range(40):
        cells = ["p" * length, "q\r\nr", "\r\n", "s"]
        content = "".join(f'"{cell}",1\r\n' for cell in cells).encode()
        assert rows(content, HEADERLESS) == [[cell, "1"] for cell in cells]


@pytest.mark.parametrize(
    ("encoding", "content"), [("utf-7", b"a\n+2AA-\n"), ("unicode_escape", b"a\n\\ud800\n")]
)
def test_half_a_character_is_unreadable(encoding: str, content: bytes) -> None:
    failure = refused(content, Format("csv", encoding=encoding))
    assert (failure.status, failure.code) == ("unreadable", "encoding")


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(size_bytes=10), "size_bytes"),
        (Limits(decompressed_bytes=10), "decompressed_bytes"),
        (Limits(rows=2), "rows"),
        (Limits(columns=1), "columns"),
        (Limits(field_bytes=5), "field_bytes"),
    ],
)
def test_limits_of_the_data(limits: Limits, code: str) -> None:
    content = b"a,b\n1,2\n3,4\n5,123456\n"
    failure = refused(content, limits=limits)
    assert (failure.status, failure.code) == ("limit_of_data", code)
    assert f"limits.{code}" in failure.hint
    assert f"{getattr(limits, code):,}" in failure.message


def test_field_length_is_counted_in_bytes() -> None:
    assert refused("a\nééé\n".encode(), limits=Limits(field_bytes=5)).code == "field_bytes"


def test_an_endless_line_is_a_limit_of_the_data() -> None:
    content = gzip.compress(b"a,b\n" + b"," * (65 * 1024 * 1024))
    failure = refused(content)
    assert (failure.status, failure.code, failure.line) == ("limit_of_data", "line_length", 2)


# -- against Python's csv module, which writes what we read -------------------------------------------

FIELD = st.text(st.sampled_from('ab1 ",\n\r\té\0\x0b\x1c\u2028\ufeff'), max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    table=st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(FIELD, min_size=width, max_size=width), max_size=8)
    ),
    ending=st.sampled_from(["\n", "\r\n"]),
    compress=st.booleans(),
)
def test_what_python_writes_is_read_back_with_its_lines(
    table: list[list[str]], ending: str, compress: bool
) -> None:
    width = len(table[0]) if table else 2
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator=ending, quoting=csv.QUOTE_ALL)
    starts = []
    writer.writerow([f"h{place}" for place in range(width)])
    for record in table:
        written = sink.getvalue().replace("\r\n", "\n").replace("\r", "\n")
        starts.append(written.count("\n") + 1)
        writer.writerow(record)
    content = sink.getvalue().encode()
    found = read(gzip.compress(content) if compress else content)
    assert found is not None
    assert [list(row.values()) for row in found.data.to_pylist()] == table
    assert [found.located.place(row)[1] for row in range(len(table))] == starts


@settings(max_examples=100, deadline=None)
@given(
    good=st.lists(st.lists(FIELD, min_size=3, max_size=3), max_size=5),
    bad=st.lists(FIELD, min_size=1, max_size=5).filter(lambda record: len(record) != 3),
    after=st.lists(st.lists(FIELD, min_size=3, max_size=3), max_size=3),
)
def test_a_ragged_record_is_found_wherever_it_stands(
    good: list[list[str]], bad: list[str], after: list[list[str]]
) -> None:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["x", "y", "z"])
    writer.writerows(good)
    line = sink.getvalue().replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    writer.writerow(bad)
    writer.writerows(after)
    failure = refused(sink.getvalue().encode())
    assert (failure.code, failure.line) == ("ragged", line)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from('ab,"\n\r \0\x0b\u2028'), max_size=24))
def test_any_text_is_read_as_python_reads_it_or_refused(text: str) -> None:
    """Never a row more or less than Python's strict reader sees."""
    outcome = attempt(b"h1,h2\n" + text.encode())
    if isinstance(outcome, ReadFailure):
        assert outcome.status == "unreadable", outcome.message
        return
    expected = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    while expected and not expected[-1]:
        expected.pop()
    table = outcome
    assert table is not None
    assert [[value or "" for value in row.values()] for row in table.data.to_pylist()] == expected
