"""Declared and inferred types of CSV columns."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, get_args

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate_server.engine.readers.columns import Unconvertible, convert, infer
from gate_server.model import ColumnType


def column(*values: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


GOOD: dict[ColumnType, dict[str, Any]] = {
    "string": {"007": "007", "": ""},
    "integer": {
        "0": 0,
        "-7": -7,
        "+7": 7,
        "007": 7,
        "9007199254740993": 9007199254740993,
        "-9223372036854775808": -(2**63),
    },
    "number": {"0": 0.0, "-1.5": -1.5, ".5": 0.5, "5.": 5.0, "1e3": 1000.0, "+2": 2.0, "inf": float("inf")},
    "decimal": {
        "1.10": Decimal("1.10"),
        "-0.001": Decimal("-0.001"),
        "12345678901234567890": Decimal(12345678901234567890),
    },
    "boolean": {"true": True, "FALSE": False, "1": True, "0": False},
    "date": {"2024-02-29": dt.date(2024, 2, 29), "0001-01-01": dt.date(1, 1, 1)},
    "timestamp": {
        "2024-02-29T12:34:56.789": dt.datetime(2024, 2, 29, 12, 34, 56, 789000),  # noqa: DTZ001
        "2024-02-29 12:34": dt.datetime(2024, 2, 29, 12, 34),  # noqa: DTZ001
        "2024-02-29": dt.datetime(2024, 2, 29),  # noqa: DTZ001
    },
}
BAD: dict[ColumnType, list[str]] = {
    "integer": [
        "",
        " 1",
        "1 ",
        "1.0",
        "0x1F",
        "1e3",
        "9223372036854775808",
        "١",
        "1_000",
        "--1",
        "nan",
        "true",
        "1\n",
    ],
    "number": ["", " 1", "1,5", "0x1F", "1e", "e5", ".", "1_0", "١", "nan0", "1.5\n"],
    "decimal": ["", "Infinity", "NaN", "inf", "1,5", "1e999", "9" * 80, "0." + "1" * 80, "٣"],
    "boolean": ["", "yes", "t", "2", " true", "True\n"],
    "date": ["", "2023-02-29", "2024-2-9", "29.02.2024", "2024-02-29T00:00", "20240229", "2024-13-01"],
    "timestamp": [
        "",
        "now",
        "2024-02-30 00:00",
        "2024-02-29T25:00",
        "2024-02-29T12:00:00.1234567",
        "1709164800",
    ],
}


@pytest.mark.parametrize("kind", get_args(ColumnType))
def test_what_converts(kind: ColumnType) -> None:
    values = GOOD[kind]
    assert convert(column(*values, None), kind).to_pylist() == [*values.values(), None]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in BAD.items() for text in texts])
def test_what_does_not_convert_is_named_by_its_row(kind: ColumnType, text: str) -> None:
    good = next(iter(GOOD[kind]))
    with pytest.raises(Unconvertible) as caught:
        convert(column(good, None, good, text, good, text), kind)
    assert caught.value.row == 3
    assert len(text) < 3 or text not in str(caught.value)


@pytest.mark.parametrize("kind", get_args(ColumnType))
def test_nulls_only_and_nothing_convert(kind: ColumnType) -> None:
    assert convert(column(None, None), kind).to_pylist() == [None, None]
    assert convert(pa.chunked_array([], pa.string()), kind).to_pylist() == []


def test_not_a_number_becomes_nan() -> None:
    value = convert(column("NaN"), "number").to_pylist()[0]
    assert value != value  # noqa: PLR0124 - NaN


def test_zones_are_all_or_none() -> None:
    zoned = convert(column("2024-01-01T12:00:00+02:00", "2024-01-01 12:00Z"), "timestamp")
    assert zoned.to_pylist() == [
        dt.datetime(2024, 1, 1, 10, tzinfo=dt.UTC),
        dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC),
    ]
    with pytest.raises(Unconvertible) as caught:
        convert(column("2024-01-01T12:00:00+02:00", "2024-01-01 12:00"), "timestamp")
    assert caught.value.row == 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", None, "-2", "0"], pa.int64()),
        (["1", "007"], pa.string()),
        (["1", "2.5"], pa.float64()),
        (["1", "02.5"], pa.string()),
        (["1e3", "2"], pa.float64()),
        (["1", "9" * 30], pa.string()),
        (["true", "false"], pa.bool_()),
        (["true", "1"], pa.string()),
        (["nan", "1.5"], pa.string()),
        (["", "1"], pa.string()),
        ([None, None], pa.string()),
        (["+1"], pa.string()),
        (["1 "], pa.string()),
    ],
)
def test_inference(values: list[str | None], expected: pa.DataType) -> None:
    inferred = infer(column(*values))
    assert inferred.type == expected
    assert [value is None for value in inferred.to_pylist()] == [value is None for value in values]


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.none()))
def test_integers_survive(values: list[int | None]) -> None:
    texts = column(*(None if value is None else str(value) for value in values))
    assert convert(texts, "integer").to_pylist() == values
    assert infer(texts).to_pylist() == values


@given(
    st.lists(
        st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**20), max_value=10**20)
    )
)
def test_decimals_survive(values: list[Decimal]) -> None:
    assert convert(column(*(f"{value:f}" for value in values)), "decimal").to_pylist() == values
