"""Kwargs of expectations on a column as a whole, for the parity tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .parity_values import ANY, BOUNDS, SETS, on_a_column, within

NUMBERS = ["i", "small", "u", "f", "f32", "m"]
STATISTICS: st.SearchStrategy[Any] = st.sampled_from([0, 1, -1.5, 0.5, 2.5, 3, 1e16, 1e300])
SHARES = st.sampled_from([0, 0.25, 0.5, 1])


def _on(columns: list[str], bounds: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda column, limits: {"column": column, **limits}, st.sampled_from(columns), within(bounds)
    )


@st.composite
def _quantiles(draw: st.DrawFn) -> dict[str, Any]:
    asked = draw(st.lists(st.sampled_from([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1]), min_size=1, max_size=3))
    ranges = []
    for _ in asked:
        found = draw(within(STATISTICS))
        ranges.append([found.get("min_value"), found.get("max_value")])
    kinds = st.sampled_from([None, False, "linear", "lower", "higher", "midpoint", "nearest"])
    kind = draw(kinds)
    return {
        "column": draw(st.sampled_from(NUMBERS)),
        "quantile_ranges": {"quantiles": asked, "value_ranges": ranges},
        **({} if kind is None else {"allow_relative_error": kind}),
    }


@st.composite
def _a_set(draw: st.DrawFn) -> dict[str, Any]:
    column = draw(st.sampled_from(sorted(SETS)))
    return {"column": column, "value_set": draw(st.lists(SETS[column], min_size=1, max_size=3))}


_TYPES = ["Int64", "int64", "Float64", "string", "str", "boolean", "object", "datetime64[us]", "int8"]

KWARGS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "expect_column_min_to_be_between": on_a_column("expect_column_min_to_be_between"),
    "expect_column_max_to_be_between": on_a_column("expect_column_max_to_be_between"),
    "expect_column_sum_to_be_between": _on(NUMBERS, STATISTICS),
    "expect_column_mean_to_be_between": _on(NUMBERS, STATISTICS),
    "expect_column_stdev_to_be_between": _on(NUMBERS, STATISTICS),
    "expect_column_median_to_be_between": _on(NUMBERS, STATISTICS),
    "expect_column_quantile_values_to_be_between": _quantiles(),
    "expect_column_unique_value_count_to_be_between": _on(sorted(BOUNDS), st.integers(0, 6)),
    "expect_column_proportion_of_unique_values_to_be_between": _on(sorted(BOUNDS), SHARES),
    "expect_column_proportion_of_non_null_values_to_be_between": _on(sorted(BOUNDS), SHARES),
    "expect_column_distinct_values_to_be_in_set": _a_set(),
    "expect_column_distinct_values_to_contain_set": _a_set(),
    "expect_column_distinct_values_to_equal_set": _a_set(),
    "expect_column_most_common_value_to_be_in_set": st.builds(
        lambda kwargs, ties: {**kwargs, **({} if ties is None else {"ties_okay": ties})},
        _a_set(),
        st.sampled_from([None, False, True]),
    ),
    "expect_column_type_to_be": st.builds(
        lambda column, kind: {"column": column, "type_": kind}, ANY, st.sampled_from(_TYPES)
    ),
}
