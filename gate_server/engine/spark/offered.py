"""Which expectations are answered on Spark, and what compiles them. Every other one is refused beforehand."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any

import narwhals as nw
import pyarrow as pa

from gate_server.engine.families import Family
from gate_server.engine.native import distinct, extremes, kinds, records, statistics, tables, values
from gate_server.engine.native.ask import Ask, Compiled, Derived, added, of_rows
from gate_server.engine.native.comparing import compare, outside
from gate_server.engine.spark import groups, patterns


def lengths_between(ask: Ask) -> Compiled:
    """Return what `expect_column_value_lengths_to_be_between` wants."""
    return _lengths(ask, outside(ask.kwargs))


def lengths_equal(ask: Ask) -> Compiled:
    """Return what `expect_column_value_lengths_to_equal` wants."""
    return _lengths(ask, {"!=": ask.kwargs["value"]})


def _lengths(ask: Ask, fails_by: Mapping[str, Any]) -> Compiled:
    name = ask.own("length")
    fails = [compare(nw.col(name), pa.int64(), sign, bound) for sign, bound in fails_by.items()]
    derived = {name: Derived(ask.values(), _code_points)}
    return replace(of_rows(ask, reduce(operator.or_, fails)), derived=derived)


def _code_points(texts: Any) -> Any:
    from pyspark.sql import functions

    return functions.char_length(texts).cast("bigint")


def total(ask: Ask) -> Compiled:
    """Return what `expect_column_sum_to_be_between` wants; of large integers the two halves are added up.

    A block's sum of either half is far from the end of 64 bits.
    """
    if ask.columns[0].family is not Family.NUMBER or ask.types[0] != pa.int64():
        return statistics.total(ask)
    high, low = ask.own("high"), ask.own("low")
    derived = {high: Derived(ask.values(), _high), low: Derived(ask.values(), _low)}
    return Compiled(
        {"high": nw.col(high).sum(), "low": nw.col(low).sum()},
        lambda facts: {"column.sum": ((facts["high"] or 0) << _HALF) + (facts["low"] or 0)},
        derived=derived,
        merge=lambda several: added("high", "low")(
            [{name: one[name] or 0 for name in ("high", "low")} for one in several]
        ),
    )


_HALF = 32


def _high(numbers: Any) -> Any:
    from pyspark.sql import functions

    return functions.shiftright(numbers, _HALF)


def _low(numbers: Any) -> Any:
    return numbers.bitwiseAND((1 << _HALF) - 1)


ON_SPARK: Mapping[str, Callable[[Ask], Compiled]] = {
    "expect_table_row_count_to_be_between": tables.row_count,
    "expect_table_row_count_to_equal": tables.row_count,
    "expect_table_column_count_to_be_between": tables.column_count,
    "expect_table_column_count_to_equal": tables.column_count,
    "expect_table_columns_to_match_ordered_list": tables.columns,
    "expect_table_columns_to_match_set": tables.columns,
    "expect_table_columns_to_not_include": tables.columns,
    "expect_column_to_exist": tables.columns,
    "expect_column_values_to_be_null": values.null,
    "expect_column_values_to_not_be_null": values.not_null,
    "expect_column_values_to_be_between": values.between,
    "expect_column_values_to_be_in_set": values.in_set,
    "expect_column_values_to_not_be_in_set": values.not_in_set,
    "expect_column_values_to_be_unique": groups.unique,
    "expect_column_values_to_be_of_type": kinds.of_type,
    "expect_column_values_to_be_in_type_list": kinds.of_type,
    "expect_column_value_lengths_to_be_between": lengths_between,
    "expect_column_value_lengths_to_equal": lengths_equal,
    "expect_column_values_to_match_regex": patterns.match,
    "expect_column_values_to_not_match_regex": patterns.not_match,
    "expect_column_values_to_match_regex_list": patterns.match_list,
    "expect_column_values_to_not_match_regex_list": patterns.not_match_list,
    "expect_compound_columns_to_be_unique": groups.compound,
    "expect_column_pair_values_to_be_equal": records.pair_equal,
    "expect_column_pair_values_a_to_be_greater_than_b": records.pair_greater,
    "expect_column_min_to_be_between": extremes.lowest,
    "expect_column_max_to_be_between": extremes.highest,
    "expect_column_sum_to_be_between": total,
    "expect_column_mean_to_be_between": statistics.mean,
    "expect_column_stdev_to_be_between": statistics.deviation,
    "expect_column_unique_value_count_to_be_between": groups.value_count,
    "expect_column_proportion_of_unique_values_to_be_between": groups.proportion_of_unique,
    "expect_column_proportion_of_non_null_values_to_be_between": distinct.proportion_of_non_null,
    "expect_column_distinct_values_to_be_in_set": groups.in_set,
    "expect_column_distinct_values_to_contain_set": groups.contain_set,
    "expect_column_distinct_values_to_equal_set": groups.equal_set,
    "expect_column_type_to_be": kinds.column_type,
}
