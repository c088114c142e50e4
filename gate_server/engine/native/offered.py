"""Which expectations the pass answers, and what compiles them. Everything else is Great Expectations'."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gate_server.engine.native import extremes, tables, unique, values
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
    "expect_column_min_to_be_between": extremes.lowest,
    "expect_column_max_to_be_between": extremes.highest,
}
