"""What is answered from a footer is Great Expectations' own result, and most of what could be is."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gate_server.engine import metadata
from gate_server.engine.objects import DataObject
from gate_server.engine.questions import Asked
from gate_server.engine.readers.failure import Allowance
from gate_server.engine.readers.parquet_scan import Footers, open_parquet
from gate_server.model import Limits, Result

from .parity import asked_of, by_great_expectations, tables
from .test_parity import EXAMPLES, suites

WRITERS = st.sampled_from(
    [
        {},
        {"row_group_size": 1},
        {"row_group_size": 2, "use_dictionary": False},
        {"write_statistics": False},
        {"version": "1.0", "data_page_version": "2.0"},
        {"by": "polars"},
        {"by": "polars", "row_group_size": 2},
    ]
)


def opened(table: pa.Table, by: str = "pyarrow", **options: Any) -> Footers:
    sink = io.BytesIO()
    if by == "polars":
        frame: Any = pl.from_arrow(table)
        frame.write_parquet(sink, **options)
    else:
        pq.write_table(table, sink, **options)
    content = sink.getvalue()
    one = DataObject("x.parquet", len(content), "", lambda: io.BytesIO(content))
    return open_parquet([one], Allowance(Limits()))


def answered(footers: Footers, asked: Sequence[Asked]) -> dict[int, Result]:
    done, left = metadata.run(asked, footers)
    assert sorted([*done, *(one.number for one in left)]) == [one.number for one in asked]
    assert all(result.answered_from in {"metadata", "gate"} for result in done.values())
    return done


UNCONDITIONAL = suites().map(
    lambda suite: [
        {**one, "kwargs": {key: value for key, value in one["kwargs"].items() if "condition" not in key}}
        for one in suite
    ]
)


@settings(max_examples=EXAMPLES, phases=[Phase.explicit, Phase.generate])
@given(table=tables(), suite=UNCONDITIONAL, options=WRITERS)
def test_a_footer_answers_as_great_expectations_does(
    table: pa.Table, suite: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    asked = asked_of(*suite)
    found = answered(opened(table, **options), asked)
    wanted = by_great_expectations(table, [one for one in asked if one.number in found])
    differing = [
        (one.type, dict(one.kwargs), told, wanted.get(one.number))
        for one in asked
        if (told := found.get(one.number)) and as_by_gx(told) != wanted.get(one.number)
    ]
    assert not differing


def as_by_gx(result: Result) -> Result:
    if result.answered_from != "metadata":
        return result
    return replace(result, answered_from="great_expectations")


TABLE = pa.table(
    {
        "n": pa.array([3, 1, 2], pa.int64()),
        "t": ["a", "b", "c"],
        "gaps": pa.array([1, None, 3], pa.int32()),
        "f": [1.0, 2.0, float("nan")],
        "none": pa.nulls(3, pa.int64()),
        "day": pa.array([0, 1, 2], pa.date32()),
    }
)
ON: dict[str, list[tuple[dict[str, Any], bool]]] = {
    # kwargs, and whether a footer proves it
    "expect_column_max_to_be_between": [
        ({"column": "n", "max_value": 3}, True),
        ({"column": "n", "max_value": 2}, True),
        ({"column": "f", "max_value": 3}, False),
    ],
    "expect_column_min_to_be_between": [({"column": "day", "min_value": "1970-01-01"}, True)],
    "expect_column_to_exist": [({"column": "n"}, True), ({"column": "x"}, True)],
    "expect_column_values_to_be_between": [
        ({"column": "n", "min_value": 1, "max_value": 3}, True),
        ({"column": "gaps", "min_value": 0}, True),
        ({"column": "gaps", "min_value": 2}, False),
        ({"column": "n", "min_value": 1, "strict_min": True}, False),
        ({"column": "none", "min_value": 1}, True),
        ({"column": "t", "min_value": 1}, True),
        ({"column": "x", "min_value": 1}, True),
    ],
    "expect_column_values_to_be_null": [({"column": "none"}, True), ({"column": "gaps"}, False)],
    "expect_column_values_to_not_be_null": [
        ({"column": "t"}, True),
        ({"column": "gaps"}, False),
        ({"column": "none"}, False),
        ({"column": "f"}, False),
    ],
    "expect_table_column_count_to_be_between": [({"max_value": 5}, True)],
    "expect_table_column_count_to_equal": [({"value": 6}, True)],
    "expect_table_columns_to_match_ordered_list": [({"column_list": ["t", "n"]}, True)],
    "expect_table_columns_to_match_set": [({"column_set": ["t", "n"], "exact_match": False}, True)],
    "expect_table_row_count_to_be_between": [({"min_value": 4}, True)],
    "expect_table_row_count_to_equal": [({"value": 3}, True)],
    "expect_column_values_to_be_unique": [({"column": "n"}, False)],
}


def test_what_can_be_proven_is() -> None:
    footers = opened(TABLE, row_group_size=2)
    count: Counter[str] = Counter()
    for kind, cases in ON.items():
        for kwargs, provable in cases:
            asked = asked_of({"type": kind, "kwargs": kwargs})
            found = answered(footers, asked)
            assert bool(found) is provable, (kind, kwargs)
            if provable:
                count[found[0].answered_from] += 1
                assert as_by_gx(found[0]) == by_great_expectations(TABLE, asked)[0]
    assert count["metadata"] > 10


def test_a_row_condition_is_not_proven() -> None:
    condition = {"type": "comparison", "column": {"name": "n"}, "operator": ">", "parameter": 0}
    asked = asked_of(
        {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": "t", "row_condition": condition, "condition_parser": "great_expectations"},
        }
    )
    assert answered(opened(TABLE), asked) == {}
