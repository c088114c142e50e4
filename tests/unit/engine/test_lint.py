"""What is wrong with a suite is said before any data is read, with its line and the valid choices."""

from __future__ import annotations

from typing import Any

import pytest

from gate_server.engine.lint import lint
from gate_server.model import Format

from .cases import CASES

INFER = Format("csv", infer=True)
PARQUET = Format("parquet")


def expectation(kind: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs}


NOT_NULL = expectation("expect_column_values_to_not_be_null", column="a")


def test_a_typo_gets_line_and_suggestion(make_suite: Any) -> None:
    suite = make_suite(NOT_NULL, expectation("expect_column_values_to_not_be_nul", column="a"))
    problem = lint(suite, INFER, {})[0]
    assert (problem.code, problem.path, problem.line) == ("unknown_type", "suites/test.json", suite.lines[1])
    assert "expect_column_values_to_not_be_null" in problem.hint


def test_all_findings_are_told_in_order(make_suite: Any) -> None:
    suite = make_suite(expectation("x"), NOT_NULL, {**NOT_NULL, "severity": "fatal"})
    problems = lint(suite, INFER, {})
    assert [(problem.code, problem.line) for problem in problems] == [
        ("unknown_type", suite.lines[0]),
        ("severity", suite.lines[2]),
    ]
    assert problems[1].hint == "one of critical, warning, info"


def test_an_empty_suite_is_a_finding_and_an_error(make_suite: Any, judge: Any, make_object: Any) -> None:
    from gate_server.engine.evaluate import evaluate
    from gate_server.model import Limits

    assert [problem.code for problem in lint(make_suite(), INFER, {})] == ["empty_suite"]
    evaluation = evaluate(make_suite(), [make_object(b"a\n1\n")], INFER, {}, Limits())
    assert evaluation.status == "error"
    assert evaluation.results == ()


@pytest.mark.parametrize("kind", sorted(CASES))
def test_the_cases_have_no_finding_and_wrong_kwargs_have(kind: str, make_suite: Any) -> None:
    good = CASES[kind][0]
    assert lint(make_suite(expectation(kind, **good)), PARQUET, {}) == []
    unknown = lint(make_suite(expectation(kind, **good, colunm="a")), PARQUET, {})
    assert [problem.code for problem in unknown] == ["kwargs"]
    assert "`colunm` is not known" in unknown[0].message
    needless = {"mostly", "min_value", "max_value", "method", "ties_okay", "double_sided", "or_equal"}
    for key in set(good) - needless:
        without = {name: value for name, value in good.items() if name != key}
        assert [one.code for one in lint(make_suite(expectation(kind, **without)), PARQUET, {})] == [
            "kwargs"
        ], key
        null = lint(make_suite(expectation(kind, **{**good, key: None})), PARQUET, {})
        assert [problem.code for problem in null] == ["kwargs"], key
    for key in ("min_value", "max_value"):
        if key in good:
            unbound = {**good, "min_value": None, "max_value": None}
            assert [one.code for one in lint(make_suite(expectation(kind, **unbound)), PARQUET, {})] == [
                "kwargs"
            ]


@pytest.mark.parametrize(
    ("kind", "kwargs", "words"),
    [
        (
            "expect_column_values_to_be_between",
            {"column": "a", "min_value": 5, "max_value": 1},
            "greater than",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "a", "max_value": 2**53 + 1},
            "read as 9007199254740992.0",
        ),
        ("expect_column_values_to_be_between", {"column": "a", "min_value": True}, "read as 1.0"),
        ("expect_column_values_to_be_between", {"column": "a", "min_value": "soon"}, "min_value"),
        ("expect_column_values_to_be_in_set", {"column": "a", "value_set": []}, "empty"),
        ("expect_column_values_to_be_in_set", {"column": "a", "value_set": "abc"}, "value_set"),
        ("expect_column_values_to_not_be_null", {"column": "a", "mostly": 0}, "never fail"),
        ("expect_column_values_to_not_be_null", {"column": "a", "mostly": 1.5}, "mostly"),
        ("expect_column_values_to_not_be_null", {"column": ""}, "column"),
        ("expect_column_values_to_not_be_null", {"column": 3}, "column"),
        ("expect_column_values_to_not_be_null", {"column": "a", "batch_id": "x"}, "batch_id"),
        ("expect_column_values_to_match_regex", {"column": "a", "regex": "("}, "not a regular expression"),
        (
            "expect_column_values_to_match_regex_list",
            {"column": "a", "regex_list": ["a", "["]},
            "not a regular",
        ),
        ("expect_column_values_to_be_of_type", {"column": "a", "type_": "integer_"}, "no type"),
        ("expect_column_type_to_be", {"column": "a", "type_": "Decimal"}, "no type"),
        (
            "expect_column_values_to_be_in_type_list",
            {"column": "a", "type_list": ["int64", "nope"]},
            "no type",
        ),
        (
            "expect_column_values_to_match_json_schema",
            {"column": "a", "json_schema": {"type": 3}},
            "not a JSON schema",
        ),
        (
            "expect_column_values_to_match_json_schema",
            {"column": "a", "json_schema": {"properties": {"x": {"$ref": "file:///etc/passwd"}}}},
            "another document",
        ),
        (
            "expect_column_values_to_match_json_schema",
            {"column": "a", "json_schema": {"$id": "http://127.0.0.1/", "$ref": "#x"}},
            "$id is not offered",
        ),
        (
            "expect_column_quantile_values_to_be_between",
            {"column": "a", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[None, None]]}},
            "never fail",
        ),
        (
            "expect_column_quantile_values_to_be_between",
            {"column": "a", "quantile_ranges": {"quantiles": [0.1, 0.9], "value_ranges": [[0, 9]]}},
            "one range",
        ),
        (
            "expect_column_quantile_values_to_be_between",
            {"column": "a", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 9], [5, 6]]}},
            "one range",
        ),
        (
            "expect_column_quantile_values_to_be_between",
            {"column": "a", "quantile_ranges": {"quantiles": [], "value_ranges": []}},
            "one range",
        ),
        (
            "expect_column_quantile_values_to_be_between",
            {"column": "a", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 9, 7]]}},
            "no pair",
        ),
        ("expect_column_mean_to_be_between", {"column": "a", "min_value": "2024-01-01"}, "is a text"),
        ("expect_column_sum_to_be_between", {"column": "a", "max_value": "2024-01-01"}, "is a text"),
        ("expect_column_mean_to_be_between", {"column": "a", "max_value": 2**53}, "double precision"),
        ("expect_column_stdev_to_be_between", {"column": "a", "min_value": -(2**53)}, "double precision"),
        ("expect_column_values_to_not_be_in_set", {"column": "a", "value_set": [1, None]}, "holds null"),
        ("expect_column_values_to_be_in_set", {"column": "a", "value_set": {"b": 1}}, "a JSON object"),
        ("expect_column_values_to_be_between", {"column": "a", "max_value": {"b": 1}}, "a JSON object"),
        (
            "expect_multicolumn_values_to_be_equal",
            {"column_list": ["a", "b"], "ignore_row_if": "sometimes"},
            "ignore_row_if",
        ),
        ("expect_multicolumn_values_to_be_equal", {"column_list": ["a", "a"]}, "two columns"),
        ("expect_table_column_count_to_equal", {"value": 2.5}, "read as 2"),
        ("expect_table_row_count_to_equal", {"value": "2"}, "read as 2"),
        ("expect_column_value_lengths_to_be_between", {"column": "a", "min_value": 1.5}, "read as 1"),
        (
            "expect_column_min_to_be_between",
            {"column": "a", "min_value": 1, "strict_min": "yes"},
            "read as True",
        ),
        ("expect_column_values_to_be_between", {"column": "a", "min_value": "5"}, "read as 5.0"),
        ("expect_column_values_to_not_be_null", {"column": "a", "mostly": "0.5"}, "read as 0.5"),
        (
            "expect_column_quantile_values_to_be_between",
            {
                "column": "a",
                "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1, 2]]},
                "allow_relative_error": "roughly",
            },
            "allow_relative_error",
        ),
    ],
)
def test_what_could_never_fail_or_never_work(
    kind: str, kwargs: dict[str, Any], words: str, make_suite: Any
) -> None:
    problems = lint(make_suite(expectation(kind, **kwargs)), PARQUET, {})
    assert [problem.code for problem in problems] == ["kwargs"]
    assert words in problems[0].message


@pytest.mark.parametrize("name", ["Decimal", "date", "Timestamp", "int64", "str"])
def test_types_of_values_that_great_expectations_knows(name: str, make_suite: Any) -> None:
    for key, kind in (("type_", "of_type"), ("type_list", "in_type_list")):
        asked = expectation(
            f"expect_column_values_to_be_{kind}", column="a", **{key: [name] if "list" in key else name}
        )
        assert lint(make_suite(asked), PARQUET, {}) == []


def test_great_expectations_exports_lint_clean(make_suite: Any) -> None:
    exported = {
        "type": "expect_column_values_to_not_be_null",
        "kwargs": {"column": "a", "result_format": "COMPLETE", "catch_exceptions": True},
        "meta": {"note": "x"},
        "notes": "n",
        "description": None,
        "id": "8a1b",
        "severity": "warning",
        "rendered_content": [],
    }
    suite = make_suite(exported, meta={"great_expectations_version": "1.24.1"}, id="x", notes=None)
    assert lint(suite, INFER, {}) == []


# -- parameters ---------------------------------------------------------------------------------------

PARAMETRIC = expectation("expect_column_max_to_be_between", column="a", max_value={"$PARAMETER": "top"})


def test_parameters_are_resolved(make_suite: Any, judge: Any) -> None:
    assert lint(make_suite(PARAMETRIC), INFER, {"top": 3}) == []
    assert lint(make_suite(PARAMETRIC, suite_parameters={"top": 3}), INFER, {}) == []
    assert judge(b"a\n3\n", PARAMETRIC, fmt=INFER, parameters={"top": 3}).results[0].success
    failed = judge(b"a\n3\n", PARAMETRIC, fmt=INFER, parameters={"top": 2}).results[0]
    assert failed.message == "the maximum of `a` is 3, not at most 2"


@pytest.mark.parametrize(
    ("parameters", "code", "words"),
    [
        ({}, "parameter", "`top` is not given"),
        ({"topp": 3}, "parameter", "`top` is not given"),
        ({"top": "many"}, "kwargs", "max_value"),
        ({"top": None}, "kwargs", "neither min_value nor max_value"),
        ({"top": {"$PARAMETER": "top"}}, "parameter", "another parameter"),
        ({"top": 3, "bottom": 1}, "unused_parameter", "`bottom`"),
    ],
)
def test_bad_parameters(
    parameters: dict[str, Any], code: str, words: str, make_suite: Any, judge: Any
) -> None:
    problems = lint(make_suite(PARAMETRIC), INFER, parameters)
    assert words in next(problem.message for problem in problems if problem.code == code)
    if parameters == {"topp": 3}:
        assert any("topp" in problem.hint for problem in problems)
    evaluation = judge(b"a\n1\n", PARAMETRIC, fmt=INFER, parameters=parameters)
    assert evaluation.status == "error"
    assert evaluation.results == ()


def test_expressions_that_read_the_clock_or_a_store_are_refused(make_suite: Any) -> None:
    for name in ("now() - timedelta(days=1)", "urn:great_expectations:stores:x", "a + 1"):
        one = expectation("expect_column_max_to_be_between", column="a", max_value={"$PARAMETER": name})
        assert [problem.code for problem in lint(make_suite(one), INFER, {})] == ["parameter"]


def test_a_parameter_cannot_smuggle_in_a_condition(make_suite: Any) -> None:
    one = expectation("expect_table_row_count_to_equal", value=1, row_condition={"$PARAMETER": "c"})
    problems = lint(make_suite(one), INFER, {"c": "@__import__('os').getcwd()"})
    assert [problem.code for problem in problems] == ["row_condition"]


# -- suite and format ---------------------------------------------------------------------------------

NUMERIC = expectation("expect_column_values_to_be_between", column="_c1", min_value=0)


def test_numbers_need_a_declared_type_in_csv(make_suite: Any) -> None:
    suite = make_suite(NUMERIC)
    problem = lint(suite, Format("csv", header=False), {})[0]
    assert (problem.code, problem.line) == ("type", suite.lines[0])
    assert "text" in problem.message
    assert "format.types" in problem.hint
    assert lint(suite, Format("csv", header=False, types={"_c1": "integer"}), {}) == []
    assert lint(suite, Format("csv", infer=True), {}) == []
    assert lint(suite, PARQUET, {}) == []
    assert [p.code for p in lint(suite, Format("csv", types={"_c1": "boolean"}), {})] == ["type"]


@pytest.mark.parametrize(
    "asked",
    [
        expectation("expect_column_values_to_be_in_set", column="a", value_set=[1, 2]),
        expectation("expect_column_values_to_not_be_in_set", column="a", value_set=[1, "x"]),
        expectation(
            "expect_column_pair_values_to_be_in_set", column_A="a", column_B="b", value_pairs_set=[["x", 1]]
        ),
        expectation("expect_column_pair_values_to_be_equal", column_A="a", column_B="n"),
        expectation(
            "expect_column_values_to_not_be_null",
            column="a",
            row_condition={"type": "comparison", "column": {"name": "b"}, "operator": ">", "parameter": 1},
        ),
        expectation("expect_column_values_to_be_between", column="n", min_value="2024-01-01"),
    ],
)
def test_what_text_can_never_equal_is_a_finding(asked: dict[str, Any], make_suite: Any) -> None:
    fmt = Format("csv", types={"n": "integer"})
    problems = lint(make_suite(asked), fmt, {})
    assert [problem.code for problem in problems] == ["type"]
    assert "is text" in problems[0].message or "gives text" in problems[0].message


def test_text_needs_text(make_suite: Any) -> None:
    suite = make_suite(expectation("expect_column_values_to_match_regex", column="a", regex="x"))
    assert lint(suite, Format("csv"), {}) == []
    assert [p.code for p in lint(suite, Format("csv", types={"a": "integer"}), {})] == ["type"]


@pytest.mark.parametrize(
    "fmt",
    [
        Format("csv", encoding="utf-88"),
        Format("csv", encoding="zlib"),
        Format("csv", delimiter="é"),
        Format("csv", delimiter="\n"),
        Format("csv", delimiter='"'),
    ],
)
def test_csv_options(fmt: Format, make_suite: Any, judge: Any) -> None:
    assert [problem.code for problem in lint(make_suite(NOT_NULL), fmt, {})] == ["format"]
    assert judge(b"a\n1\n", NOT_NULL, fmt=fmt).status == "error"


def test_what_spark_does_not_answer_is_told_with_its_line(make_suite: Any) -> None:
    suite = make_suite(NOT_NULL, expectation("expect_column_median_to_be_between", column="a", min_value=0))
    assert not lint(suite, PARQUET, {})
    (problem,) = lint(suite, PARQUET, {}, "spark")
    assert (problem.code, problem.line) == ("spark", suite.lines[1])
    assert "expect_column_median_to_be_between is not answered on Spark" in problem.message
