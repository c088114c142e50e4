"""Numbers are compared as they are: what double precision cannot tell apart is told apart, or not judged."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate_server.engine.bounds import Inseparable, parting
from gate_server.engine.fit import BOUNDS
from gate_server.engine.judgement import Judgement
from gate_server.engine.readers.scan import Part
from gate_server.engine.readers.table import Table
from gate_server.engine.run import Unanswered
from gate_server.model import Evaluation, Format

from .parity import asked_of

Ask = Callable[..., Evaluation]
D = Decimal


@pytest.fixture
def ask(judge: Any) -> Ask:
    """`ask("column_max_to_be_between", {"max_value": 1}, [..values..])`: of columns `a`, `b`, `c`."""

    def run(kind: str, kwargs: dict[str, Any], *columns: Sequence[Any] | pa.Array) -> Evaluation:
        sink = io.BytesIO()
        pq.write_table(pa.table(dict(zip("abc", columns, strict=False))), sink)
        names = list("abc"[: len(columns)])
        if "pair" in kind:
            named: dict[str, Any] = {"column_A": "a", "column_B": "b"}
        else:
            named = {"column_list": names} if "multi" in kind else {"column": "a"}
        asked = {"type": f"expect_{kind}", "kwargs": {**named, **kwargs}}
        answer: Evaluation = judge(sink.getvalue(), asked, fmt=Format("parquet"), path="a.parquet")
        return answer

    return run


@pytest.mark.parametrize(
    ("kind", "kwargs", "values", "success"),
    [
        # decimals against bounds that are no doubles
        ("column_values_to_be_between", {"max_value": 1.1}, [D("1.10000000000000001"), D("0.5")], False),
        ("column_max_to_be_between", {"max_value": 1.1}, [D("1.10000000000000001"), D("1.1")], False),
        ("column_max_to_be_between", {"max_value": 1.1}, [D("1.10"), D("1.09")], True),
        ("column_max_to_be_between", {"max_value": 1.1, "strict_max": True}, [D("1.10")], False),
        ("column_min_to_be_between", {"min_value": 1.1}, [D("1.09999999999999999"), D("2")], False),
        ("column_min_to_be_between", {"min_value": 1.1, "max_value": 1.1}, [D("1.10"), D("2")], True),
        ("column_values_to_be_between", {"min_value": 0.1, "max_value": 0.3}, [D("0.1"), D("0.3")], True),
        ("column_values_to_be_between", {"min_value": 0.1, "strict_min": True}, [D("0.1")], False),
        # sums of decimals
        ("column_sum_to_be_between", {"max_value": 0.3}, [D("0.1")] * 3, True),
        ("column_sum_to_be_between", {"min_value": 0.3}, [D("0.1")] * 3, True),
        ("column_sum_to_be_between", {"max_value": 0.3, "strict_max": True}, [D("0.1")] * 3, False),
        ("column_sum_to_be_between", {"max_value": 1e17}, [D("100000000000000000.00"), D("0.01")], False),
        # integers beyond what a double holds
        ("column_max_to_be_between", {"max_value": 2**53}, [2**53 + 1, None], False),
        ("column_min_to_be_between", {"min_value": -(2**53)}, [-(2**53) - 1], False),
        ("column_max_to_be_between", {"max_value": 2**53}, [2**53, None], True),
        ("column_sum_to_be_between", {"max_value": 2**53}, [2**53, 1], False),
        ("column_sum_to_be_between", {"max_value": 2**63}, [2**63 - 1, 1], True),
        ("column_sum_to_be_between", {"max_value": 2**63}, [2**63 - 1, 2], False),
        # the double 0.1 is less than the float32 0.1
        ("column_values_to_be_between", {"max_value": 0.1}, pa.array([0.1], pa.float32()), False),
        (
            "column_values_to_be_between",
            {"min_value": 0.1, "strict_min": True},
            pa.array([0.1], pa.float32()),
            True,
        ),
        ("column_max_to_be_between", {"max_value": 0.1}, pa.array([0.1], pa.float32()), False),
        ("column_sum_to_be_between", {"max_value": 0.1}, pa.array([0.1], pa.float32()), False),
        ("column_mean_to_be_between", {"max_value": 0.1}, pa.array([0.1], pa.float32()), False),
        ("column_max_to_be_between", {"max_value": 0.5}, pa.array([0.5], pa.float32()), True),
    ],
)
def test_bounds(kind: str, kwargs: dict[str, Any], values: Any, success: bool, ask: Ask) -> None:
    evaluation = ask(kind, kwargs, values)
    assert evaluation.status == "answered", evaluation.problem
    assert evaluation.results[0].success is success, evaluation.results[0]


@pytest.mark.parametrize(
    ("kind", "kwargs", "columns", "success"),
    [
        *(
            (kind, kwargs, [[D("100000000000000000.01")], [D("100000000000000000.02")]], False)
            for kind, kwargs in (
                ("column_pair_values_to_be_equal", {}),
                ("multicolumn_values_to_be_equal", {}),
                ("column_pair_values_a_to_be_greater_than_b", {"or_equal": True}),
            )
        ),
        ("column_pair_values_to_be_equal", {}, [[D("1.50"), None], [D("1.5"), None]], True),
        ("column_pair_values_to_be_equal", {}, [[2**53 + 1], [2.0**53]], False),
        ("column_pair_values_to_be_equal", {}, [[2**53], [2.0**53]], True),
        ("multicolumn_sum_to_equal", {"sum_total": 0.3}, [[D("0.1")], [D("0.2")]], True),
        ("multicolumn_sum_to_equal", {"sum_total": 0.3}, [[D("0.1")], [D("0.20000000000000001")]], False),
        ("multicolumn_sum_to_equal", {"sum_total": 1.5}, [[D("0.5"), None], [1, None]], True),
        ("multicolumn_sum_to_equal", {"sum_total": 1e17}, [[D("100000000000000000")], [D("0.01")]], False),
        ("multicolumn_sum_to_equal", {"sum_total": 0}, [[2**63 - 1], [2**63 - 1], [2]], False),
        ("multicolumn_sum_to_equal", {"sum_total": 2**53}, [[2**53], [1]], False),
        ("multicolumn_sum_to_equal", {"sum_total": 1.5}, [[D("0.5")], [1.0]], True),
        ("multicolumn_sum_to_equal", {"sum_total": 1.5}, [[float("inf")], [float("-inf")]], False),
    ],
)
def test_columns_among_themselves(
    kind: str, kwargs: dict[str, Any], columns: list[Any], success: bool, ask: Ask
) -> None:
    evaluation = ask(kind, kwargs, *columns)
    assert evaluation.status == "answered", evaluation.problem
    assert evaluation.results[0].success is success, evaluation.results[0]


@pytest.mark.parametrize("name", ["pair_values_to_be_equal", "pair_values_a_to_be_greater_than_b"])
@pytest.mark.parametrize(
    "columns",
    [
        ([1, None, 2], [1, 5, 2]),
        ([1, None, 2], [1, None, 2]),
        ([1.5, 2.5, None], [1.5, 2.5, 3.5]),
        ([D("1.5"), None], [D("1.5"), D("2")]),
        (pa.nulls(2, pa.int64()), [1, 2]),
    ],
)
def test_a_null_in_one_of_two_columns_is_an_answer(name: str, columns: tuple[Any, Any], ask: Ask) -> None:
    either = {"ignore_row_if": "either_value_is_missing"} | ({"or_equal": True} if "greater" in name else {})
    strict = {**either, "ignore_row_if": "neither"}
    assert ask(f"column_{name}", either, *columns).results[0].success
    evaluation = ask(f"column_{name}", strict, *columns)
    assert evaluation.status == "answered", evaluation.problem
    assert not evaluation.results[0].success


def test_text_with_nulls_in_one_column_is_compared(ask: Ask) -> None:
    for kind in ("column_pair_values_to_be_equal", "multicolumn_values_to_be_equal"):
        result = ask(kind, {}, ["x", None, "z"], ["x", "y", "z"]).results[0]
        assert (result.success, result.unexpected_count) == (False, 1)


def test_a_sum_is_told_with_all_its_digits(ask: Ask) -> None:
    result = ask("column_sum_to_be_between", {"max_value": 1}, [D("1.00000000000000001"), D("2")]).results[0]
    assert result.message == "the sum of `a` is 3.00000000000000001, not at most 1"


def test_a_row_condition_rounds_nothing(judge: Any) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"n": [2**53 + 1], "f": pa.array([0.1], pa.float32()), "v": [None]}), sink)
    for name, bound in (("n", 2.0**53), ("f", 0.1)):
        chosen = {"type": "comparison", "column": {"name": name}, "operator": ">", "parameter": bound}
        asked = {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": "v", "row_condition": chosen},
        }
        result = judge(sink.getvalue(), asked, fmt=Format("parquet"), path="a.parquet").results[0]
        assert (result.success, result.vacuous) == (False, False)


def test_what_no_double_parts_is_told_apart_by_the_pass_alone(ask: Ask) -> None:
    between = [D("1.1"), D("1.10000000000000001")]
    result = ask("column_values_to_be_between", {"max_value": 1.1}, between).results[0]
    assert (result.answered_from, result.success, result.rows) == ("pass", False, (1,))
    asked = asked_of(
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "v", "max_value": 1.1}}
    )
    table = Table(pa.table({"v": between}), (Part("x.parquet", 0),))
    with pytest.raises(Unanswered, match="closer to a bound than"):
        Judgement(table).judge(asked)


def test_a_single_value_has_no_z_score(ask: Ask) -> None:
    kind, kwargs = "column_value_z_scores_to_be_less_than", {"threshold": 3, "double_sided": True}
    result = ask(kind, kwargs, [5, None]).results[0]
    assert (result.success, result.vacuous) == (True, True)


decimals = st.decimals(min_value=-2, max_value=2, places=18) | st.decimals(
    min_value=-(10**20), max_value=10**20, places=2
)


@given(st.lists(decimals, min_size=1, max_size=6), st.data(), st.booleans(), st.booleans())
def test_bounds_part_the_values_or_are_refused(
    values: list[Decimal], data: st.DataObject, strict_min: bool, strict_max: bool
) -> None:
    near = st.sampled_from(values).map(lambda value: D(repr(float(value))))
    bounds = {BOUNDS[0]: data.draw(near | decimals), BOUNDS[1]: data.draw(near | decimals)}
    kwargs = {**bounds, "strict_min": strict_min, "strict_max": strict_max}
    try:
        found = parting("", kwargs, pd.Series(values, dtype="object"))
    except Inseparable:
        assert any(abs(value - one) <= abs(one) / 2**51 for value in values for one in bounds.values())
        return
    for value in values:
        low, high = (D(found[key]) for key in BOUNDS)
        assert (value > low if strict_min else value >= low) == (
            value > bounds[BOUNDS[0]] if strict_min else value >= bounds[BOUNDS[0]]
        )
        assert (value < high if strict_max else value <= high) == (
            value < bounds[BOUNDS[1]] if strict_max else value <= bounds[BOUNDS[1]]
        )
