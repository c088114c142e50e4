"""Patterns over lakeFS's flat keys."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate_server.policy.globs import covering_prefixes, exactly, is_pattern, literal_prefix, matches


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (
            "data/*.csv",
            ["data/a.csv", "data/.csv"],
            ["data/a/b.csv", "data/a.csv/x", "/data/a.csv", "data//a.csv"],
        ),
        ("**/x.csv", ["x.csv", "a/x.csv", "a/b/x.csv", "/x.csv"], ["ax.csv", "x.csv/"]),
        ("a/**", ["a/", "a/b", "a/b/c"], ["a", "ab/c"]),
        ("a/**/b", ["a/b", "a/x/b", "a//b"], ["ab", "a/xb"]),
        ("**", ["", "a", "a/b"], []),
        ("p?rt-[0-9][!a]", ["part-1b"], ["p/rt-1b", "part-1a", "part-xb", "part-1/"]),
        ("a[b", ["a[b"], ["ab"]),
        ("[!]", ["[!]"], ["", "a", "!"]),
        ("a\nb*", ["a\nbc"], ["a"]),
        ("ü*", ["über"], ["uber"]),
    ],
)
def test_examples(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [key for key in yes if not matches(key, (pattern,))] == []
    assert [key for key in no if matches(key, (pattern,))] == []


keys = st.text(st.sampled_from("ab/.*?[]!^\\-"), max_size=8)


@given(keys)
def test_a_key_without_wildcards_matches_itself_alone(key: str) -> None:
    if not re.search(r"[*?\[]", key):
        assert matches(key, (key,))
        assert not matches(key + "x", (key,))


@given(keys, keys)
def test_exactly_a_key_matches_itself_alone(key: str, other: str) -> None:
    assert is_pattern(exactly(key))
    assert matches(other, (exactly(key),)) is (other == key)
    assert matches(key, (exactly(key),))


@given(st.lists(keys, min_size=1, max_size=4), keys)
def test_every_match_lies_under_a_covering_prefix(patterns: list[str], key: str) -> None:
    patterns = [pattern for pattern in patterns if is_pattern(pattern)]
    prefixes = covering_prefixes(patterns)
    if matches(key, patterns):
        assert key.startswith(prefixes)
    for pattern in patterns:
        assert literal_prefix(pattern).startswith(prefixes)
    assert not any(one != other and one.startswith(other) for one in prefixes for other in prefixes)
