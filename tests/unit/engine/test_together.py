"""Several rules on one object read it once, and answer as each would alone."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gate_server.engine.evaluate import evaluate, evaluate_together
from gate_server.engine.objects import DataObject
from gate_server.model import Evaluation, Format, Limits, Suite

CONTENT = b"qty,name\n1,a\n,b\n300,\n"
TYPED = Format("csv", types={"qty": "integer"})
NOT_NULL = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "qty"}}
BETWEEN = {
    "type": "expect_column_values_to_be_between",
    "kwargs": {"column": "qty", "min_value": 0, "max_value": {"$PARAMETER": "most"}},
}
LEFT_TO_GREAT_EXPECTATIONS = {
    "type": "expect_column_values_to_be_dateutil_parseable",
    "kwargs": {"column": "name"},
}


@pytest.fixture
def suites(make_suite: Any) -> list[tuple[Suite, Mapping[str, Any]]]:
    """Three suites, of which the second takes a parameter."""
    return [
        (make_suite(NOT_NULL), {}),
        (make_suite(BETWEEN, NOT_NULL, LEFT_TO_GREAT_EXPECTATIONS), {"most": 100}),
        (make_suite(NOT_NULL, NOT_NULL), {}),
    ]


def told(evaluation: Evaluation) -> Evaluation:
    """Return what it says of the data."""
    return replace(evaluation, bytes_read=0, objects_read=0, duration_s=0.0)


def test_each_answers_as_alone_and_the_object_is_read_once(suites: Any, make_object: Any) -> None:
    data: DataObject = make_object(CONTENT)
    whole = evaluate_together(suites, [data], TYPED, Limits())
    assert whole is not None
    alone = [evaluate(suite, [data], TYPED, given, Limits()) for suite, given in suites]
    assert [told(one) for one in whole] == [told(one) for one in alone]
    (first, *others) = whole
    # Once for all, and once more for what only Great Expectations and rows that fail want to see.
    assert first.bytes_read <= 3 * len(CONTENT)
    assert [one.bytes_read for one in others] == [0, 0]


def test_what_is_read_for_three_suites_is_read_as_often_as_for_one(make_suite: Any) -> None:
    opened = []

    def open_object() -> io.BytesIO:
        opened.append(1)
        return io.BytesIO(CONTENT)

    data = DataObject("data.csv", len(CONTENT), "", open_object)
    holds = {"type": "expect_column_to_exist", "kwargs": {"column": "qty"}}
    row_count = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3}}
    several = evaluate_together(
        [(make_suite(holds), {}), (make_suite(row_count), {}), (make_suite(holds, row_count), {})],
        [data],
        TYPED,
        Limits(),
    )
    assert several is not None
    assert [[result.success for result in one.results] for one in several] == [[True], [True], [True, True]]
    assert len(opened) == 1


def test_a_broken_suite_or_object_is_told_by_each_alone(
    suites: Any, make_suite: Any, make_object: Any
) -> None:
    data = make_object(CONTENT)
    broken = make_suite({"type": "expect_nothing_known", "kwargs": {}})
    assert evaluate_together([*suites, (broken, {})], [data], TYPED, Limits()) is None
    assert evaluate_together(suites, [make_object(b"qty,name\n1\n")], TYPED, Limits()) is None
    assert evaluate_together(suites, [replace(data, size_bytes=99)], TYPED, Limits()) is None
    assert evaluate_together(suites, [], TYPED, Limits()) is None
