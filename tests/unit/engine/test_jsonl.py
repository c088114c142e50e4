"""JSON lines: what is read to the digit, and what is refused, on which line."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate_server.engine.lint import lint
from gate_server.engine.objects import DataObject
from gate_server.engine.readers import jsonl
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.table import Table, read_table
from gate_server.model import Format, Limits
from tests.unit.engine.conftest import Judge, MakeSuite

JSONL = Format("jsonl")


def read(*contents: bytes, fmt: Format = JSONL, limits: Limits | None = None) -> Table | None:
    objects = [
        DataObject(
            f"{place}.jsonl",
            len(content),
            hashlib.md5(content, usedforsecurity=False).hexdigest(),
            lambda content=content: io.BytesIO(content),  # type: ignore[misc]
        )
        for place, content in enumerate(contents)
    ]
    return read_table(objects, fmt, Allowance(limits or Limits()))


def rows(*contents: bytes, fmt: Format = JSONL) -> list[dict[str, Any]]:
    table = read(*contents, fmt=fmt)
    assert table is not None
    return table.data.to_pylist()


def refused(*contents: bytes, fmt: Format = JSONL, limits: Limits | None = None) -> ReadFailure:
    with pytest.raises(ReadFailure) as caught:
        read(*contents, fmt=fmt, limits=limits)
    return caught.value


def test_values_are_what_they_are_and_columns_come_as_they_appear() -> None:
    content = b'{"b": 1, "a": "x"}\r\n{"c": true, "a": null}\n{"d": 1.5, "e": [1, {"k": "\\u00e9"}], "b": -2}'
    assert rows(content) == [
        {"b": 1, "a": "x", "c": None, "d": None, "e": None},
        {"b": None, "a": None, "c": True, "d": None, "e": None},
        {"b": -2, "a": None, "c": None, "d": 1.5, "e": '[1,{"k":"é"}]'},
    ]


def test_no_digit_is_lost() -> None:
    assert rows(b'{"a": 9007199254740993}\n{"a": null}\n') == [{"a": 2**53 + 1}, {"a": None}]
    assert rows(b'{"a": 18446744073709551616}\n{"a": 1}\n') == [{"a": Decimal(2**64)}, {"a": Decimal(1)}]
    assert rows(b'{"a": 0.5}\n{"a": 9007199254740993}\n') == [
        {"a": Decimal("0.5")},
        {"a": Decimal(2**53 + 1)},
    ]
    assert rows(b'{"a": [1e400, 9007199254740993]}\n') == [{"a": "[1e400,9007199254740993]"}]


def test_declared_types_hold() -> None:
    content = b'{"day": "2024-02-29", "price": 1.10, "n": 1, "t": {"a": 1}}\n'
    fmt = Format("jsonl", types={"day": "date", "price": "decimal", "n": "number", "t": "string"})
    [row] = rows(content, fmt=fmt)
    assert [str(value) for value in row.values()] == ["2024-02-29", "1.10", "1.0", '{"a":1}']


@pytest.mark.parametrize(
    ("types", "bad", "needed"),
    [
        ({"a": "integer"}, b"1.5", "an integer"),
        ({"a": "integer"}, b'"1"', "an integer"),
        ({"a": "number"}, b"true", "a number"),
        ({"a": "string"}, b"1", "text"),
        ({"a": "date"}, b'"2023-02-29"', "a date (YYYY-MM-DD)"),
        ({"a": "date"}, b"20230101", "a date (YYYY-MM-DD)"),
        ({"a": "boolean"}, b"1", "a boolean"),
        ({"a": "integer"}, b"9223372036854775808", "an integer of 64 bits"),
    ],
)
def test_what_is_not_of_the_declared_type_is_named_by_its_line(types: Any, bad: bytes, needed: str) -> None:
    failure = refused(b'{"b": 1}\n{"a": null}\n{"a": ' + bad + b"}\n", fmt=Format("jsonl", types=types))
    assert (failure.code, failure.line, failure.message) == ("type", 3, f"`a` in line 3 is not {needed}")
    assert "declares format.types.a" in failure.hint


@pytest.mark.parametrize(
    ("first", "other", "needed"),
    [
        (b'"x"', b"1", "text"),
        (b"1", b'"x"', "an integer"),
        (b"1.5", b"true", "a number"),
        (b"true", b"0", "a boolean"),
        (b'"x"', b"[1]", "text"),
        (b"{}", b'"x"', "an object or a list"),
        (b"0.5", b"1e400", "a number of 64 bits"),
    ],
)
def test_a_column_holds_one_kind(first: bytes, other: bytes, needed: str) -> None:
    failure = refused(b'{"a": ' + first + b'}\n{"a": null}\n', b'{"b": 1}\n{"a": ' + other + b"}\n")
    assert (failure.code, failure.path, failure.line) == ("type", "1.jsonl", 2)
    assert failure.message == f"`a` in line 2 is not {needed}"


@pytest.mark.parametrize(
    ("content", "code", "line", "message"),
    [
        (b'{"a": 1}\n[1]\n', "json", 2, "line 2 is not an object"),
        (b'{"a": 1}\n"x"\n', "json", 2, "line 2 is not an object"),
        (b'{"a": 1, "a": 2}\n', "json", 1, "an object in line 1 has the key `a` twice"),
        (b'{"b": {"a": 1, "a": 1}}\n', "json", 1, "an object in line 1 has the key `a` twice"),
        (b'{"a": NaN}\n', "json", 1, "line 1 is not JSON"),
        (b'{"a": -Infinity}\n', "json", 1, "line 1 is not JSON"),
        (b'{"a": 1}\n\n{"a": 2}\n', "json", 2, "line 2 is empty"),
        (b'{"a": 1} {"a": 2}\n', "json", 1, "line 1 is not JSON: Extra data, character 10"),
        (b'{"a": 01}\n', "json", 1, "line 1 is not JSON: Expecting ',' delimiter, character 8"),
        (b"{'a': 1}\n", "json", 1, "line 1 is not JSON: "),
        (b'{"a": 1}\n{"a": "x', "json", 2, "line 2 is not JSON: Unterminated string"),
        (b'{"a": "\t"}\n', "json", 1, "line 1 is not JSON: Invalid control character"),
        (b'{"a": "\\ud800"}\n', "encoding", 1, "line 1 holds half a character"),
        (b'{"\\ud800": 1}\n', "encoding", 1, "a key holds half a character"),
        (b'{"a": 1}\n{"a": "\xff"}\n', "encoding", 2, "the bytes are not utf-8"),
        (b"{}\n{}\n", "header", None, "no object has a key"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "json", 1, "line 1 is nested too deeply"),
        (b'{"a":' + b"[" * 5000 + b"1e5" + b"]" * 5000 + b"}\n", "json", 1, "line 1 is nested too deeply"),
    ],
)
def test_what_is_not_json_lines_is_named_by_its_line(
    content: bytes, code: str, line: int | None, message: str
) -> None:
    failure = refused(content)
    assert (failure.status, failure.code, failure.line) == ("unreadable", code, line)
    assert failure.message.startswith(message)


def test_places_in_bytes() -> None:
    failure = refused(b'\xef\xbb\xbf{"a": "\xff"}\n')
    assert failure.offset_bytes == 10


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf\n"])
def test_no_content_is_no_table(content: bytes) -> None:
    assert read(content) is None


def test_mark_blank_end_and_compression() -> None:
    content = b'\xef\xbb\xbf{"a": 1}\n\n \n'
    assert rows(content) == rows(gzip.compress(content)) == [{"a": 1}]


def test_objects_of_a_dataset_may_leave_out_what_is_null(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "_BATCH_ROWS", 2)
    table = read(b"{}\n{}\n{}\n" + b'{"a": 1}\n', b'{"b": "x"}\n', b"", b'{"c": null}\n')
    assert table is not None
    assert table.data.schema.types == [pa.int64(), pa.string(), pa.string()]
    assert table.data["a"].to_pylist() == [None, None, None, 1, None, None]
    assert [table.located.place(row) for row in (3, 4, 5)] == [
        *(("0.jsonl", 4), ("1.jsonl", 1), ("3.jsonl", 1))
    ]


@pytest.mark.parametrize(
    ("limits", "code", "line"),
    [
        (Limits(rows=1), "rows", 2),
        (Limits(columns=1), "columns", None),
        (Limits(field_bytes=3), "field_bytes", 2),
        (Limits(decompressed_bytes=10), "decompressed_bytes", None),
    ],
)
def test_limits_of_the_data(limits: Limits, code: str, line: int | None) -> None:
    failure = refused(b'{"a": "x"}\n{"a": "\xc3\xa9\xc3\xa9", "b": 1}\n', limits=limits)
    assert (failure.status, failure.code, failure.line) == ("limit_of_data", code, line)


def test_an_endless_line_is_a_limit_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "LINE_BYTES", 1000)
    failure = refused(b'{"a": 1}\n{"a": "' + b"x" * 2000)
    assert (failure.status, failure.code, failure.line) == ("limit_of_data", "line_length", 2)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {}, optional={"i": st.integers(-(2**63), 2**63 - 1), "s": st.text(max_size=4), "b": st.booleans()}
        ),
        min_size=1,
        max_size=6,
    ).filter(any)
)
def test_what_python_writes_is_read_back(values: list[dict[str, Any]]) -> None:
    content = "".join(json.dumps(value) + "\n" for value in values).encode()
    names = {name for value in values for name in value}
    assert rows(content) == [{name: value.get(name) for name in names} for value in values]


def test_a_suite_judges_json_lines_and_lint_knows_what_is_declared(
    judge: Judge, make_suite: MakeSuite
) -> None:
    over = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "a", "max_value": 5}}
    evaluation = judge(b'{"a": 4}\n{"a": 6}\n', over, fmt=JSONL, path="a.jsonl")
    assert [result.success for result in evaluation.results] == [False]
    assert "line 2" in evaluation.results[0].message
    assert lint(make_suite(over), JSONL, {}) == []
    assert lint(make_suite(over), Format("jsonl", types={"a": "integer"}), {}) == []
    [problem] = lint(make_suite(over), Format("jsonl", types={"a": "string"}), {})
    assert problem.hint == "format.types of the rule declares another type"
