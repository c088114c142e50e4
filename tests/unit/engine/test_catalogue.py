"""The table of expectations, gone through against the installed Great Expectations."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from great_expectations.expectations import core
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.registry import list_registered_expectation_implementations

from gate_server.engine.catalogue import NOT_OFFERED, OFFERED
from gate_server.engine.evaluate import evaluate
from gate_server.engine.families import ORDERED
from gate_server.engine.lint import lint
from gate_server.engine.phrases import PHRASES
from gate_server.model import Format, Limits, dump
from gate_server.reports.great_expectations import ON_THE_WHOLE

from .cases import CASES, ELSEWHERE, GOOD, THERE, TYPES

CSV = Format("csv", types=TYPES)


def test_every_core_expectation_is_decided() -> None:
    # Reports register one of their own, in the processes that make some.
    implemented = set(list_registered_expectation_implementations()) - {ON_THE_WHOLE}
    assert implemented <= set(OFFERED) | set(NOT_OFFERED)
    assert set(OFFERED) <= implemented
    assert not set(OFFERED) & set(NOT_OFFERED)
    modules = {name for name in dir(core) if name.startswith(("expect_", "unexpected_"))}
    assert modules <= set(OFFERED) | set(NOT_OFFERED)


def test_what_is_not_implemented_is_not_registered() -> None:
    missing = set(NOT_OFFERED) - set(list_registered_expectation_implementations())
    assert all("does not implement" in NOT_OFFERED[name] for name in missing)
    assert issubclass(core.ExpectColumnKLDivergenceToBeLessThan, Expectation)


def test_every_offered_expectation_has_words_and_cases() -> None:
    assert set(PHRASES) == set(OFFERED) == set(CASES) | ELSEWHERE


@pytest.mark.parametrize("kind", sorted(NOT_OFFERED))
def test_what_is_not_offered_is_a_finding(kind: str, make_suite: Any) -> None:
    problems = lint(make_suite({"type": kind, "kwargs": {"column": "n"}}), CSV, {})
    assert [problem.code for problem in problems] == ["not_offered"]
    assert problems[0].hint


@pytest.mark.parametrize("holds", [True, False])
def test_each_expectation_can_hold_and_can_fail(holds: bool, make_suite: Any, make_object: Any) -> None:
    suite = make_suite(*({"type": kind, "kwargs": case[not holds]} for kind, case in CASES.items()))
    evaluation = evaluate(suite, [make_object(GOOD)], CSV, {}, Limits(), [make_object(THERE)])
    assert evaluation.status == "answered", evaluation.problem
    assert {r.expectation: r.success for r in evaluation.results} == dict.fromkeys(CASES, holds)
    for result in evaluation.results:
        assert not result.vacuous
        assert result.message
        assert result.expected
        assert "\n" not in result.message
        if not holds and OFFERED[result.expectation].kind == "map" and "type" not in result.expectation:
            assert result.lines
            assert f"first in line {result.lines[0]}" in result.message


def test_each_expectation_names_its_missing_column(make_suite: Any, make_object: Any) -> None:
    suite = make_suite(*({"type": kind, "kwargs": case[0]} for kind, case in CASES.items()))
    evaluation = evaluate(
        suite,
        [make_object(b"other\n1\n")],
        Format("csv", types={}, infer=True),
        {},
        Limits(),
        [make_object(b"other\n" + b"1\n" * 10)],
    )
    assert evaluation.status == "answered", evaluation.problem
    for result in evaluation.results:
        assert not result.success, result
        if OFFERED[result.expectation].kind != "table":
            assert "missing" in result.message


SECRETS = ["zqx1", "zqx2", "zqx3", "zqx3", "zqx4"]


def _moments(kind: pa.DataType, year: int = 2024) -> pa.Array:
    return pa.array([dt.datetime(year, 1, day) for day in (1, 2, 3, 3, 4)], kind)  # noqa: DTZ001


def _dates(kind: pa.DataType) -> pa.Array:
    return pa.array([dt.date(2024, 1, day) for day in (1, 2, 3, 3, 4)], kind)


DECIMALS = [Decimal("1.10"), Decimal("2.20"), Decimal("3.30"), Decimal("3.30"), Decimal("9.99")]
KINDS = {
    "int8": pa.array([-128, 127, 0, 1, 2], pa.int8()),
    "uint8": pa.array([255, 0, 3, 4, 4], pa.uint8()),
    "uint64": pa.array([2**64 - 1, 0, 3, 4, 4], pa.uint64()),
    "int64": pa.array([2**63 - 1, -(2**63), 3, 4, 4]),
    "float16": pa.array([1.5, 2, 3, 4, 5], pa.float32()).cast(pa.float16()),
    "float32": pa.array([1.5, 2, 3, 4, float("nan")], pa.float32()),
    "float64": pa.array([1.5, float("nan"), float("inf"), float("-inf"), 0.0]),
    "boolean": pa.array([True, False, True, False, True]),
    "text": pa.array(SECRETS),
    "large_text": pa.array(SECRETS, pa.large_string()),
    "text_view": pa.array(SECRETS, pa.string_view()),
    "dictionary": pa.array(SECRETS).dictionary_encode(),
    "decimal": pa.array(DECIMALS),
    "decimal256": pa.array(DECIMALS, pa.decimal256(60, 2)),
    "date32": _dates(pa.date32()),
    "date64": _dates(pa.date64()),
    "timestamp": _moments(pa.timestamp("us")),
    "zoned": _moments(pa.timestamp("ms", "Europe/Berlin")),
    "nanoseconds": _moments(pa.timestamp("ns")),
    "far_future": _moments(pa.timestamp("us"), 9999),
    "time": pa.array([dt.time(1, minute) for minute in (1, 2, 3, 3, 4)]),
    "duration": pa.array([dt.timedelta(days) for days in (1, 2, 3, 3, 4)]),
    "binary": pa.array([b"zqx1", b"zqx2", b"c", b"c", b"\xff"]),
    "list": pa.array([[1], [2], [3], [3], []]),
    "struct": pa.array([{"a": 1}, {"a": 2}, {"a": 3}, {"a": 3}, {"a": 4}]),
    "map": pa.array([[("zqx", 1)]] * 5, pa.map_(pa.string(), pa.int32())),
    "null": pa.nulls(5),
}


def _asked_of(name: str) -> Iterator[dict[str, Any]]:
    """Every expectation on columns, with bounds and values of several kinds."""
    for kind, (_, kwargs) in CASES.items():
        if OFFERED[kind].kind == "table":
            continue
        asked = dict(kwargs)
        for key in ("column", "column_A", "column_B"):
            if key in asked:
                asked[key] = f"{name}2" if key == "column_B" else name
        if "column_list" in asked:
            asked["column_list"] = [name, f"{name}2"]
        if "value_pairs_set" in asked:
            asked["value_pairs_set"] = [["zqx9", "zqx9"]]
        yield {"type": kind, "kwargs": asked}
        if "value_set" in asked:
            for values in ([1, 2], ["2024-01-02"], [1.1]):
                yield {"type": kind, "kwargs": {**asked, "value_set": values}}
        if OFFERED[kind].families == ORDERED and "min_value" in {*asked, *CASES[kind][0]}:
            for bound in ("2024-01-02", "2024-01-02T00:00:00+00:00"):
                yield {"type": kind, "kwargs": {"column": name, "min_value": bound}}


@pytest.mark.parametrize(
    ("variant", "kinds"),
    [
        ("full", sorted(KINDS)),
        ("some null", ["decimal", "float64", "int64", "list", "struct", "text", "time", "uint64", "zoned"]),
        ("all null", ["decimal", "int64", "list", "text", "zoned"]),
        ("no rows", ["date32", "float64", "int64", "list", "text", "zoned"]),
    ],
)
def test_every_type_gets_an_answer(variant: str, kinds: list[str], make_suite: Any, make_object: Any) -> None:
    """Whatever a column holds: an answer to each expectation, never an error, and no value in it."""
    columns: dict[str, Any] = {}
    for name in kinds:
        values = KINDS[name]
        if variant == "some null":
            values = pa.concat_arrays([values[:2], pa.nulls(1, values.type), values[3:]])
        if variant == "all null":
            values = pa.nulls(3, values.type)
        if variant == "no rows":
            values = values[:0]
        columns |= {name: values, f"{name}2": values}
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    asked = [one for name in kinds for one in _asked_of(name)]
    evaluation = evaluate(
        make_suite(*asked), [make_object(sink.getvalue(), "a.parquet")], Format("parquet"), {}, Limits()
    )
    assert evaluation.status == "answered", evaluation.problem
    assert [result.number for result in evaluation.results] == list(range(len(asked)))
    text = json.dumps(dump(evaluation), allow_nan=False)
    assert not any(secret in text for secret in SECRETS)
    for result in evaluation.results:
        if variant in {"all null", "no rows"} and OFFERED[result.expectation].kind == "map":
            looked_at = variant == "all null" and OFFERED[result.expectation].looks_at_nulls
            assert result.vacuous is not looked_at, result
