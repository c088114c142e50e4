"""Row conditions select rows and nothing else: no suite runs code or reads a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gate_server.engine.conditions import BadCondition, parse
from gate_server.engine.lint import lint
from gate_server.model import Format

TYPED = Format("csv", types={"n": "integer", "d": "date", "b": "boolean", "f": "number"})
DATA = b"""n,t,d,b,f
1,x,2024-01-01,true,1.5
2,y,2024-01-02,false,
,z,,,
4,x,2024-01-04,true,9
"""


def comparison(column: str, operator: str, parameter: Any) -> dict[str, Any]:
    return {"type": "comparison", "column": {"name": column}, "operator": operator, "parameter": parameter}


def nullity(column: str, is_null: bool) -> dict[str, Any]:
    return {"type": "nullity", "column": {"name": column}, "is_null": is_null}


def counted(condition: Any, parser: str | None = None) -> dict[str, Any]:
    kwargs = {"value": 999, "row_condition": condition} | ({"condition_parser": parser} if parser else {})
    return {"type": "expect_table_row_count_to_equal", "kwargs": kwargs}


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        (comparison("n", ">", 1), 2),
        (comparison("n", ">=", 1), 3),
        (comparison("n", "<", 2), 1),
        (comparison("n", "<=", 2.5), 2),
        (comparison("n", "!=", 1), 3),  # null is unequal to 1
        (comparison("t", "==", "x"), 2),
        (comparison("t", "IN", ["x", "z"]), 3),
        (comparison("t", "NOT_IN", ["x", "z"]), 1),
        (comparison("n", "NOT_IN", [1]), 3),
        (comparison("d", "!=", "2024-01-01"), 3),
        (comparison("b", "!=", True), 2),
        (comparison("f", "NOT_IN", [1.5]), 3),
        (comparison("d", ">", "2024-01-01"), 2),
        (comparison("b", "==", True), 2),
        (comparison("f", ">", 1), 2),
        (nullity("n", True), 1),
        (nullity("n", False), 3),
        ({"type": "and", "conditions": [comparison("t", "==", "x"), comparison("n", ">", 1)]}, 1),
        ({"type": "or", "conditions": [nullity("n", True), comparison("n", "==", 1)]}, 2),
    ],
)
def test_structured_conditions(condition: Any, rows: int, judge: Any) -> None:
    evaluation = judge(DATA, counted(condition), fmt=TYPED)
    assert evaluation.status == "answered", evaluation.problem
    assert evaluation.results[0].message == f"999 rows expected, {rows} row{'' if rows == 1 else 's'} found"


@pytest.mark.parametrize("parser", ["great_expectations", "great_expectations__experimental__"])
@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ('col("n") > 1', 2),
        ('col("n") >= -1', 3),
        ('col("n") == 1.0', 1),
        ('col("t") == "x"', 2),
        ("col(\"t\") != 'x'", 2),
        ('col("n") != 1', 3),
        ('col("n").notnull()', 3),
        ('col("d") > "2024-01-01"', 2),
    ],
)
def test_great_expectations_own_language(condition: str, rows: int, parser: str, judge: Any) -> None:
    evaluation = judge(DATA, counted(condition, parser), fmt=TYPED)
    assert evaluation.status == "answered", evaluation.problem
    assert evaluation.results[0].message.endswith(f"{rows} row{'' if rows == 1 else 's'} found")


CODE = "@__import__('pathlib').Path(r'{target}').write_text('broken in')"


@pytest.mark.parametrize("parser", [None, "pandas", "python", "spark", "", "great_expectations", 7])
def test_code_is_refused_and_does_not_run(parser: Any, tmp_path: Path, judge: Any, make_suite: Any) -> None:
    target = tmp_path / "broken"
    code = CODE.format(target=target)
    forms: list[Any] = [
        code,
        f"n > 0 and {code}",
        f'col("n") > 0 and {code}',
        f'col("n` + {code} + `n") > 0',
        {"type": "pass_through", "pass_through_filter": code},
        {"type": "and", "conditions": [{"type": "pass_through", "pass_through_filter": code}]},
        {"type": "or", "conditions": [code]},
        {"type": "comparison", "column": {"name": "n"}, "operator": f"> 0 or {code} #", "parameter": 1},
        {"type": "comparison", "column": {"name": "n"}, "operator": ">", "parameter": [code]},
        {"type": "comparison", "column": {"name": "n"}, "operator": ">", "parameter": {"x": code}},
        {"type": "comparison", "column": {"name": "n", "type": code}, "operator": ">", "parameter": 1},
        {"type": "nullity", "column": {"name": "n"}, "is_null": code},
    ]
    for form in forms:
        kwargs = {"value": 1, "row_condition": form, "condition_parser": parser}
        expectation = {"type": "expect_table_row_count_to_equal", "kwargs": kwargs}
        evaluation = judge(DATA, expectation, fmt=TYPED)
        found = [problem.code for problem in lint(make_suite(expectation), TYPED, {})]
        if found:
            assert found in (["row_condition"], ["type"]), form
            assert evaluation.status == "error", form
        else:  # an odd name of a column that is not there
            assert not evaluation.results[0].success
            assert "missing" in evaluation.results[0].message
        assert not target.exists()


def test_code_in_names_and_values_is_only_text(tmp_path: Path, judge: Any) -> None:
    target = tmp_path / "broken"
    code = CODE.format(target=target)
    for name in (f"n` + {code} + `n", f"`{code}`", code, "index", "__builtins__"):
        header = '"' + name.replace('"', '""') + '"'
        data = f"{header},t\n1,x\n".encode()
        for condition in (
            comparison(name, "==", code),
            comparison(name, "IN", [code, "`x`"]),
            nullity(name, False),
        ):
            evaluation = judge(data, counted(condition), fmt=Format("csv"))
            assert evaluation.status == "answered", evaluation.problem
    assert not target.exists()


@pytest.mark.parametrize(
    "condition",
    [
        [],
        {},
        7,
        "",
        {"type": "comparison"},
        comparison("", ">", 1),
        comparison("n", "=", 1),
        comparison("n", ">", None),
        comparison("n", "IN", "x"),
        comparison("n", "IN", [None]),
        {**comparison("n", ">", 1), "more": 1},
        {"type": "and", "conditions": []},
        {"type": "or"},
        {"type": "and", "conditions": [comparison("n", ">", 1)] * 101},
    ],
)
def test_other_shapes_are_refused(condition: Any) -> None:
    with pytest.raises(BadCondition):
        parse(condition, None)


def test_trailing_text_is_not_passed_over() -> None:
    """Great Expectations itself reads the first comparison only."""
    with pytest.raises(BadCondition):
        parse('col("n") > 0 and col("n") < 5', "great_expectations")


def test_a_condition_on_a_missing_or_unfit_column_fails_by_name(judge: Any) -> None:
    missing, unfit = judge(
        DATA,
        counted(comparison("q", ">", 1)),
        counted(comparison("t", ">", 1)),
        fmt=Format("csv", infer=True),
    ).results
    assert missing.message == "`q` is missing: it should have 999 rows"
    assert unfit.message == "`t` is text, it cannot be compared by >: the suite gives a number"
    assert not missing.success
    assert not unfit.success


def test_a_condition_that_selects_nothing_is_vacuous(judge: Any) -> None:
    nothing = comparison("n", ">", 100)
    results = judge(
        DATA,
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "t", "row_condition": nothing}},
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "n", "max_value": 1, "row_condition": nothing},
        },
        {
            "type": "expect_column_max_to_be_between",
            "kwargs": {"column": "n", "max_value": 1, "row_condition": nothing},
        },
        {
            "type": "expect_compound_columns_to_be_unique",
            "kwargs": {"column_list": ["n", "t"], "row_condition": nothing},
        },
        fmt=TYPED,
    ).results
    assert [(result.success, result.vacuous) for result in results] == [
        (True, True),
        (True, True),
        (False, False),
        (True, True),
    ]
    assert results[0].message == "no row was looked at: nothing shows that it would hold no nulls"


def test_positions_are_those_of_the_whole_file(judge: Any) -> None:
    result = judge(
        DATA,
        {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": "f", "row_condition": comparison("n", ">", 1)},
        },
        fmt=TYPED,
    ).results[0]
    assert result.message == "`f`: 1 of 2 values are null, first in line 3"
    assert (result.rows, result.lines) == ((1,), (3,))
