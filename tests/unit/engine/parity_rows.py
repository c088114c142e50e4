"""Kwargs of expectations on texts, order and several columns of a row, for the parity tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .parity_values import ANY, SETS, within

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
    {"column": st.sampled_from(["i", "small", "u", "f", "d", "t", "s", "m", "z", "ms", "f32"])},
    optional={"strictly": st.booleans()},
)
TYPES = st.sampled_from(
    [
        "int",
        "int64",
        "Int64",
        "Int64Dtype",
        "float",
        "float32",
        "str",
        "string",
        "StringDtype",
        "bool",
        "datetime64",
        "datetime64[us]",
        "DatetimeTZDtype",
        "date",
        "Timestamp",
        "object",
        "nonsense",
    ]
)
LISTS = st.lists(PATTERNS, min_size=1, max_size=3)

# Columns that may be compared with each other, or not.
ALIKE = [
    ["i", "small"],
    ["i", "u"],
    ["i", "f"],
    ["small", "f"],
    ["s", "p"],
    ["b", "b2"],
    ["d", "d2"],
    ["t", "t2"],
]
ALIKE += [["i", "i2"], ["f", "f2"], ["s", "i"], ["i", "b"], ["d", "t"], ["b", "s"]]
IGNORED_PAIRS = st.sampled_from(["both_values_are_missing", "either_value_is_missing", "neither"])
IGNORED = st.sampled_from(["all_values_are_missing", "any_value_is_missing", "never"])


def on_pair(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return kwargs of an expectation on two columns."""
    return st.builds(
        lambda pair, more: {"column_A": pair[0], "column_B": pair[1], **more},
        st.sampled_from(ALIKE).flatmap(st.permutations),
        st.fixed_dictionaries({}, optional={"ignore_row_if": IGNORED_PAIRS, **optional}),
    )


def on_columns(**more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return kwargs of an expectation on several columns."""
    three = [["i", "small", "f"], ["i", "small", "i2"], ["s", "p", "d"], ["small", "u", "i"]]
    return st.fixed_dictionaries(
        {"column_list": st.sampled_from(ALIKE + three).flatmap(st.permutations), **more},
        optional={"ignore_row_if": IGNORED},
    )


@st.composite
def pair_in_set(draw: st.DrawFn) -> dict[str, Any]:
    """Return a pair of columns, and values for them."""
    kwargs = draw(on_pair())
    values = [SETS[kwargs[key].rstrip("2")] | st.none() for key in ("column_A", "column_B")]
    return {**kwargs, "value_pairs_set": draw(st.lists(st.tuples(*values), min_size=1, max_size=3))}


KWARGS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "expect_column_values_to_be_of_type": st.fixed_dictionaries({"column": ANY, "type_": TYPES}),
    "expect_column_values_to_be_in_type_list": st.fixed_dictionaries(
        {"column": ANY, "type_list": st.lists(TYPES, min_size=1, max_size=3)}
    ),
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
    "expect_column_pair_values_to_be_equal": on_pair(),
    "expect_column_pair_values_a_to_be_greater_than_b": on_pair(or_equal=st.booleans()),
    "expect_column_pair_values_to_be_in_set": pair_in_set(),
    "expect_multicolumn_sum_to_equal": on_columns(
        sum_total=st.integers(-2, 4) | st.sampled_from([0.5, 2**53])
    ),
    "expect_compound_columns_to_be_unique": on_columns(),
    "expect_multicolumn_values_to_be_equal": on_columns(),
    "expect_select_column_values_to_be_unique_within_record": on_columns(),
}
