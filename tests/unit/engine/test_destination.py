"""The rows beside those of the destination: the append that ran twice."""

from __future__ import annotations

from typing import Any

import pytest
from great_expectations.core.expectation_suite import ExpectationSuite

from gate_server.engine.evaluate import evaluate
from gate_server.engine.lint import lint
from gate_server.engine.objects import DataObject
from gate_server.model import COMPARES, Format, Limits

CSV = Format("csv")
KWARGS = {"min_value": 0.9, "max_value": 1.1}


def _rows(count: int) -> bytes:
    return b"a,b\n" + b"1,2\n" * count


def _asked(make_suite: Any, **more: Any) -> Any:
    return make_suite({"type": COMPARES, "kwargs": {**KWARGS, **more}})


@pytest.mark.parametrize(
    ("rows", "there", "holds"), [(100, 100, True), (110, 100, True), (111, 100, False), (200, 100, False)]
)
def test_an_append_that_ran_twice_is_seen(
    rows: int, there: int, holds: bool, make_suite: Any, make_object: Any
) -> None:
    evaluation = evaluate(
        _asked(make_suite), [make_object(_rows(rows))], CSV, {}, Limits(), [make_object(_rows(there))]
    )
    (result,) = evaluation.results
    assert (result.success, result.vacuous) == (holds, False)
    assert f"{rows} rows" in result.message
    assert f"the destination's {there} rows" in result.message


def test_several_parts_are_one_table_on_both_sides(make_suite: Any, make_object: Any) -> None:
    parts = [make_object(_rows(5), "t/1.csv"), make_object(_rows(5), "t/2.csv")]
    there = [make_object(_rows(2), f"t/{n}.csv") for n in range(5)]
    assert evaluate(_asked(make_suite), parts, CSV, {}, Limits(), there).results[0].success
    assert not evaluate(_asked(make_suite), parts, CSV, {}, Limits(), there[:4]).results[0].success


@pytest.mark.parametrize("there", [[], [b""], [b"a,b\n"]])
def test_nothing_to_compare_with_is_vacuous(there: list[bytes], make_suite: Any, make_object: Any) -> None:
    evaluation = evaluate(
        _asked(make_suite), [make_object(_rows(3))], CSV, {}, Limits(), [make_object(one) for one in there]
    )
    assert evaluation.results[0].vacuous, evaluation


@pytest.mark.parametrize(
    ("there", "limits"), [(b"a,b\n1\n", Limits()), (_rows(9), Limits(rows=8)), (b"\xff\xfe\x00", Limits())]
)
def test_a_destination_that_cannot_be_counted_is_no_pass(
    there: bytes, limits: Limits, make_suite: Any, make_object: Any
) -> None:
    evaluation = evaluate(
        _asked(make_suite), [make_object(_rows(3))], CSV, {}, limits, [make_object(there, "main.csv")]
    )
    assert evaluation.status == "error"
    assert evaluation.problem is not None
    assert "destination" in evaluation.problem.message


def test_who_does_not_compare_does_not_read_the_destination(make_suite: Any, make_object: Any) -> None:
    def refuse() -> Any:
        raise AssertionError("it was read")

    suite = make_suite({"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3}})
    there = [DataObject("main.csv", 5, "", refuse)]
    evaluation = evaluate(suite, [make_object(_rows(3))], CSV, {}, Limits(), there)
    assert evaluation.results[0].success


@pytest.mark.parametrize(
    ("kwargs", "word"),
    [
        ({"row_condition": 'col("a") == "1"', "condition_parser": "great_expectations"}, "row_condition"),
        ({"min_value": 2}, "greater than max_value"),
        ({"min_value": None, "max_value": None}, "could never fail"),
        ({"max_valu": 3}, "max_valu"),
    ],
)
def test_what_can_not_be_asked_is_a_finding(kwargs: dict[str, Any], word: str, make_suite: Any) -> None:
    problems = lint(_asked(make_suite, **kwargs), CSV, {})
    assert len(problems) == 1
    assert word in problems[0].message


def test_great_expectations_knows_it() -> None:
    suite = ExpectationSuite("s", [{"type": COMPARES, "kwargs": KWARGS}])
    assert suite.expectations[0].expectation_type == COMPARES
    with pytest.raises(NotImplementedError, match="only lakefs-gate"):  # it has no destination: no pass
        suite.expectations[0]._validate({})
