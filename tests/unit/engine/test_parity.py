"""The pass gives Great Expectations' own results."""

from __future__ import annotations

import os
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gate_server.engine.native.offered import NATIVE
from gate_server.engine.run import Question, Unanswered, verdict_of

from . import parity_aggregates, parity_rows, parity_values
from .parity import asked_of, by_great_expectations, by_the_pass, differ, tables

# For longer by hand: GATE_TEST_PARITY=1000.
EXAMPLES = int(os.environ.get("GATE_TEST_PARITY", "20"))
# How to draw the kwargs of each expectation of the pass.
KWARGS = parity_values.KWARGS | parity_rows.KWARGS | parity_aggregates.KWARGS
MOSTLY = st.sampled_from([None, 1.0, 0.5, 0.34, 0.9])
CONDITIONS = st.sampled_from(
    [
        None,
        {"type": "comparison", "column": {"name": "i"}, "operator": ">", "parameter": 0},
        {"type": "comparison", "column": {"name": "f"}, "operator": "!=", "parameter": 1.0},
        {"type": "comparison", "column": {"name": "s"}, "operator": "IN", "parameter": ["a", "b"]},
        {"type": "comparison", "column": {"name": "s"}, "operator": "NOT_IN", "parameter": ["a"]},
        {"type": "comparison", "column": {"name": "s"}, "operator": "NOT_IN", "parameter": []},
        {"type": "comparison", "column": {"name": "f32"}, "operator": "<=", "parameter": 0.1},
        {"type": "comparison", "column": {"name": "m"}, "operator": ">", "parameter": -1.051},
        {"type": "comparison", "column": {"name": "m"}, "operator": "IN", "parameter": [0.1, 0.001]},
        {
            "type": "comparison",
            "column": {"name": "z"},
            "operator": ">=",
            "parameter": "2024-01-01T01:00:00+01:00",
        },
        {"type": "nullity", "column": {"name": "b"}, "is_null": True},
        {
            "type": "or",
            "conditions": [
                {"type": "comparison", "column": {"name": "small"}, "operator": "==", "parameter": 1},
                {"type": "nullity", "column": {"name": "i"}, "is_null": False},
            ],
        },
    ]
)


@st.composite
def suites(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return an expectation of each kind that the pass answers, now and then of rows or with a share."""
    drawn = []
    for kind, strategy in KWARGS.items():
        kwargs = draw(strategy)
        if "table" not in kind and kind != "expect_column_to_exist":
            if kind.startswith("expect_column_value") and (mostly := draw(MOSTLY)):
                kwargs["mostly"] = mostly
            if condition := draw(CONDITIONS):
                kwargs |= {"row_condition": condition, "condition_parser": "great_expectations"}
        drawn.append({"type": kind, "kwargs": kwargs})
    return drawn


def test_kwargs_are_drawn_for_each_native_expectation() -> None:
    assert set(KWARGS) == set(NATIVE)


# Without shrinking: each try asks Great Expectations. What fails is told by expectation.
@settings(max_examples=EXAMPLES, phases=[Phase.explicit, Phase.generate])
@given(table=tables(), suite=suites())
def test_the_pass_answers_as_great_expectations_does(table: pa.Table, suite: list[dict[str, Any]]) -> None:
    asked = asked_of(*suite)
    found, wanted = by_the_pass(table, asked), by_great_expectations(table, asked)
    differing = [
        (one.type, dict(one.kwargs), one.condition, found[one.number], wanted.get(one.number))
        for one in asked
        if one.number in found and differ(found[one.number], wanted.get(one.number))
    ]
    assert not differing, "\n".join(map(str, differing))


def test_a_metric_that_is_missing_is_no_zero() -> None:
    question = Question(0, "expect_column_values_to_be_unique", {"column": "i"})
    metrics = {
        "table.row_count": 2,
        "column_values.nonnull.unexpected_count": 0,
        "column_values.unique.unexpected_count": 0,
        "column_values.unique.unexpected_index_list": [],
    }
    assert verdict_of(question, metrics).success
    for left_out in metrics:
        with pytest.raises(Unanswered):
            verdict_of(question, {name: value for name, value in metrics.items() if name != left_out})


def test_the_most_common_moment_of_a_zone_is_for_great_expectations() -> None:
    moments = pa.table({"z": pa.array([0, 0, 1], pa.timestamp("us", "UTC"))})
    kwargs = {"column": "z", "value_set": ["1970-01-01"]}
    (one,) = asked_of({"type": "expect_column_most_common_value_to_be_in_set", "kwargs": kwargs})
    assert by_the_pass(moments, [one]) == {}
    assert not by_great_expectations(moments, [one])[one.number].success
