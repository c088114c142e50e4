"""The pass gives Great Expectations' own results."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from gate_server.engine.native.offered import NATIVE
from gate_server.engine.questions import Asked
from gate_server.engine.run import Unanswered

from .parity import INTEGERS, TEXTS, VALUES, asked_of, by_great_expectations, by_the_pass, tables

BOUNDS: dict[str, st.SearchStrategy[Any]] = {
    "i": INTEGERS | st.sampled_from([0.5, -1.5, 1.0]),
    "small": st.integers(-200, 200) | st.just(0.5),
    "u": st.integers(-1, 3) | st.sampled_from([2**63, -0.5]),
    "f": st.sampled_from([0, 1, -1.5, 2.5, 1e300]),
    "d": st.sampled_from(["2024-01-01", "2023-12-31"]),
    "t": st.sampled_from(["2024-01-01", "2024-01-01T00:00:00.000001", "1969-12-31T23:59:59"]),
}
SETS: dict[str, st.SearchStrategy[Any]] = {
    **BOUNDS,
    "s": TEXTS,
    "b": st.booleans(),
}
MOSTLY = st.sampled_from([None, 1.0, 0.5, 0.34, 0.9])
CONDITIONS = st.sampled_from(
    [
        None,
        {"type": "comparison", "column": {"name": "i"}, "operator": ">", "parameter": 0},
        {"type": "comparison", "column": {"name": "f"}, "operator": "!=", "parameter": 1.0},
        {"type": "comparison", "column": {"name": "s"}, "operator": "IN", "parameter": ["a", "b"]},
        {"type": "comparison", "column": {"name": "s"}, "operator": "NOT_IN", "parameter": ["a"]},
        {"type": "nullity", "column": {"name": "b"}, "is_null": True},
        {
            "type": "or",
            "conditions": [
                {"type": "comparison", "column": {"name": "small"}, "operator": "==", "parameter": 1},
                {"type": "nullity", "column": {"name": "i"}, "is_null": False},
            ],
        },
    ]
)


@st.composite
def within(draw: st.DrawFn, bounds: st.SearchStrategy[Any]) -> dict[str, Any]:
    """Return bounds, one or both, strict or not."""
    low, high = draw(bounds | st.none()), draw(bounds | st.none())
    assume(low is not None or high is not None)
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
        return {"column": column, "value_set": draw(st.lists(SETS[column], min_size=1, max_size=3))}
    return {"column": draw(ANY)}


ON_TABLES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "expect_table_row_count_to_be_between": within(st.integers(0, 6)),
    "expect_table_row_count_to_equal": st.builds(lambda value: {"value": value}, st.integers(0, 6)),
    "expect_table_column_count_to_be_between": within(st.integers(6, 10)),
    "expect_table_column_count_to_equal": st.builds(lambda value: {"value": value}, st.integers(6, 10)),
    "expect_table_columns_to_match_ordered_list": st.builds(
        lambda names: {"column_list": names}, st.sampled_from([sorted(VALUES), list(VALUES), ["i"]])
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


@st.composite
def expectations(draw: st.DrawFn, kind: str) -> Asked:
    """Return an expectation of `kind`, as a suite asks it."""
    kwargs = draw(ON_TABLES[kind] if kind in ON_TABLES else on_a_column(kind))
    if "table" not in kind and kind != "expect_column_to_exist":
        if "_values_to_" in kind and (mostly := draw(MOSTLY)):
            kwargs["mostly"] = mostly
        if condition := draw(CONDITIONS):
            kwargs |= {"row_condition": condition, "condition_parser": "great_expectations"}
    asked = asked_of({"type": kind, "kwargs": kwargs})
    assume(asked)
    return asked[0]


@pytest.mark.parametrize("kind", sorted(NATIVE))
@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_the_pass_answers_as_great_expectations_does(kind: str, data: st.DataObject) -> None:
    table: pa.Table = data.draw(tables())
    one = data.draw(expectations(kind))
    found = by_the_pass(table, [one])
    try:
        wanted = by_great_expectations(table, one)
    except Unanswered:
        assume(False)
    if one.number in found:
        assert found[one.number] == wanted
