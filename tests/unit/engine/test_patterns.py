"""A pattern that the pass takes finds the same as in Python, which is what Great Expectations means by it."""

from __future__ import annotations

import os
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate_server.engine.native.ask import NotNative
from gate_server.engine.native.patterns import as_rust
from gate_server.engine.native.texts import beyond_ascii

# For longer by hand: GATE_TEST_PARITY=100000.
EXAMPLES = int(os.environ.get("GATE_TEST_PARITY", "300"))
LETTERS = "abAZ_09 .-\n\r\t\x0b\x00\x1c\x85\xa0éß٣\u0301日😀\u2028ſK"
TEXTS = st.lists(st.text(LETTERS, max_size=6), min_size=1, max_size=8)
ATOMS = st.sampled_from(
    [
        r".",
        r"^",
        r"$",
        r"\A",
        r"\Z",
        r"\d",
        r"\D",
        r"\w",
        r"\W",
        r"\s",
        r"\S",
        r"\b",
        r"\.",
        r"\n",
        r"[a-z]",
        r"[^a]",
        r"[é-ſ]",
        r"[\d_]",
        r"[^\w\s]",
        r"[\W\d]",
        r"[-a]",
        r"[\]\\]",
        r"[A-z&&~~--]",
        "(?:)",
        "()",
    ]
) | st.sampled_from(LETTERS.replace(".", "")).map(re.escape)
REPEATS = st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "+?", "{1,2}?", "++"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({'|'.join(parts)})")
        | st.tuples(inner, REPEATS).map(lambda both: f"(?:{both[0]}){both[1]}")
    ),
    max_leaves=6,
)


@settings(max_examples=EXAMPLES)
@given(pattern=PATTERNS, texts=TEXTS)
def test_a_pattern_finds_what_it_finds_in_python(pattern: str, texts: list[str]) -> None:
    try:
        written = as_rust(pattern)
    except (NotNative, FutureWarning):
        return
    series = pl.Series("text", texts)
    left_to_python = series.to_frame().select(beyond_ascii(pl.col("text"))).to_series().is_not_null()
    found = series.str.contains(written.pattern).to_list()
    for text, odd, is_found in zip(texts, left_to_python, found, strict=True):
        if not (odd and written.only_ascii):
            assert is_found is (re.search(pattern, text) is not None), (pattern, written, text)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^a+$",
        r"^\d{4}-\d\d-\d\d$",
        r"^[\w.+-]+@[\w-]+\.[a-z]{2,}$",
        r"^(yes|no)$",
        r"(?P<year>[0-9]{4})",
        r"\bfoo\b",
        r"^$",
        r"a|b$",
        r"\Aa\Z",
        r"[^\n]",
        r"a*?",
        r".{2,}",
    ],
)
def test_plain_patterns_are_taken(pattern: str) -> None:
    assert as_rust(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?i)a",
        r"(?s:.)",
        r"(?=a)",
        r"(?<!a)b",
        r"(a)\1",
        r"(a*)*",
        r"$a",
        r"(a$)+",
        r"\Ba",
        r"a++",
        r"(?>a)",
        r"a{1001}",
        r"(",
        r"[[a]",
        r"(?P<a>x)(?(a)y|z)",
        r"\p{L}",
        r"[\ud800]",
    ],
)
def test_other_patterns_are_left_to_great_expectations(pattern: str) -> None:
    with pytest.raises(NotNative):
        as_rust(pattern)
