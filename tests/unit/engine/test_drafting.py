"""What is drafted holds for what it was drafted from, and says nothing of people."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate_server.engine.drafting import draft
from gate_server.engine.evaluate import evaluate
from gate_server.engine.suites import read_suite
from gate_server.model import Draft, Format, Limits

from .conftest import _object

ROWS = 40
PEOPLE = {
    "name": ["ann", "bob"] * (ROWS // 2),
    "contact": ["ann@example.org", "bob@example.org"] * (ROWS // 2),
    "ref": ["+49 15112345", "+49 15154321"] * (ROWS // 2),
    "said": [f"word {n} of many" for n in range(ROWS)],
    "rare": ["x"] * (ROWS - 1) + ["Zoe"],
}
TABLE: dict[str, list[Any]] = {
    "id": list(range(1, ROWS + 1)),
    "status": ["open", "shipped"] * (ROWS // 2),
    "price": [n / 4 for n in range(ROWS)],
    "day": [f"2024-01-{n % 28 + 1:02}" for n in range(ROWS)],
    "seldom": [None, None, *range(ROWS - 2)],
    "nothing": [None] * ROWS,
    "code": ["0012", "0100"] * (ROWS // 2),
    "paid": [n % 2 == 0 for n in range(ROWS)],
    **PEOPLE,
}


def as_parquet(columns: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def as_csv(columns: dict[str, list[Any]]) -> bytes:
    lines = [",".join(columns)]
    for row in zip(*columns.values(), strict=True):
        lines.append(",".join("" if one is None else str(one) for one in row))
    return "\n".join(lines).encode()


def drafted(content: bytes, fmt: Format) -> Draft:
    found = draft("s", [_object(content)], fmt, Limits())
    assert found.problem is None, found.problem
    suite = read_suite("s", json.dumps(found.suite), "s.json")
    evaluation = evaluate(suite, [_object(content)], found.format, {}, Limits())
    assert evaluation.status == "answered", evaluation.problem
    assert [result.message for result in evaluation.results if not result.success or result.vacuous] == []
    assert all(one["notes"] for one in found.suite["expectations"])
    return found


def asked(found: Draft) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (one["type"].removeprefix("expect_"), one["kwargs"].get("column", "")): one["kwargs"]
        for one in found.suite["expectations"]
    }


def test_a_csv_file() -> None:
    found = drafted(as_csv(TABLE), Format("csv"))
    assert found.format == Format(
        "csv",
        types={"id": "integer", "price": "number", "day": "date", "seldom": "integer", "paid": "boolean"},
    )
    said = asked(found)
    assert said["table_columns_to_match_set", ""]["column_set"] == list(TABLE)
    assert said["table_row_count_to_be_between", ""] == {"min_value": 20, "max_value": 80}
    assert said["column_values_to_be_in_set", "status"]["value_set"] == ["open", "shipped"]
    assert said["column_values_to_be_between", "price"] == {
        "column": "price",
        "min_value": 0,
        "max_value": 10.8,
    }
    assert said["column_values_to_be_between", "day"] == {"column": "day", "min_value": "2024-01-01"}
    assert said["column_values_to_be_between", "id"] == {"column": "id", "min_value": 0}
    assert ("column_values_to_be_unique", "id") in said
    assert ("column_values_to_be_unique", "price") not in said
    assert said["column_values_to_not_be_null", "seldom"] == {"column": "seldom", "mostly": 0.9}
    assert said["column_value_lengths_to_equal", "ref"] == {"column": "ref", "value": 12}
    assert ("column_value_lengths_to_equal", "code") not in said  # its set says it
    assert not any(column == "nothing" for _, column in said)
    assert [column for kind, column in said if kind == "column_values_to_be_in_set"] == ["status", "code"]


def test_no_value_that_may_be_somebodys_is_written_down() -> None:
    for content, fmt in ((as_csv(TABLE), Format("csv")), (as_parquet(TABLE), Format("parquet"))):
        text = json.dumps(drafted(content, fmt).suite)
        assert not [
            value for values in PEOPLE.values() for value in values if len(value) > 1 and f'"{value}"' in text
        ]


def test_parquet_brings_its_types() -> None:
    found = drafted(as_parquet(TABLE), Format("parquet"))
    assert found.format == Format("parquet")
    types = {column: one["type_"] for (kind, column), one in asked(found).items() if "type_" in one}
    assert types | {"id": "Int64", "status": "string", "price": "Float64", "paid": "boolean"} == types


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"a,b\n1\n"])
def test_what_holds_no_rows_gives_no_suite(content: bytes) -> None:
    found = draft("s", [_object(content)], Format("csv"), Limits())
    assert found.problem is not None
    assert found.suite == {}


def column(values: st.SearchStrategy[Any], kind: pa.DataType) -> st.SearchStrategy[pa.Array]:
    some = st.lists(st.none() | values, min_size=25, max_size=25)
    return some.map(lambda found: pa.array(found, kind))


COLUMNS = st.one_of(
    column(values, kind)
    for values, kind in (
        (st.integers(-(2**63), 2**63 - 1), pa.int64()),
        (st.floats(), pa.float64()),
        (st.decimals(-(10**20), 10**20, places=3), pa.decimal128(38, 3)),
        (st.sampled_from(["a", "b", "", "ä ö", "x" * 40]), pa.string()),
        (st.dates(), pa.date32()),
        (st.booleans(), pa.bool_()),
    )
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(COLUMNS, min_size=4, max_size=8))
def test_a_draft_holds_for_what_it_was_drafted_from(columns: list[pa.Array]) -> None:
    drafted(as_parquet({f"c{place}": one for place, one in enumerate(columns)}), Format("parquet"))
