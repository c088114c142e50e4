"""Suites are read strictly, with the line of each expectation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate_server.engine.suites import read_suite
from gate_server.errors import ConfigError

GOOD = """{
  "name": "a",
\t"meta": {"expectations": [1, {"type": "no"}], "x": "}]\\" {"},
  "expectations": [
    {"type": "t1", "kwargs": {"column": "é\\n"}}, {"type": "t2"},

    {
      "type": "t3",
      "severity": "info"
    }
  ],
  "notes": null
}
"""


def test_lines_of_expectations() -> None:
    suite = read_suite("a", GOOD, "suites/a.json")
    assert (suite.name, suite.path) == ("a", "suites/a.json")
    assert suite.lines == (5, 5, 7)
    assert suite.content == json.loads(GOOD)


@given(
    st.lists(st.dictionaries(st.sampled_from(["column", "a]", 'b"', "{"]), st.text(max_size=5)), max_size=6),
    st.sampled_from([None, 0, 2, "\t"]),
)
def test_lines_whatever_the_layout(kwargs: list[dict[str, str]], indent: Any) -> None:
    expectations = [{"type": f"mark-{number}-", "kwargs": one} for number, one in enumerate(kwargs)]
    text = json.dumps({"meta": {}, "expectations": expectations, "notes": "n"}, indent=indent)
    suite = read_suite("a", text, "a.json")
    rows = text.split("\n")
    for number, line in enumerate(suite.lines):
        nearby = "\n".join(rows[line - 1 : line + 1])
        assert f"mark-{number}-" in nearby
    assert len(suite.lines) == len(expectations)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "not valid JSON"),
        ('{"expectations": [\n{"type": "x",\n"kwargs": {"a": 1.09999999999999999}}]}', 3, "as 1.1"),
        ('{"expectations": [{"type": "x",\n"kwargs": {"a": 1e999}}]}', 2, "as inf"),
        ('{\n"expectations": [\n}', 3, "not valid JSON"),
        ('{"expectations": []} x', 1, "not valid JSON"),
        ('{"expectations": [],}', 1, "not valid JSON"),
        ("// no\n{}", 1, "not valid JSON"),
        ("[]", 1, "a suite is a JSON object"),
        ("{}", 1, "`expectations` must be a list"),
        ('{"expectations": [], "suite_parameters": [1]}', 1, "`suite_parameters` must be"),
        ('{"expectations": {}}', 1, "`expectations` must be a list"),
        ('{"expectations": [], "expectation_suite_name": "x"}', 1, "before 1.0"),
        ('{"expectations": [], "sweet": 1}', 1, "unknown key `sweet`"),
        ('{"expectations": [\n1]}', 2, "not a JSON object"),
        ('{"expectations": [\n{}]}', 2, "no `type`"),
        ('{"expectations": [\n{"type": 1}]}', 2, "no `type`"),
        ('{"expectations": [\n\n{"type": "x", "kwargs": []}]}', 3, "`kwargs` must be"),
        ('{"expectations": [\n{"expectation_type": "x", "kwargs": {}}]}', 2, "before 1.0"),
        ('{"expectations": [\n{"type": "x", "kwarg": {}}]}', 2, "unknown key `kwarg`"),
        ('{"expectations": [],\n"name": "a",\n"name": "b"}', 3, "`name` stands twice"),
        ('{"expectations": [{"type": "x",\n"kwargs": {"a": 1,\n"a": 2}}]}', 3, "`a` stands twice"),
        ('{"expectations": [{"type": "x",\n"kwargs": {"a": NaN}}]}', 2, "NaN is no JSON number"),
        ('{"expectations": [{"type": "x",\n"kwargs": {"a": -Infinity}}]}', 2, "-Infinity is no JSON number"),
        ('{"expectations": ' + "[" * 100_000, 1, ""),
    ],
)
def test_what_is_refused_and_where(text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_suite("a", text, "suites/a.json")
    assert caught.value.message.startswith(f"suites/a.json:{line}: ") or not words
    assert words in caught.value.message


def test_a_byte_order_mark_is_named() -> None:
    with pytest.raises(ConfigError, match="not valid JSON"):
        read_suite("a", "\ufeff{}", "a.json")
