"""Which expectations the pass answers, and what compiles them. Everything else is Great Expectations'."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gate_server.engine.native import (
    extremes,
    lengths,
    order,
    parsing,
    patterns,
    records,
    tables,
    unique,
    values,
)
from gate_server.engine.native.ask import Ask, Compiled

NATIVE: Mapping[str, Callable[[Ask], Compiled]] = {
    "expect_table_row_count_to_be_between": tables.row_count,
    "expect_table_row_count_to_equal": tables.row_count,
    "expect_table_column_count_to_be_between": tables.column_count,
    "expect_table_column_count_to_equal": tables.column_count,
    "expect_table_columns_to_match_ordered_list": tables.columns,
    "expect_table_columns_to_match_set": tables.columns,
    "expect_column_to_exist": tables.columns,
    "expect_column_values_to_be_null": values.null,
    "expect_column_values_to_not_be_null": values.not_null,
    "expect_column_values_to_be_between": values.between,
    "expect_column_values_to_be_in_set": values.in_set,
    "expect_column_values_to_not_be_in_set": values.not_in_set,
    "expect_column_values_to_be_unique": unique.unique,
    "expect_column_value_lengths_to_be_between": lengths.between,
    "expect_column_value_lengths_to_equal": lengths.equal,
    "expect_column_values_to_match_regex": patterns.match,
    "expect_column_values_to_not_match_regex": patterns.not_match,
    "expect_column_values_to_match_regex_list": patterns.match_list,
    "expect_column_values_to_not_match_regex_list": patterns.not_match_list,
    "expect_column_values_to_match_strftime_format": parsing.strftime,
    "expect_column_values_to_be_json_parseable": parsing.json_parseable,
    "expect_column_values_to_be_increasing": order.increasing,
    "expect_column_values_to_be_decreasing": order.decreasing,
    "expect_compound_columns_to_be_unique": unique.compound,
    "expect_column_pair_values_to_be_equal": records.pair_equal,
    "expect_column_pair_values_a_to_be_greater_than_b": records.pair_greater,
    "expect_column_pair_values_to_be_in_set": records.pair_in_set,
    "expect_multicolumn_sum_to_equal": records.sum_equal,
    "expect_multicolumn_values_to_be_equal": records.values_equal,
    "expect_select_column_values_to_be_unique_within_record": records.values_unique,
    "expect_column_min_to_be_between": extremes.lowest,
    "expect_column_max_to_be_between": extremes.highest,
}
