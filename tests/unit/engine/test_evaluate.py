"""What an evaluation says: words, counts, places; and that it fails closed and holds no values."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gate_server.engine import run
from gate_server.engine.evaluate import evaluate
from gate_server.engine.objects import DataObject
from gate_server.engine.version import ENGINE_VERSION
from gate_server.model import Evaluation, Format, Limits, Problem, dump, load

TYPED = Format(
    "csv", types={"qty": "integer", "price": "decimal", "day": "date", "at": "timestamp", "x": "number"}
)


def expectation(kind: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": f"expect_{kind}", "kwargs": kwargs}


NOT_NULL = expectation("column_values_to_not_be_null", column="qty")


# -- words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "asked", "message"),
    [
        (b"qty\n1\n\n2\n", NOT_NULL, "`qty`: 1 of 3 values are null, first in line 3"),
        (
            b"qty\n1\n11\n12\n",
            expectation("column_values_to_be_between", column="qty", min_value=0, max_value=10),
            "`qty`: 2 of 3 values lie outside 0 to 10, first in line 3",
        ),
        (
            b"price\ncheap\n",
            expectation("column_values_to_be_between", column="price", min_value=0, max_value=100),
            "`price` is text, numbers are needed to be between 0 and 100",
        ),
        (
            b"qty\n1\n",
            expectation("column_values_to_match_regex", column="qty", regex="x"),
            "`qty` is a number, text is needed to match the regular expression",
        ),
        (
            b"a,b,c\n1,2,3\n",
            expectation("table_columns_to_match_ordered_list", column_list=["a", "b"]),
            "`c` is not expected: 2 columns expected, 3 found (`a, b, c`)",
        ),
        (
            b"b,a\n1,2\n",
            expectation("table_columns_to_match_ordered_list", column_list=["a", "b"]),
            "the columns stand in another order: `a, b` expected, `b, a` found",
        ),
        (
            b"a,b\n1,2\n",
            expectation("table_columns_to_match_set", column_set=["c", "a", "d"]),
            "`c`, `d` are missing: 3 columns expected, 2 found (`a, b`)",
        ),
        (b"a\n1\n", expectation("table_row_count_to_equal", value=2), "2 rows expected, 1 row found"),
        (
            b"qty,day\n1,2024-01-01\n",
            expectation("column_pair_values_to_be_equal", column_A="qty", column_B="day"),
            "`qty` is a number and `day` is text: the two cannot be compared",
        ),
    ],
)
def test_messages(content: bytes, asked: dict[str, Any], message: str, judge: Any) -> None:
    result = judge(content, asked, fmt=Format("csv", infer=True)).results[0]
    assert not result.success
    assert result.message == message


def test_wide_tables_do_not_flood_the_message(judge: Any) -> None:
    names = [f"column{number}" for number in range(500)]
    content = ",".join(names).encode() + b"\n"
    message = judge(content, expectation("table_column_count_to_equal", value=5)).results[0].message
    assert len(message) < 500
    assert message.endswith("and 480 more)")


def test_a_name_from_the_data_cannot_forge_a_message(judge: Any) -> None:
    content = b'"a`: all\nPASS \x1b[2J\xe2\x80\xae","' + b"x" * 5000 + b'"\n1,2\n'
    for asked in (
        expectation("table_column_count_to_equal", value=1),
        expectation("table_columns_to_match_ordered_list", column_list=["b"]),
        expectation("table_columns_to_match_set", column_set=["a"], exact_match=True),
        NOT_NULL,
        expectation("column_to_exist", column="b"),
    ):
        message = judge(content, asked).results[0].message
        assert message.isprintable()
        assert len(message) < 400
        assert "`a`:" not in message
    twice = judge(b'"a\n","a\n"\n1,2\n', NOT_NULL).problem
    assert twice.message == "columns 1 and 2 are both named `a\\n`"


def test_a_result_has_counts_places_and_severity(judge: Any) -> None:
    asked = expectation("column_values_to_be_between", column="qty", max_value=1, mostly=0.9)
    content = b'qty,t\n1,"a\nb"\n5,x\n,y\n1,z\n'
    result = judge(content, {**asked, "severity": "warning"}, fmt=TYPED).results[0]
    assert (result.element_count, result.missing_count, result.unexpected_count) == (4, 1, 1)
    assert result.unexpected_percent == pytest.approx(100 / 3)
    assert (result.rows, result.lines) == ((1,), (4,))
    assert (result.severity, result.column) == ("warning", "qty")
    assert (result.expected, result.observed) == ("be at most 1", "1 of 3 values are not at most 1")


def test_twenty_places_are_kept(judge: Any) -> None:
    result = judge(b"qty,t\n" + b",x\n" * 1000, NOT_NULL, fmt=TYPED).results[0]
    assert result.unexpected_count == 1000
    assert result.lines == tuple(range(2, 22))


def test_results_stand_in_the_order_of_the_suite_even_when_alike(judge: Any) -> None:
    asked = [NOT_NULL, expectation("column_values_to_be_unique", column="qty"), NOT_NULL, NOT_NULL]
    results = judge(b"qty\n1\n1\n", *asked, fmt=TYPED).results
    assert [(result.number, result.success) for result in results] == [
        (0, True),
        (1, False),
        (2, True),
        (3, True),
    ]


# -- exactness ----------------------------------------------------------------------------------------


def test_names_that_differ_by_case_or_quotes_are_different_columns(judge: Any) -> None:
    """Great Expectations itself takes one for the other."""
    names = ["a", "A", "[a]", "`a`", "a b", "index", "batch_id"]
    header = ",".join(names).encode()
    for empty in range(len(names)):
        row = ",".join("" if place == empty else "1" for place in range(len(names))).encode()
        asked = [expectation("column_values_to_not_be_null", column=name) for name in names]
        results = judge(header + b"\n" + row + b"\n", *asked).results
        assert [result.success for result in results] == [place != empty for place in range(len(names))]


@pytest.mark.parametrize(
    ("content", "asked", "success"),
    [
        (
            b"qty\n9007199254740993\n\n",
            ("values_to_be_between", "qty", {"max_value": 9007199254740992}),
            False,
        ),
        (
            b"qty\n9007199254740993\n\n",
            ("values_to_be_in_set", "qty", {"value_set": [9007199254740992]}),
            False,
        ),
        (
            b"qty\n9007199254740993\n\n",
            ("values_to_be_in_set", "qty", {"value_set": [9007199254740993]}),
            True,
        ),
        (b"qty\n9223372036854775807\n1\n", ("sum_to_be_between", "qty", {"min_value": 0}), True),
        (b"qty\n9223372036854775807\n-2\n", ("values_to_be_increasing", "qty", {}), False),
        (
            b"price\n1.10\n2.20\n",
            ("values_to_be_between", "price", {"min_value": 1.1, "max_value": 2.2}),
            True,
        ),
        (b"price\n1.10\n", ("values_to_be_in_set", "price", {"value_set": [1.1]}), True),
        (b"price\n1.09\n", ("values_to_be_between", "price", {"min_value": 1.1}), False),
        (b"day\n2024-01-01\n", ("values_to_be_between", "day", {"max_value": "2024-01-01"}), True),
        (b"day\n2024-01-02\n", ("values_to_be_between", "day", {"max_value": "2024-01-01"}), False),
        (b"day\n2024-01-02\n2024-01-01\n", ("values_to_be_increasing", "day", {}), False),
        (b"day\n2024-01-01\n", ("values_to_be_in_set", "day", {"value_set": ["2024-01-01"]}), True),
        (b"at\n2024-01-01T12:00\n", ("max_to_be_between", "at", {"max_value": "2024-01-01T11:59"}), False),
        (
            b"at\n2024-01-01T12:00Z\n",
            ("max_to_be_between", "at", {"max_value": "2024-01-01T13:00+01:00"}),
            True,
        ),
        (
            b"at\n2024-01-01T12:00Z\n",
            ("max_to_be_between", "at", {"max_value": "2024-01-01T12:59+01:00"}),
            False,
        ),
        (b"x\nnan\n1\n", ("values_to_not_be_null", "x", {}), False),
        (b"x\ninf\n1\n", ("values_to_be_between", "x", {"max_value": 1e300}), False),
        (
            b"x\ninf\n1\n",
            ("value_z_scores_to_be_less_than", "x", {"threshold": 3, "double_sided": True}),
            False,
        ),
    ],
)
def test_exact_comparisons(
    content: bytes, asked: tuple[str, str, dict[str, Any]], success: bool, judge: Any
) -> None:
    kind, column, kwargs = asked
    evaluation = judge(content, expectation(f"column_{kind}", column=column, **kwargs), fmt=TYPED)
    assert evaluation.status == "answered", evaluation.problem
    assert evaluation.results[0].success is success, evaluation.results[0]


def test_nulls_in_pairs_are_failures_not_errors(judge: Any) -> None:
    fmt = Format("csv", types={"a": "integer", "b": "integer"})
    content = b"a,b\n2,1\n,1\n2,\n"
    greater = {"column_A": "a", "column_B": "b"}
    results = judge(
        content,
        expectation("column_pair_values_a_to_be_greater_than_b", **greater),
        expectation(
            "column_pair_values_a_to_be_greater_than_b", **greater, ignore_row_if="either_value_is_missing"
        ),
        expectation("column_pair_values_to_be_equal", **greater),
        expectation("multicolumn_sum_to_equal", column_list=["a", "b"], sum_total=3),
        expectation("multicolumn_values_to_be_equal", column_list=["a", "b"]),
        fmt=fmt,
    ).results
    assert [result.success for result in results] == [False, True, False, False, False]
    assert results[0].lines == (3, 4)


# -- failing closed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"qty\nabc\n", "unreadable", "type"),
        (b"qty,b\n1\n", "unreadable", "ragged"),
        (b"qty\n\xff\n", "unreadable", "encoding"),
    ],
)
def test_bad_data_is_a_problem_with_path_and_line(content: bytes, status: str, code: str, judge: Any) -> None:
    evaluation = judge(content, NOT_NULL, fmt=TYPED, path="in/data.csv")
    assert (evaluation.status, evaluation.problem.code) == (status, code)
    assert (evaluation.problem.path, evaluation.problem.line) == ("in/data.csv", 2)
    assert evaluation.results == ()


def test_a_value_that_does_not_convert_is_not_repeated(judge: Any) -> None:
    problem = judge(b'qty,t\n1,"x\ny"\nsecret,z\n', NOT_NULL, fmt=TYPED).problem
    assert problem.message == "`qty` in line 4 is not an integer"
    assert problem.line == 4


def test_no_bytes_are_answered_without_rows_and_without_claims(judge: Any) -> None:
    evaluation = judge(b"", NOT_NULL, fmt=TYPED)
    assert evaluation.is_empty
    assert evaluation.results == ()


def test_a_header_alone_is_answered_and_vacuous(judge: Any) -> None:
    evaluation = judge(
        b"qty\n", NOT_NULL, expectation("table_row_count_to_be_between", min_value=1), fmt=TYPED
    )
    assert evaluation.is_empty
    assert evaluation.columns == ("qty",)
    assert [(result.success, result.vacuous) for result in evaluation.results] == [
        (True, True),
        (False, False),
    ]


def test_an_all_null_column_is_vacuous(judge: Any) -> None:
    result = judge(
        b"qty,t\n,1\n,2\n", expectation("column_values_to_be_between", column="qty", min_value=0), fmt=TYPED
    ).results[0]
    assert (result.success, result.vacuous) == (True, True)
    assert result.message == "`qty` holds no values: nothing shows that it would be at least 0"


def test_nothing_to_judge_is_an_error(make_suite: Any) -> None:
    evaluation = evaluate(make_suite(NOT_NULL), [], TYPED, {}, Limits())
    assert (evaluation.status, evaluation.results) == ("error", ())


def test_a_broken_suite_is_an_error_with_its_line(make_suite: Any, judge: Any) -> None:
    evaluation = judge(b"qty\n1\n", NOT_NULL, expectation("column_values_to_be_nul", column="qty"), fmt=TYPED)
    assert evaluation.status == "error"
    assert evaluation.problem.path == "suites/test.json"
    assert evaluation.problem.line is not None
    assert evaluation.results == ()


LEFT_TO_GREAT_EXPECTATIONS = expectation("column_values_to_be_dateutil_parseable", column="when")


def test_an_expectation_that_great_expectations_drops_is_an_error(
    monkeypatch: pytest.MonkeyPatch, judge: Any
) -> None:
    whole = run.ExpectationSuite

    def forgetful(name: str, expectations: list[Any]) -> Any:
        return whole(name, expectations[:-1])

    monkeypatch.setattr(run, "ExpectationSuite", forgetful)
    evaluation = judge(b"qty,when\n1,2024-01-31\n", NOT_NULL, LEFT_TO_GREAT_EXPECTATIONS, fmt=TYPED)
    assert (evaluation.status, evaluation.problem.code) == ("error", "unanswered")


def test_an_exception_inside_great_expectations_is_an_error_without_its_text(
    monkeypatch: pytest.MonkeyPatch, judge: Any
) -> None:
    import pandas as pd

    def fail(*_: Any, **__: Any) -> Any:
        raise ValueError("a secret value")

    monkeypatch.setattr(pd.Series, "map", fail)
    evaluation = judge(b"qty,when\n1,2024-01-31\n", NOT_NULL, LEFT_TO_GREAT_EXPECTATIONS, fmt=TYPED)
    assert evaluation.status == "error"
    assert "could not be answered" in evaluation.problem.message
    assert "secret" not in json.dumps(dump(evaluation))


def test_any_other_exception_is_an_error_without_its_text(
    monkeypatch: pytest.MonkeyPatch, judge: Any
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a secret value")

    monkeypatch.setattr("gate_server.engine.evaluate.open_scan", fail)
    evaluation = judge(b"qty\n1\n", NOT_NULL, fmt=TYPED)
    assert evaluation.status == "error"
    assert evaluation.problem == Problem("engine", "the evaluation failed (RuntimeError)", path="data.csv")


# -- several objects ----------------------------------------------------------------------------------


def test_a_dataset_is_judged_as_one_table(make_suite: Any, make_object: Any) -> None:
    parts = [
        make_object(b"qty\n1\n2\n", "d/1.csv"),
        make_object(b"", "d/2.csv"),
        make_object(b"qty\n\n2\n", "d/3.csv"),
    ]
    suite = make_suite(NOT_NULL, expectation("column_values_to_be_unique", column="qty"))
    evaluation = evaluate(suite, parts, TYPED, {}, Limits())
    assert (evaluation.status, evaluation.rows) == ("answered", 4)
    nulls, unique = evaluation.results
    assert nulls.message == "`qty`: 1 of 4 values are null, first in line 2 of d/3.csv"
    assert unique.message == "`qty`: 2 of 3 values are not unique, first in line 3 of d/1.csv"
    assert (unique.rows, unique.lines) == ((1, 3), ())
    assert unique.detail["places"] == [{"path": "d/1.csv", "line": 3}, {"path": "d/3.csv", "line": 3}]


def test_types_of_a_dataset_are_inferred_over_all_parts(make_suite: Any, make_object: Any) -> None:
    parts = [make_object(b"a\n\n", "1.csv"), make_object(b"a\n5\n", "2.csv")]
    suite = make_suite(expectation("column_max_to_be_between", column="a", max_value=5))
    evaluation = evaluate(suite, parts, Format("csv", infer=True), {}, Limits())
    assert evaluation.results[0].success


def test_the_part_that_does_not_fit_is_named(make_suite: Any, make_object: Any) -> None:
    parts = [make_object(b"qty,b\n1,2\n", "1.csv"), make_object(b"b,qty\n1,2\n", "2.csv")]
    evaluation = evaluate(make_suite(NOT_NULL), parts, TYPED, {}, Limits())
    assert (evaluation.status, evaluation.problem.path) == ("unreadable", "2.csv")
    assert "1.csv" in evaluation.problem.message
    bad = [make_object(b"qty\n1\n", "1.csv"), make_object(b"qty\n1\nx\n", "2.csv")]
    problem = evaluate(make_suite(NOT_NULL), bad, TYPED, {}, Limits()).problem
    assert problem is not None
    assert (problem.path, problem.line, problem.message) == ("2.csv", 3, "`qty` in line 3 is not an integer")


# -- around -------------------------------------------------------------------------------------------


def test_an_evaluation_goes_through_json(judge: Any) -> None:
    asked = expectation("column_max_to_be_between", column="x", max_value=3)
    evaluation = judge(b"x\ninf\n", asked, fmt=TYPED)
    text = json.dumps(dump(evaluation), allow_nan=False)
    assert load(Evaluation, json.loads(text)) == evaluation
    assert evaluation.results[0].message == "the maximum of `x` is inf, not at most 3"


def test_bytes_and_time_are_told(judge: Any) -> None:
    evaluation = judge(b"qty\n1\n", NOT_NULL, fmt=TYPED)
    assert (evaluation.bytes_read, evaluation.objects_read) == (6, 1)
    assert evaluation.duration_s > 0


def test_a_slow_or_broken_store_is_no_fault_of_the_data(make_suite: Any) -> None:
    def refuse() -> Any:
        raise OSError("secret address")

    evaluation = evaluate(make_suite(NOT_NULL), [DataObject("a.csv", 6, "", refuse)], TYPED, {}, Limits())
    assert (evaluation.status, evaluation.problem and evaluation.problem.code) == ("error", "read_failed")
    short = DataObject("a.csv", 7, "", lambda: io.BytesIO(b"qty\n1\n"))
    assert evaluate(make_suite(NOT_NULL), [short], TYPED, {}, Limits()).status == "error"


def test_the_version_names_what_judges() -> None:
    assert ENGINE_VERSION.startswith("engine ")
    for name in ("great-expectations 1.", "pandas ", "pyarrow "):
        assert name in ENGINE_VERSION


CHILD = """
import io, os, socket, sys
def no_network(*_): raise AssertionError("network")
socket.socket.connect = no_network
socket.getaddrinfo = no_network
import gate_server.workers.preload
from gate_server.engine.evaluate import evaluate
from gate_server.engine.objects import DataObject
from gate_server.engine.suites import read_suite
from gate_server.model import Format, Limits
one = '{"type": "expect_table_column_count_to_equal", "kwargs": {"value": 1}}'
suite = read_suite("s", '{"expectations": [' + one + "]}", "s")
e = evaluate(suite, [DataObject("a", 4, "", lambda: io.BytesIO(b"a\\n1\\n"))], Format("csv"), {}, Limits())
assert e.results[0].success, e
"""


def test_nothing_is_written_printed_or_sent(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("home", "cwd", "tmp")}
    for folder in folders.values():
        folder.mkdir()
    root = str(Path(__file__).parents[3])
    environment = {
        "HOME": str(folders["home"]),
        "TMPDIR": str(folders["tmp"]),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": root,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        cwd=folders["cwd"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not [path for folder in folders.values() for path in folder.rglob("*")]


def test_the_light_modules_do_not_import_the_heavy_ones() -> None:
    code = (
        "import sys, gate_server.engine.suites, gate_server.engine.objects, gate_server.engine.version\n"
        "assert not {'pandas', 'pyarrow', 'great_expectations', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=True)
