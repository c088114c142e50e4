"""What is judged beside what the destination holds: exactly, or a failure that says why."""

from __future__ import annotations

import datetime as dt
import io
import math
from decimal import Decimal
from fractions import Fraction
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate_server.engine import keys
from gate_server.engine.evaluate import evaluate
from gate_server.engine.objects import DataObject
from gate_server.model import AGE_AT_COMMIT, COMPARES, COMPARING, Evaluation, Format, Limits, Result

from .conftest import _object, _suite

PARQUET = Format("parquet")
KEPT = "expect_compound_columns_to_include_those_of_destination"
NEW_KEYS = "expect_compound_columns_to_not_repeat_those_of_destination"
NEW_ROWS = "expect_table_rows_to_not_repeat_those_of_destination"
COLUMNS = "expect_table_columns_to_include_those_of_destination"
NEWER = "expect_column_max_to_be_newer_than_destination"
NULLS = "expect_column_proportion_of_null_values_difference_to_destination_to_be_between"
MEAN = "expect_column_mean_ratio_to_destination_to_be_between"


def parquet(path: str = "a.parquet", **columns: Any) -> DataObject:
    sink = io.BytesIO()
    arrays = {
        name: pa.array(values) if isinstance(values, list) else values for name, values in columns.items()
    }
    pq.write_table(pa.table(arrays), sink)
    return _object(sink.getvalue(), path)


def beside(
    kind: str,
    mine: DataObject | list[DataObject],
    there: DataObject | list[DataObject],
    fmt: Format = PARQUET,
    committed_at: int = 0,
    **kwargs: Any,
) -> Result:
    lists = [one if isinstance(one, list) else [one] for one in (mine, there)]
    suite = _suite({"type": kind, "kwargs": kwargs})
    evaluation: Evaluation = evaluate(suite, lists[0], fmt, {}, Limits(), lists[1], committed_at)
    assert evaluation.status == "answered", evaluation.problem
    (result,) = evaluation.results
    assert "\n" not in result.message
    return result


def test_a_lost_key_is_named_by_its_place_on_the_destination() -> None:
    there = _object(b"id,v\n1,a\n2,b\n,c\n", "main.csv")
    mine = _object(b"id,v\n3,z\n1,z\n,z\n", "new.csv")
    result = beside(KEPT, mine, there, Format("csv"), column_list=["id"])
    assert (result.success, result.unexpected_count, result.element_count) == (False, 1, 3)
    assert result.message == (
        "`id`: 1 of 3 keys of the destination are lost, first the one in line 3 of main.csv there"
    )
    assert beside(KEPT, mine, there, Format("csv"), column_list=["id"], mostly=0.66).success
    assert beside(KEPT, there, _object(b"id\n1\n1\n2\n"), Format("csv"), column_list=["id"]).success


def test_rows_that_come_again_are_named_by_their_lines() -> None:
    there = _object(b"id,v\n1,a\n2,b\n,c\n", "main.csv")
    mine = _object(b"id,v\n7,a\n2,b\n,c\n2,c\n", "new.csv")
    result = beside(NEW_ROWS, mine, there, Format("csv"))
    assert (result.success, result.rows, result.lines) == (False, (1, 2), (3, 4))
    assert result.message == (
        "the table: 2 of 4 rows are on the destination already, first line 3 of new.csv"
    )
    again = beside(NEW_KEYS, mine, there, Format("csv"), column_list=["id"])
    assert (again.success, again.lines) == (False, (3, 4, 5))
    assert beside(NEW_KEYS, mine, there, Format("csv"), column_list=["id"], mostly=0.25).success
    other = beside(NEW_ROWS, mine, _object(b"id,w\n1,2\n", "main.csv"), Format("csv"))
    assert (other.success, "other columns" in other.message) == (False, True)


def test_what_the_destination_holds_as_it_is_does_not_come_again() -> None:
    held, new = parquet("t/1", a=[1, 2]), parquet("t/2", a=[3, 4])
    assert not beside(NEW_ROWS, held, held).vacuous
    assert beside(NEW_ROWS, [held, new], held).element_count == 2
    twice = beside(NEW_ROWS, [held, parquet("t/2", a=[2, 4])], held)
    assert (twice.success, twice.rows) == (False, (2,))
    # The same bytes at another path are an append that ran twice.
    assert not beside(NEW_ROWS, [held, parquet("t/3", a=[1, 2])], held).success
    claimed = DataObject("t/1", held.size_bytes, "a claim", held.open)
    assert not beside(NEW_ROWS, claimed, DataObject("t/1", held.size_bytes, "a claim", held.open)).success


@pytest.mark.parametrize(
    ("mine", "kwargs", "holds", "words"),
    [
        ({"a": [1], "b": ["x"], "c": [1]}, {}, True, "all 2 columns"),
        ({"a": [1]}, {}, False, "`b` of the destination is missing"),
        ({"a": [1]}, {"except_columns": ["b"]}, True, "all 1 column"),
        ({"a": [1.5], "b": ["x"]}, {}, False, "`a` is double, on the destination it is int64"),
        ({"a": [1.5], "b": ["x"]}, {"check_types": False}, True, "all 2 columns"),
        ({"a": [1], "b": pa.array(["x"], pa.large_string())}, {}, True, "all 2 columns"),
    ],
)
def test_columns_stay(mine: dict[str, Any], kwargs: dict[str, Any], holds: bool, words: str) -> None:
    result = beside(COLUMNS, parquet(**mine), parquet(a=[1, 2], b=["x", "y"]), **kwargs)
    assert (result.success, words in result.message) == (holds, True), result.message


def test_the_scale_of_a_decimal_in_csv_is_no_type() -> None:
    fmt = Format("csv", types={"a": "decimal"})
    assert beside(COLUMNS, _object(b"a\n1.25\n"), _object(b"a\n1\n"), fmt).success
    scales = [parquet(a=pa.array([Decimal(1)], pa.decimal128(9, scale))) for scale in (1, 2)]
    assert not beside(COLUMNS, *scales).success


@pytest.mark.parametrize(
    ("mine", "there", "holds"),
    [
        ([3, 5], [5, 1], False),
        ([3, 6], [5, 1], True),
        ([dt.date(2024, 1, 2)], [dt.date(2024, 1, 1)], True),
        ([2**53 + 1], [2**53], True),
        ([float("nan"), 5.5], [5.0], True),
        ([None, None], [1], False),
        (["b"], ["a"], False),
    ],
)
def test_newer_than_the_destination(mine: list[Any], there: list[Any], holds: bool) -> None:
    assert beside(NEWER, parquet(a=mine), parquet(a=there), column="a").success is holds


def test_zones_have_to_be_on_both_sides() -> None:
    moments = [
        parquet(a=pa.array([dt.datetime(2024, 1, 1)], pa.timestamp("us", zone)))  # noqa: DTZ001
        for zone in ("UTC", "Europe/Berlin", None)
    ]
    assert beside(NEWER, moments[0], moments[1], column="a", or_equal=True).success
    refused = beside(NEWER, moments[0], moments[2], column="a", or_equal=True)
    assert (refused.success, "time zone on one side" in refused.message) == (False, True)


@pytest.mark.parametrize(
    ("newest", "hours"),
    [
        (dt.date(2024, 1, 1), 24),
        (dt.datetime(2024, 1, 1, 12), 12),  # noqa: DTZ001
        (dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC), 12),
        (dt.datetime(2024, 1, 2, 1, tzinfo=dt.UTC), -1),
    ],
)
def test_the_age_is_the_one_at_the_commit(newest: Any, hours: int) -> None:
    made_at = int(dt.datetime(2024, 1, 2, tzinfo=dt.UTC).timestamp())
    table = parquet(day=[newest, None])

    def age(**bounds: float) -> Result:
        return beside(AGE_AT_COMMIT, table, [], committed_at=made_at, column="day", **bounds)

    assert age(min_value=hours, max_value=hours).success
    late = age(max_value=hours - 0.001)
    assert (late.success, f"{hours} hours old when the commit was made" in late.message) == (False, True)
    assert not beside(AGE_AT_COMMIT, parquet(day=[1]), [], column="day", max_value=1).success
    assert not beside(AGE_AT_COMMIT, parquet(day=[None]), [], column="day", max_value=1).success


@pytest.mark.parametrize(
    ("kind", "mine", "there", "words"),
    [
        (MEAN, [1], [0, 0], "is 0 on the destination"),
        (MEAN, [1], ["x"], "on the destination"),
        (MEAN, [None, None], [1], "no values"),
        (MEAN, [float("inf")], [1.0], "infinite"),
        (MEAN, [1.0], [float("inf")], "infinite"),
        (MEAN, [1e308], [5e-324], "expected"),
        (NULLS, [None, 1], [1, 1], "share of nulls"),
    ],
)
def test_what_no_ratio_can_be_told_of_fails(kind: str, mine: Any, there: Any, words: str) -> None:
    result = beside(kind, parquet(a=mine), parquet(a=there), column="a", max_value=0.4)
    assert (result.success, result.is_new, words in result.message) == (False, False, True), result.message


@pytest.mark.parametrize("kind", [KEPT, NEW_KEYS, NEWER, MEAN, NULLS])
def test_a_column_that_is_new_has_nothing_to_be_compared_with(kind: str) -> None:
    kwargs = {"column_list": ["a"]} if "compound" in kind else {"column": "a"}
    bounds = {"max_value": 1} if kind in (MEAN, NULLS) else {}
    for there in (parquet(b=[1]), parquet(a=pa.array([], pa.int64())), []):
        result = beside(kind, parquet(a=[1]), there, **kwargs, **bounds)
        assert (result.success, result.is_new, result.vacuous) == (True, True, True)
    missing = beside(kind, parquet(b=[1]), parquet(a=[1]), **kwargs, **bounds)
    assert (missing.success, "`a` is missing" in missing.message) == (False, True)


def test_keys_of_two_kinds_are_no_keys() -> None:
    result = beside(KEPT, parquet(a=["1"]), parquet(a=[1]), column_list=["a"])
    assert (result.success, result.message) == (False, "`a` is text, on the destination it is a number")
    nested = beside(KEPT, parquet(a=[[1]]), parquet(a=[[1]]), column_list=["a"])
    assert (nested.success, "nested" in nested.message) == (False, True)


NUMBERS = st.none() | st.integers(-3, 3) | st.sampled_from([2**53, 2**53 + 1, 2**63 - 1])
ARRAYS = (
    st.lists(NUMBERS, max_size=6).map(lambda some: pa.array(some, pa.int64()))
    | st.lists(st.none() | st.integers(0, 3), max_size=6).map(lambda some: pa.array(some, pa.uint8()))
    | st.lists(st.none() | st.integers(2**53, 2**53 + 2), max_size=6).map(
        lambda some: pa.array(some, pa.uint64())
    )
    | st.lists(st.none() | st.sampled_from([0.0, -0.0, 1.0, 2.0**53, float("nan"), 0.1]), max_size=6).map(
        lambda some: pa.array(some, pa.float64())
    )
    | st.lists(st.none() | st.sampled_from([0.0, 1.0, 0.5]), max_size=6).map(
        lambda some: pa.array(some, pa.float32())
    )
    | st.lists(st.none() | st.sampled_from([Decimal(0), Decimal("0.1"), Decimal(2**53 + 1)]), max_size=6).map(
        lambda some: pa.array(some, pa.decimal128(30, 3))
    )
    | st.lists(st.none() | st.sampled_from([Decimal(0), Decimal("0.1")]), max_size=6).map(
        lambda some: pa.array(some, pa.decimal256(60, 2))
    )
)
OTHERS = [
    st.lists(st.none() | st.text("aä", max_size=2), max_size=6).map(lambda some: pa.array(some, pa.string())),
    st.lists(st.none() | st.booleans(), max_size=6).map(lambda some: pa.array(some, pa.bool_())),
    st.lists(st.none() | st.sampled_from([0, 1, 10**9]), max_size=6).map(
        lambda some: pa.array(some, pa.int64()).cast(pa.timestamp("s", "UTC"))
    ),
]


def _values(column: pa.Array) -> list[Any]:
    """Return the values, NaN as null."""
    return [None if isinstance(one, float) and math.isnan(one) else one for one in column.to_pylist()]


@given(st.one_of(st.tuples(one, one) for one in [ARRAYS, *OTHERS]))
def test_keys_are_those_of_python(pair: tuple[pa.Array, pa.Array]) -> None:
    mine, theirs = pair
    there = set(_values(theirs))
    wanted = [row for row, value in enumerate(_values(mine)) if value in there]
    tables = [pa.table({"a": one, "b": pa.array(["x"] * len(one))}) for one in (mine, theirs)]
    assert keys.held(*tables).tolist() == wanted
    first = {value: row for row, value in reversed(list(enumerate(_values(mine))))}
    assert keys.distinct(tables[0]).tolist() == sorted(first.values())


def _statistics(column: pa.Array) -> dict[str, Fraction] | None:
    present = [Fraction(one) for one in _values(column) if one is not None]
    if not present:
        return None
    total = sum(present, Fraction(0))
    return {"sum": total, "mean": total / len(present), "median": Fraction(median(present))}


@given(ARRAYS, ARRAYS, st.sampled_from(["sum", "mean", "median"]), st.sampled_from([-1, 0.5, 0.9, 1, 2]))
def test_ratios_are_exact(mine: pa.Array, theirs: pa.Array, name: str, low: float) -> None:
    kind = f"expect_column_{name}_ratio_to_destination_to_be_between"
    result = beside(kind, parquet(a=mine), parquet(a=theirs), column="a", min_value=low)
    here, there = _statistics(mine), _statistics(theirs)
    if not len(mine):
        return  # no row at all: the rule's on_empty
    if there is None:
        assert result.is_new
    elif here is None or not there[name]:
        assert not result.success
    else:
        rounds = any(pa.types.is_floating(one.type) for one in (mine, theirs))
        ratio = here[name] / there[name]
        bound = Fraction(str(low))
        if not rounds or abs(ratio - bound) > Fraction(1, 10**12):
            assert result.success is (ratio >= bound), (result.message, ratio)


BANDS = ("mean_ratio", "mean_difference", "median_ratio", "sum_ratio")
ASKED_OF_NOTHING: dict[str, dict[str, Any]] = {
    COMPARES: {"min_value": 0.5},
    "expect_table_row_count_difference_to_destination_to_be_between": {"min_value": 0},
    COLUMNS: {},
    KEPT: {"column_list": ["id"]},
    **{
        f"expect_column_{band}_to_destination_to_be_between": {"column": "v", "min_value": 0}
        for band in BANDS
    },
    "expect_column_proportion_of_null_values_difference_to_destination_to_be_between": {
        "column": "v",
        "max_value": -0.1,
    },
    "expect_column_max_to_be_newer_than_destination": {"column": "v"},
}
HOLDS_OF_NOTHING: dict[str, dict[str, Any]] = {NEW_KEYS: {"column_list": ["id"]}, NEW_ROWS: {}}
TYPED = Format("csv", types={"v": "number"})


@pytest.mark.parametrize("kind", sorted(COMPARING))
@pytest.mark.parametrize("content", [b"", b"id,v\n"], ids=["0 bytes", "a header"])
def test_what_was_emptied_is_compared_all_the_same(kind: str, content: bytes) -> None:
    kwargs = {**ASKED_OF_NOTHING, **HOLDS_OF_NOTHING}[kind]
    there = _object(b"id,v\n1,2\n2,3\n", "main.csv")
    holds = kind in HOLDS_OF_NOTHING or (kind == COLUMNS and content != b"")
    parts = [_object(content, "1.csv"), _object(content, "2.csv")]
    assert beside(kind, parts, there, TYPED, **kwargs).success is holds
    assert beside(kind, _object(content), _object(b"id,v\n"), TYPED, **kwargs).is_new
    assert beside(kind, _object(content), _object(b""), TYPED, **kwargs).is_new


def test_0_bytes_are_no_rows_also_where_the_destination_cannot_be_read() -> None:
    suite = _suite({"type": COMPARES, "kwargs": {"min_value": 0.5}})
    evaluation = evaluate(suite, [_object(b"")], TYPED, {}, Limits(), [_object(b"id,v\n1\n", "main.csv")])
    assert (evaluation.status, evaluation.rows) == ("error", 0)


def test_0_bytes_are_compared_beside_what_is_not() -> None:
    suite = _suite(
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
        {"type": COMPARES, "kwargs": {"min_value": 0.5}},
    )
    there = [_object(b"id,v\n1,2\n", "main.csv")]
    evaluation = evaluate(suite, [_object(b"")], TYPED, {}, Limits(), there)
    assert [(result.number, result.success) for result in evaluation.results] == [(1, False)]
