"""Every expectation of Great Expectations' core, and ours: what it needs, or why it is not offered here.

Checked against the installed Great Expectations by a test, so that a new core expectation is a decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gate_server.engine.families import ANY, MOMENT, NUMERIC, ORDERED, SCALAR, TEXT, Family
from gate_server.model import AGE_AT_COMMIT, COMPARES

Kind = Literal["table", "map", "aggregate", "pair", "multicolumn"]
# How columns are handed over, see `frames`.
Preparation = Literal["", "statistic", "extreme", "sum", "difference", "compared", "row_sum"]


@dataclass(frozen=True)
class Offer:
    """What an expectation needs.

    Parameters
    ----------
    kind
        What its result looks like, and where its columns are named: ``column``; ``column_A`` and
        ``column_B``; ``column_list``.
    families
        What the values may be. `fit` also asks that bounds and given values fit them.
    looks_at_nulls
        Whether nulls are among what it judges, so that an all-null column is not vacuous.
    prepare
        How its columns are handed over, see `frames`.
    """

    kind: Kind
    families: frozenset[Family] = ANY
    prepare: Preparation = ""
    looks_at_nulls: bool = False


_MAP_TEXT = Offer("map", TEXT)
_STATISTIC = Offer("aggregate", NUMERIC, "statistic")
_NUMBERS = Offer("aggregate", NUMERIC)

OFFERED: dict[str, Offer] = {
    # -- the table
    "expect_column_to_exist": Offer("table"),
    "expect_table_column_count_to_be_between": Offer("table"),
    "expect_table_column_count_to_equal": Offer("table"),
    "expect_table_columns_to_match_ordered_list": Offer("table"),
    "expect_table_columns_to_match_set": Offer("table"),
    "expect_table_columns_to_not_include": Offer("table"),
    "expect_table_row_count_to_be_between": Offer("table"),
    "expect_table_row_count_to_equal": Offer("table"),
    "expect_column_type_to_be": Offer("aggregate", looks_at_nulls=True),
    # -- each value of a column
    "expect_column_values_to_be_null": Offer("map", looks_at_nulls=True),
    "expect_column_values_to_not_be_null": Offer("map", looks_at_nulls=True),
    "expect_column_values_to_be_unique": Offer("map", SCALAR),
    "expect_column_values_to_be_between": Offer("map", ORDERED),
    "expect_column_values_to_be_in_set": Offer("map", SCALAR),
    "expect_column_values_to_not_be_in_set": Offer("map", SCALAR),
    "expect_column_values_to_be_of_type": Offer("map", SCALAR),
    "expect_column_values_to_be_in_type_list": Offer("map", SCALAR),
    "expect_column_values_to_be_increasing": Offer("map", ORDERED, "difference"),
    "expect_column_values_to_be_decreasing": Offer("map", ORDERED, "difference"),
    "expect_column_value_z_scores_to_be_less_than": Offer("map", NUMERIC, "statistic"),
    "expect_column_values_to_not_be_outliers": Offer("map", NUMERIC, "statistic"),
    "expect_column_value_lengths_to_be_between": _MAP_TEXT,
    "expect_column_value_lengths_to_equal": _MAP_TEXT,
    "expect_column_values_to_match_regex": _MAP_TEXT,
    "expect_column_values_to_match_regex_list": _MAP_TEXT,
    "expect_column_values_to_not_match_regex": _MAP_TEXT,
    "expect_column_values_to_not_match_regex_list": _MAP_TEXT,
    "expect_column_values_to_match_strftime_format": _MAP_TEXT,
    "expect_column_values_to_be_dateutil_parseable": _MAP_TEXT,
    "expect_column_values_to_be_json_parseable": _MAP_TEXT,
    "expect_column_values_to_match_json_schema": _MAP_TEXT,
    # -- a column as a whole
    "expect_column_min_to_be_between": Offer("aggregate", ORDERED, "extreme"),
    "expect_column_max_to_be_between": Offer("aggregate", ORDERED, "extreme"),
    "expect_column_mean_to_be_between": _STATISTIC,
    "expect_column_median_to_be_between": _STATISTIC,
    "expect_column_stdev_to_be_between": _STATISTIC,
    "expect_column_sum_to_be_between": Offer("aggregate", NUMERIC, "sum"),
    "expect_column_quantile_values_to_be_between": _STATISTIC,
    "expect_column_distinct_values_to_be_in_set": Offer("aggregate", SCALAR),
    "expect_column_distinct_values_to_contain_set": Offer("aggregate", SCALAR),
    "expect_column_distinct_values_to_equal_set": Offer("aggregate", SCALAR),
    "expect_column_most_common_value_to_be_in_set": Offer("aggregate", SCALAR),
    "expect_column_unique_value_count_to_be_between": Offer("aggregate", SCALAR, looks_at_nulls=True),
    "expect_column_proportion_of_unique_values_to_be_between": Offer("aggregate", SCALAR),
    "expect_column_proportion_of_non_null_values_to_be_between": Offer("aggregate", looks_at_nulls=True),
    # -- several columns
    "expect_column_pair_values_a_to_be_greater_than_b": Offer("pair", ORDERED, "compared"),
    "expect_column_pair_values_to_be_equal": Offer("pair", SCALAR, "compared"),
    "expect_column_pair_values_to_be_in_set": Offer("pair", SCALAR),
    "expect_compound_columns_to_be_unique": Offer("multicolumn", SCALAR),
    "expect_multicolumn_sum_to_equal": Offer("multicolumn", NUMERIC, "row_sum"),
    "expect_multicolumn_values_to_be_equal": Offer("multicolumn", SCALAR, "compared"),
    "expect_select_column_values_to_be_unique_within_record": Offer("multicolumn", SCALAR),
}

# Beside the destination: answered in `comparison`, which looks at both sides' types itself.
OFFERED |= {
    COMPARES: Offer("table"),
    "expect_table_row_count_difference_to_destination_to_be_between": Offer("table"),
    "expect_table_columns_to_include_those_of_destination": Offer("table"),
    "expect_table_rows_to_not_repeat_those_of_destination": Offer("table"),
    "expect_compound_columns_to_include_those_of_destination": Offer("multicolumn"),
    "expect_compound_columns_to_not_repeat_those_of_destination": Offer("multicolumn"),
    "expect_column_proportion_of_null_values_difference_to_destination_to_be_between": Offer("aggregate"),
    "expect_column_mean_ratio_to_destination_to_be_between": _NUMBERS,
    "expect_column_mean_difference_to_destination_to_be_between": _NUMBERS,
    "expect_column_median_ratio_to_destination_to_be_between": _NUMBERS,
    "expect_column_sum_ratio_to_destination_to_be_between": _NUMBERS,
    "expect_column_max_to_be_newer_than_destination": Offer("aggregate", ORDERED),
    AGE_AT_COMMIT: Offer("aggregate", MOMENT),
}

_SQL = "it needs a SQL database"
_NOWHERE = "Great Expectations 1.x does not implement it"

NOT_OFFERED: dict[str, str] = {
    "expect_column_values_to_match_like_pattern": f"{_SQL}; use ..._match_regex",
    "expect_column_values_to_match_like_pattern_list": f"{_SQL}; use ..._match_regex_list",
    "expect_column_values_to_not_match_like_pattern": f"{_SQL}; use ..._not_match_regex",
    "expect_column_values_to_not_match_like_pattern_list": f"{_SQL}; use ..._not_match_regex_list",
    "expect_query_results_to_match_comparison": _SQL,
    "expect_table_row_count_to_equal_other_table": _SQL,
    "unexpected_rows_expectation": _SQL,
    "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than": _NOWHERE,
    "expect_column_chisquare_test_p_value_to_be_greater_than": _NOWHERE,
    "expect_column_pair_cramers_phi_value_to_be_less_than": _NOWHERE,
    "expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than": _NOWHERE,
    "expect_multicolumn_values_to_be_unique": f"{_NOWHERE}; use expect_compound_columns_to_be_unique",
    "expect_column_kl_divergence_to_be_less_than": "its partition would have to hold values of the data",
}


def columns_of(kind: Kind, kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that an expectation of `kind` needs; () for the table as a whole."""
    if kind == "pair":
        names: list[Any] = [kwargs.get("column_A"), kwargs.get("column_B")]
    elif kind == "multicolumn":
        found = kwargs.get("column_list")
        names = list(found) if isinstance(found, (list, tuple)) else []
    elif kind == "table":
        names = []
    else:
        names = [kwargs.get("column")]
    return tuple(name for name in names if isinstance(name, str))
