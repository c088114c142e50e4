"""Suites that try to run code, to read files or to call somebody: a finding or an error, and never done."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from gate_server.engine.lint import lint
from gate_server.engine.suites import read_suite
from gate_server.errors import ConfigError
from gate_server.model import Format

CSV = Format("csv")
NOT_NULL = "expect_column_values_to_not_be_null"


def touch(marker: Path) -> str:
    return f"__import__('os').system('touch {marker}')"


def asked(kind: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs}


def conditions(marker: Path) -> list[Any]:
    code, shell = touch(marker), f"touch {marker}"
    comparison = {"type": "comparison", "column": {"name": f"`a`; {code}"}, "operator": "=="}
    return [
        f"@{code}",
        f"a == @{code}",
        {"type": "pass_through", "pass_through_filter": f"@{code}"},
        {"type": "pass_through", "parser": "pandas", "condition": f"@{code}"},
        {**comparison, "parameter": 1, "operator": f"== {code} or "},
        {**comparison, "parameter": {"$PARAMETER": code}},
        {"type": "and", "conditions": [f"@{code}"]},
        {"type": code},
        [f"@{code}"],
        f"$({shell})",
    ]


def expectations(marker: Path) -> list[dict[str, Any]]:
    code = touch(marker)
    return [
        *(asked(NOT_NULL, column="a", row_condition=condition) for condition in conditions(marker)),
        *(
            asked(NOT_NULL, column="a", row_condition=f"@{code}", condition_parser=parser)
            for parser in (
                "pandas",
                "spark",
                "python",
                "great_expectations",
                "great_expectations__experimental__",
                code,
            )
        ),
        asked(
            NOT_NULL,
            column="a",
            row_condition=f'col("a") == "x" and @{code}',
            condition_parser="great_expectations",
        ),
        asked(
            "unexpected_rows_expectation",
            unexpected_rows_query=f"COPY (SELECT 1) TO PROGRAM 'touch {marker}'",
        ),
        asked("UnexpectedRowsExpectation", unexpected_rows_query="SELECT pg_read_file('/etc/passwd')"),
        asked("expect_query_results_to_match_comparison", base_query="SELECT 1", comparison_query="SELECT 1"),
        asked(code, column="a"),
        asked("os.system", command=f"touch {marker}"),
        asked("__class__"),
        asked("../../suites/other"),
        asked("file:///etc/passwd"),
        asked("{{ cycler.__init__.__globals__.os.system('id') }}"),
        asked("ExpectColumnValuesToNotBeNull", column="a"),
        asked("expect_column_values_to_be_of_type", column="a", type_=code),
        asked("expect_column_values_to_be_of_type", column="a", type_="os.system"),
        asked(
            "expect_column_values_to_be_in_type_list", column="a", type_list=["__import__", "builtins.eval"]
        ),
        asked("expect_column_values_to_match_regex", column="a", regex=f"(?{{ {code} }})"),
        asked("expect_column_values_to_be_in_set", column="a", value_set={"$PARAMETER": code}),
        asked(
            "expect_column_values_to_be_in_set",
            column="a",
            value_set={"$PARAMETER": "urn:great_expectations:stores:x"},
        ),
        asked(
            "expect_column_values_to_be_in_set",
            column="a",
            value_set={"py/reduce": [{"py/type": "os.system"}]},
        ),
        asked(
            "expect_column_values_to_match_json_schema", column="a", json_schema={"$ref": f"file://{marker}"}
        ),
        asked(
            "expect_column_values_to_match_json_schema",
            column="a",
            json_schema={"$ref": "http://127.0.0.1:9/x"},
        ),
        {**asked(NOT_NULL, column="a"), "severity": code},
    ]


def test_what_would_run_code_is_a_finding_and_an_error(tmp_path: Path, make_suite: Any, judge: Any) -> None:
    marker = tmp_path / "ran"
    for one in expectations(marker):
        assert lint(make_suite(one), CSV, {}) != [], one
        evaluation = judge(b"a,b\nx,y\n", one, fmt=CSV)
        assert (evaluation.status, evaluation.results) == ("error", ()), one
    assert not marker.exists()


def test_what_looks_like_code_and_is_text_stays_text(tmp_path: Path, judge: Any) -> None:
    """Names, values and notes that somebody else might run are compared as they stand."""
    marker = tmp_path / "ran"
    code = touch(marker)
    for text in (
        code,
        f"@{code}",
        f"`a`; {code}",
        "{{ 7 * 7 }}",
        "=cmd|' /C calc'!A0",
        "file:///etc/passwd",
        "\\N",
    ):
        absent = judge(b"a\nx\n", asked(NOT_NULL, column=text))
        assert [result.success for result in absent.results] == [False], text
        one_of = asked("expect_column_values_to_be_in_set", column="a", value_set=[text])
        assert [result.success for result in judge(b"a\nx\n", one_of).results] == [False], text
        cells = ('a\n"' + text.replace('"', '""') + '"\n').encode()
        assert [result.success for result in judge(cells, one_of).results] == [True], text
        noted = {
            **one_of,
            "meta": {"note": text},
            "notes": text,
            "description": text,
            "rendered_content": [text],
        }
        assert [result.success for result in judge(cells, noted).results] == [True], text
        equal = {"type": "comparison", "column": {"name": "a"}, "operator": "==", "parameter": text}
        where = asked(NOT_NULL, column="a", row_condition=equal)
        assert [result.vacuous for result in judge(cells, where).results] == [False], text
    assert not marker.exists()


@pytest.mark.parametrize("name", ["pickle", "yaml", "python", "jsonpickle", "twice"])
def test_a_suite_that_is_no_json_of_a_suite_is_refused_unread(name: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Runs:
        def __reduce__(self) -> Any:
            return eval, (touch(marker),)

    texts = {
        "pickle": pickle.dumps(Runs()).decode("latin-1"),
        "yaml": f"!!python/object/apply:os.system ['touch {marker}']\n",
        "python": touch(marker),
        "jsonpickle": json.dumps(
            {"py/reduce": [{"py/function": "os.system"}, {"py/tuple": [f"touch {marker}"]}]}
        ),
        "twice": '{"expectations": [], "expectations": []}',
    }
    with pytest.raises(ConfigError):
        read_suite("s", texts[name], "suites/s.json")
    assert not marker.exists()
