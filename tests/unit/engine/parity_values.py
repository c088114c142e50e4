"""Kwargs of expectations on the table and on each value, for the parity tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .parity import INTEGERS, TEXTS, VALUES

BOUNDS: dict[str, st.SearchStrategy[Any]] = {
    "i": INTEGERS | st.sampled_from([0.5, -1.5, 1.0]),
    "small": st.integers(-200, 200) | st.just(0.5),
    "u": st.integers(-1, 3) | st.sampled_from([2**63, -0.5]),
    "f": st.sampled_from([0, 1, -1.5, 2.5, 1e300]),
    "d": st.sampled_from(["2024-01-01", "2023-12-31"]),
    "t": st.sampled_from(["2024-01-01", "2024-01-01T00:00:00.000001", "1969-12-31T23:59:59"]),
}
_SMALL = st.sampled_from([0, 0.1, 0.5, -1.05, 1.005, 99999.99, 1e30])
BOUNDS |= {
    "f32": st.sampled_from([0.1, 0.5, -1.5, 1e30, 1e300]),
    "m": _SMALL,
    "ms": BOUNDS["t"],
    "z": BOUNDS["t"],
}
SETS: dict[str, st.SearchStrategy[Any]] = {
    **BOUNDS,
    "s": TEXTS,
    "b": st.booleans(),
    "p": TEXTS,
}


@st.composite
def within(draw: st.DrawFn, bounds: st.SearchStrategy[Any]) -> dict[str, Any]:
    """Return bounds, one or both, strict or not."""
    low, high = draw(bounds | st.none()), draw(bounds | st.none())
    if low is None and high is None:
        low = draw(bounds)
    if low is not None and high is not None and low > high:
        low, high = high, low
    given_ = {"min_value": low, "max_value": high}
    return {
        **{key: value for key, value in given_.items() if value is not None},
        **draw(
            st.fixed_dictionaries({}, optional={"strict_min": st.booleans(), "strict_max": st.booleans()})
        ),
    }


ANY = st.sampled_from(sorted(VALUES))


@st.composite
def on_a_column(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Return the kwargs of an expectation on a column."""
    if kind.endswith(("_between",)):
        column = draw(st.sampled_from(sorted(BOUNDS)))
        return {"column": column, **draw(within(BOUNDS[column]))}
    if kind.endswith("_set"):
        column = draw(st.sampled_from(sorted(SETS)))
        return {
            "column": column,
            "value_set": draw(st.lists(SETS[column] | st.none(), min_size=1, max_size=3)),
        }
    return {"column": draw(ANY)}


KWARGS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    **{
        kind: on_a_column(kind)
        for kind in (
            "expect_column_values_to_be_null",
            "expect_column_values_to_not_be_null",
            "expect_column_values_to_be_between",
            "expect_column_values_to_be_in_set",
            "expect_column_values_to_not_be_in_set",
            "expect_column_values_to_be_unique",
        )
    },
    "expect_table_row_count_to_be_between": within(st.integers(0, 6)),
    "expect_table_row_count_to_equal": st.builds(lambda value: {"value": value}, st.integers(0, 6)),
    "expect_table_column_count_to_be_between": within(st.integers(6, 10)),
    "expect_table_column_count_to_equal": st.builds(lambda value: {"value": value}, st.integers(6, 10)),
    "expect_table_columns_to_match_ordered_list": st.builds(
        lambda names: {"column_list": names}, st.sampled_from([sorted(VALUES), list(VALUES), ["i"]])
    ),
    "expect_table_columns_to_not_include": st.builds(
        lambda names: {"column_list": names}, st.sampled_from([["x"], ["I ", "x"], ["i", "s"]])
    ),
    "expect_table_columns_to_match_set": st.builds(
        lambda names, exact: {"column_set": names, "exact_match": exact},
        st.sampled_from([sorted(VALUES), ["i"], [*VALUES, "x"]]),
        st.booleans(),
    ),
    "expect_column_to_exist": st.builds(
        lambda name, place: {"column": name, **({} if place is None else {"column_index": place})},
        st.sampled_from(["i", "s", "x"]),
        st.sampled_from([None, 0, 4, 20]),
    ),
}
