"""Kwargs of expectations on texts, order and several columns of a row, for the parity tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .parity_values import within

# Of the dialect that all engines share, and of what lies outside of it.
PATTERNS = st.sampled_from(
    [
        "^a", "a$", "^$", "^[a-z]+$", "[^a]", r"^\d$", r"\w", r"\W", r"^\S+$", r"\s", ".", "^.$", "a|b$",
        "(?:a|é)+", "(a)b?", "^a{2,3}$", "ß|ss", r"\ba", "(?i)A", "(?=a)", r"(a)\1", r"a\Z", "a$|^b", "$a",
        "(a|b*)*", "[A-z]", r"[\w-]", r"[^\d\s]", "\n", "😀", "\u0301",
    ]
)  # fmt: skip
FORMATS = st.sampled_from(["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y", "%j", "%Y", "%b %d", "%Q", "%Y%Y"])


def on_text(**kwargs: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return kwargs of an expectation on a column of texts."""
    return st.fixed_dictionaries({"column": st.sampled_from(["s", "s", "p", "i"]), **kwargs})


IN_ORDER = st.fixed_dictionaries(
    {"column": st.sampled_from(["i", "small", "u", "f", "d", "t", "s"])}, optional={"strictly": st.booleans()}
)
LISTS = st.lists(PATTERNS, min_size=1, max_size=3)

KWARGS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "expect_column_value_lengths_to_be_between": st.builds(
        lambda column, bounds: {"column": column, **bounds},
        st.sampled_from(["s", "p"]),
        within(st.integers(0, 3)),
    ),
    "expect_column_value_lengths_to_equal": on_text(value=st.integers(0, 3)),
    "expect_column_values_to_match_regex": on_text(regex=PATTERNS),
    "expect_column_values_to_not_match_regex": on_text(regex=PATTERNS),
    "expect_column_values_to_match_regex_list": on_text(
        regex_list=LISTS, match_on=st.sampled_from(["any", "all"])
    ),
    "expect_column_values_to_not_match_regex_list": on_text(regex_list=LISTS),
    "expect_column_values_to_match_strftime_format": on_text(strftime_format=FORMATS),
    "expect_column_values_to_be_json_parseable": on_text(),
    "expect_column_values_to_be_increasing": IN_ORDER,
    "expect_column_values_to_be_decreasing": IN_ORDER,
}
