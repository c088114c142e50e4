"""One expectation of each type, with kwargs that hold and kwargs that fail on `GOOD`."""

from __future__ import annotations

from typing import Any

# n and a count up, falling counts down, b is a + 1, same is constant, nulls has one null.
COLUMNS = ["n", "t", "a", "b", "j", "d", "falling", "same", "same2", "nulls"]
GOOD = "\n".join(
    [
        ",".join(COLUMNS),
        *(
            f"{i},{'_abcdef'[i] * 2},{i},{i + 1},[{i}],2024-01-0{i},{7 - i},1,1,{i if i > 1 else ''}"
            for i in range(1, 7)
        ),
    ]
).encode()
TYPES: dict[str, Any] = dict.fromkeys(["n", "a", "b", "falling", "nulls"], "integer")
LETTERS = ["aa", "bb", "cc", "dd", "ee", "ff"]

N, T, PAIR = {"column": "n"}, {"column": "t"}, {"column_A": "b", "column_B": "a"}

# type -> (kwargs that hold, kwargs that fail)
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "expect_column_to_exist": ({"column": "n"}, {"column": "n", "column_index": 3}),
    "expect_table_column_count_to_be_between": ({"min_value": 10}, {"max_value": 9}),
    "expect_table_column_count_to_equal": ({"value": 10}, {"value": 9}),
    "expect_table_columns_to_match_ordered_list": ({"column_list": COLUMNS}, {"column_list": COLUMNS[::-1]}),
    "expect_table_columns_to_match_set": ({"column_set": COLUMNS[::-1]}, {"column_set": COLUMNS[:5]}),
    "expect_table_columns_to_not_include": ({"column_list": ["Other"]}, {"column_list": [" NULLS", "x"]}),
    "expect_table_row_count_to_be_between": ({"min_value": 6, "max_value": 6}, {"min_value": 7}),
    "expect_table_row_count_to_equal": ({"value": 6}, {"value": 7}),
    "expect_column_type_to_be": ({**N, "type_": "Int64"}, {**N, "type_": "str"}),
    "expect_column_values_to_be_null": ({"column": "nulls", "mostly": 0.1}, N),
    "expect_column_values_to_not_be_null": (N, {"column": "nulls"}),
    "expect_column_values_to_be_unique": (N, {"column": "same"}),
    "expect_column_values_to_be_between": ({**N, "min_value": 1, "max_value": 6}, {**N, "max_value": 5}),
    "expect_column_values_to_be_in_set": ({**T, "value_set": LETTERS}, {**T, "value_set": LETTERS[1:]}),
    "expect_column_values_to_not_be_in_set": ({**T, "value_set": ["zz"]}, {**T, "value_set": ["aa"]}),
    "expect_column_values_to_be_of_type": ({**N, "type_": "int64"}, {**N, "type_": "str"}),
    "expect_column_values_to_be_in_type_list": (
        {**N, "type_list": ["int64", "float64"]},
        {**N, "type_list": ["str", "float64"]},
    ),
    "expect_column_values_to_be_increasing": (N, {"column": "falling"}),
    "expect_column_values_to_be_decreasing": ({"column": "falling"}, N),
    "expect_column_value_z_scores_to_be_less_than": (
        {**N, "threshold": 3, "double_sided": True},
        {**N, "threshold": 1, "double_sided": True},
    ),
    "expect_column_values_to_not_be_outliers": ({**N, "method": "iqr"}, {**N, "multiplier": 0.01}),
    "expect_column_value_lengths_to_be_between": ({**T, "min_value": 2}, {**T, "min_value": 3}),
    "expect_column_value_lengths_to_equal": ({**T, "value": 2}, {**T, "value": 3}),
    "expect_column_values_to_match_regex": ({**T, "regex": "^[a-f]+$"}, {**T, "regex": "^[a-e]+$"}),
    "expect_column_values_to_match_regex_list": (
        {**T, "regex_list": ["a", "[b-f]"]},
        {**T, "regex_list": ["a", "b"]},
    ),
    "expect_column_values_to_not_match_regex": ({**T, "regex": "z"}, {**T, "regex": "a"}),
    "expect_column_values_to_not_match_regex_list": (
        {**T, "regex_list": ["y", "z"]},
        {**T, "regex_list": ["a", "z"]},
    ),
    "expect_column_values_to_match_strftime_format": (
        {"column": "d", "strftime_format": "%Y-%m-%d"},
        {"column": "d", "strftime_format": "%d.%m.%Y"},
    ),
    "expect_column_values_to_be_dateutil_parseable": ({"column": "d"}, {"column": "j"}),
    "expect_column_values_to_be_json_parseable": ({"column": "j"}, {"column": "t"}),
    "expect_column_values_to_match_json_schema": (
        {"column": "j", "json_schema": {"type": "array"}},
        {"column": "j", "json_schema": {"type": "object"}},
    ),
    "expect_column_min_to_be_between": ({**N, "min_value": 1}, {**N, "min_value": 2}),
    "expect_column_max_to_be_between": ({**N, "max_value": 6}, {**N, "max_value": 5}),
    "expect_column_mean_to_be_between": ({**N, "max_value": 3.5}, {**N, "max_value": 3}),
    "expect_column_median_to_be_between": ({**N, "max_value": 3.5}, {**N, "max_value": 3}),
    "expect_column_stdev_to_be_between": ({**N, "min_value": 1}, {**N, "min_value": 3}),
    "expect_column_sum_to_be_between": ({**N, "min_value": 21, "max_value": 21}, {**N, "min_value": 22}),
    "expect_column_quantile_values_to_be_between": (
        {**N, "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[3, 4]]}},
        {**N, "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[5, 6]]}},
    ),
    "expect_column_distinct_values_to_be_in_set": (
        {**T, "value_set": LETTERS},
        {**T, "value_set": LETTERS[1:]},
    ),
    "expect_column_distinct_values_to_contain_set": ({**T, "value_set": ["aa"]}, {**T, "value_set": ["zz"]}),
    "expect_column_distinct_values_to_equal_set": (
        {**T, "value_set": LETTERS},
        {**T, "value_set": LETTERS[1:]},
    ),
    "expect_column_most_common_value_to_be_in_set": (
        {**T, "value_set": ["aa"], "ties_okay": True},
        {**T, "value_set": ["aa"]},
    ),
    "expect_column_unique_value_count_to_be_between": ({**T, "min_value": 6}, {**T, "max_value": 5}),
    "expect_column_proportion_of_unique_values_to_be_between": (
        {**T, "min_value": 1},
        {**T, "max_value": 0.5},
    ),
    "expect_column_proportion_of_non_null_values_to_be_between": (
        {**T, "min_value": 1},
        {**T, "max_value": 0.5},
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": (PAIR, {"column_A": "a", "column_B": "b"}),
    "expect_column_pair_values_to_be_equal": ({"column_A": "n", "column_B": "a"}, PAIR),
    "expect_column_pair_values_to_be_in_set": (
        {"column_A": "n", "column_B": "t", "value_pairs_set": [[i + 1, x] for i, x in enumerate(LETTERS)]},
        {"column_A": "n", "column_B": "t", "value_pairs_set": [[1, "aa"]]},
    ),
    "expect_compound_columns_to_be_unique": ({"column_list": ["n", "t"]}, {"column_list": ["same", "same2"]}),
    "expect_multicolumn_sum_to_equal": (
        {"column_list": ["n", "falling"], "sum_total": 7},
        {"column_list": ["n", "a"], "sum_total": 7},
    ),
    "expect_multicolumn_values_to_be_equal": ({"column_list": ["n", "a"]}, {"column_list": ["n", "b"]}),
    "expect_select_column_values_to_be_unique_within_record": (
        {"column_list": ["a", "b"]},
        {"column_list": ["n", "a"]},
    ),
}

# What the destination holds for those that compare with it: the last row of GOOD, and others.
THERE = "\n".join(
    [
        ",".join(COLUMNS),
        "6,ff,6,7,[6],2024-01-06,1,1,1,6",
        *(f"{i},x,{i},{i},[],x,9,1,1," for i in range(7, 13)),
    ]
).encode()
_BAND = ({**N, "min_value": 0.3, "max_value": 0.4}, {**N, "min_value": 0.9})
CASES |= {
    "expect_table_row_count_ratio_to_destination_to_be_between": ({"min_value": 0.5}, {"min_value": 1}),
    "expect_table_row_count_difference_to_destination_to_be_between": ({"min_value": -1}, {"min_value": 0}),
    "expect_table_rows_to_not_repeat_those_of_destination": ({"mostly": 0.5}, {}),
    "expect_compound_columns_to_include_those_of_destination": (
        {"column_list": ["same", "same2"]},
        {"column_list": ["n", "t"]},
    ),
    "expect_compound_columns_to_not_repeat_those_of_destination": (
        {"column_list": ["n", "b"], "mostly": 0.8},
        {"column_list": ["n", "b"], "mostly": 0.9},
    ),
    "expect_column_proportion_of_null_values_difference_to_destination_to_be_between": (
        {"column": "nulls", "max_value": 0},
        {**N, "min_value": 0.1},
    ),
    "expect_column_mean_ratio_to_destination_to_be_between": _BAND,
    "expect_column_mean_difference_to_destination_to_be_between": (
        {**N, "min_value": -5.5, "max_value": -5.5},
        {**N, "strict_min": True, "min_value": -5.5},
    ),
    "expect_column_median_ratio_to_destination_to_be_between": (
        {**N, "min_value": 0.38, "max_value": 0.39},
        {**N, "min_value": 0.9},
    ),
    "expect_column_sum_ratio_to_destination_to_be_between": _BAND,
    "expect_column_max_to_be_newer_than_destination": ({"column": "nulls", "or_equal": True}, N),
}
# With data of their own, in `test_destination`.
ELSEWHERE = {
    "expect_column_max_age_at_commit_to_be_between",
    "expect_table_columns_to_include_those_of_destination",
}
