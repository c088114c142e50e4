"""Which expectations are answered on Spark, and what compiles them. Every other one is refused beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gate_server.engine.native.ask import Ask, Compiled
from gate_server.engine.native.offered import NATIVE
from gate_server.engine.spark import derived, groups, patterns

# What compiles these for Polars does so for Spark.
_AS_NATIVE = (
    "expect_table_row_count_to_be_between",
    "expect_table_row_count_to_equal",
    "expect_table_column_count_to_be_between",
    "expect_table_column_count_to_equal",
    "expect_table_columns_to_match_ordered_list",
    "expect_table_columns_to_match_set",
    "expect_table_columns_to_not_include",
    "expect_column_to_exist",
    "expect_column_values_to_be_null",
    "expect_column_values_to_not_be_null",
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_not_be_in_set",
    "expect_column_values_to_be_of_type",
    "expect_column_values_to_be_in_type_list",
    "expect_column_pair_values_to_be_equal",
    "expect_column_pair_values_a_to_be_greater_than_b",
    "expect_column_min_to_be_between",
    "expect_column_max_to_be_between",
    "expect_column_mean_to_be_between",
    "expect_column_stdev_to_be_between",
    "expect_column_proportion_of_non_null_values_to_be_between",
    "expect_column_type_to_be",
)

ON_SPARK: Mapping[str, Callable[[Ask], Compiled]] = {
    **{name: NATIVE[name] for name in _AS_NATIVE},
    "expect_column_values_to_be_unique": groups.unique,
    "expect_column_value_lengths_to_be_between": derived.lengths_between,
    "expect_column_value_lengths_to_equal": derived.lengths_equal,
    "expect_column_values_to_match_regex": patterns.match,
    "expect_column_values_to_not_match_regex": patterns.not_match,
    "expect_column_values_to_match_regex_list": patterns.match_list,
    "expect_column_values_to_not_match_regex_list": patterns.not_match_list,
    "expect_compound_columns_to_be_unique": groups.compound,
    "expect_column_sum_to_be_between": derived.total,
    "expect_column_unique_value_count_to_be_between": groups.value_count,
    "expect_column_proportion_of_unique_values_to_be_between": groups.proportion_of_unique,
    "expect_column_distinct_values_to_be_in_set": groups.in_set,
    "expect_column_distinct_values_to_contain_set": groups.contain_set,
    "expect_column_distinct_values_to_equal_set": groups.equal_set,
}
