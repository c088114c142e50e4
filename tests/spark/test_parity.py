"""What is counted on Spark is what Great Expectations says on pandas."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from gate_server.engine.datasets import Kept
from gate_server.engine.objects import DataObject
from gate_server.engine.questions import Asked
from gate_server.engine.readers.failure import Allowance
from gate_server.engine.run import Unanswered
from gate_server.engine.spark.cluster import Cluster, ClusterSettings
from gate_server.engine.spark.judge import judge
from gate_server.engine.spark.offered import ON_SPARK
from gate_server.model import Evaluation, Format, Limits, Result
from tests.spark.harness import INTERPRETED
from tests.unit.engine.parity import asked_of, by_great_expectations, differ

NAN, INF = float("nan"), float("inf")
ZONED = [dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(1969, 12, 31, 23, 59, 59, tzinfo=dt.UTC), None]
MOMENTS = [
    dt.datetime.fromisoformat("2024-01-01T00:00:00.000001"),
    dt.datetime.fromisoformat("1969-12-31"),
    None,
]
ROWS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "i": (pa.int64(), [2**63 - 1, 2**63 - 1, -3, None, 0, 2**53 + 1, 1, 1, None]),
    "small": (pa.int8(), [-3, -2, -1, 0, 1, 2, 3, None, 3]),
    "u": (pa.int32(), [0, 2**31 - 1, 2**31 - 1, None, 1, 2, 3, 4, 5]),
    "f": (pa.float64(), [0.0, -0.0, NAN, None, 1.0, -1.5, 2.5, 2.5, NAN]),
    "big": (pa.float64(), [1e300, INF, -INF, NAN, None, 0.1, 0.2, 0.3, 0.1]),
    "f32": (pa.float32(), [0.5, 0.1, 0.1, NAN, None, 1e30, -1.5, 0.0, -0.0]),
    "s": (pa.string(), ["a", "A", "", None, "é", "e\u0301", "😀b", "٣", "a\n"]),
    "b": (pa.bool_(), [True, False, None, True, True, True, False, None, True]),
    "d": (pa.date32(), [dt.date(2024, 1, 1), dt.date(1500, 2, 28), None, *[dt.date(2024, 2, 29)] * 6]),
    "t": (pa.timestamp("us"), MOMENTS * 3),
    "z": (pa.timestamp("us", "UTC"), ZONED * 3),
    "m": (pa.decimal128(12, 2), [Decimal("0.10"), Decimal("-1.05"), None, *[Decimal("99999.99")] * 6]),
    "nothing": (pa.int64(), [None] * 9),
    "i2": (pa.int64(), [2**63 - 1, 0, -3, None, None, 2**53, 2, 1, 0]),
}
TABLE = pa.table({name: pa.array(values, kind) for name, (kind, values) in ROWS.items()})
ABOVE_0 = {
    "row_condition": {"type": "comparison", "column": {"name": "small"}, "operator": ">", "parameter": 0},
    "condition_parser": "great_expectations",
}


def of(kind: str, column: str, **kwargs: Any) -> dict[str, Any]:
    """Return an expectation on a column."""
    return {"type": f"expect_column_{kind}", "kwargs": {"column": column, **kwargs}}


SUITE = [
    {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 10}},
    {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 9}},
    {"type": "expect_table_column_count_to_be_between", "kwargs": {"max_value": 3}},
    {"type": "expect_table_column_count_to_equal", "kwargs": {"value": 14}},
    {"type": "expect_table_columns_to_match_ordered_list", "kwargs": {"column_list": list(ROWS)}},
    {"type": "expect_table_columns_to_match_set", "kwargs": {"column_set": ["i"]}},
    {"type": "expect_table_columns_to_not_include", "kwargs": {"column_list": ["i"]}},
    of("to_exist", "i"),
    of("to_exist", "I"),
    *(of("values_to_be_null", name) for name in ("f", "nothing")),
    *(of("values_to_not_be_null", name, mostly=0.7) for name in ("f", "b", "z", "t", "m", "d", "s")),
    of("values_to_be_between", "i", min_value=-2.5, max_value=2**53 + 1),
    of("values_to_be_between", "f", min_value=0, strict_min=True),
    of("values_to_be_between", "big", max_value=0.2),
    of("values_to_be_between", "f32", min_value=0.1, strict_min=True),
    of("values_to_be_between", "u", max_value=4),
    of("values_to_be_between", "m", min_value=0.1, max_value=99999.99, strict_max=True),
    of("values_to_be_between", "d", min_value="1500-02-28", strict_min=True),
    of("values_to_be_between", "d", min_value="2024-02-01"),
    of("values_to_be_between", "t", min_value="2024-01-01"),
    of("values_to_be_between", "t", min_value="1500-01-01", max_value="1969-12-31"),
    of("values_to_be_between", "z", max_value="2024-01-01T00:30:00+01:00"),
    of("values_to_be_in_set", "s", value_set=["a", "é", "e\u0301"]),
    of("values_to_be_in_set", "i", value_set=[1, 0, -3], mostly=0.4),
    of("values_to_be_in_set", "b", value_set=[True]),
    of("values_to_not_be_in_set", "f", value_set=[0, 2.5]),
    of("values_to_not_be_in_set", "d", value_set=["2024-02-29"]),
    of("values_to_be_of_type", "small", type_="int8"),
    of("values_to_be_in_type_list", "f", type_list=["float64"]),
    of("type_to_be", "s", type_="str"),
    of("value_lengths_to_be_between", "s", min_value=1, max_value=1),
    of("value_lengths_to_equal", "s", value=2),
    of("values_to_match_regex", "s", regex=r"^\w$"),
    of("values_to_match_regex", "s", regex=r"a$"),
    of("values_to_match_regex", "s", regex=r"\b[^\W\d]+"),
    of("values_to_not_match_regex", "s", regex=r"^\d|[\s]"),
    of("values_to_match_regex_list", "s", regex_list=["^a", "é", ".b"]),
    of("values_to_not_match_regex_list", "s", regex_list=["^$", "A"]),
    *(of("min_to_be_between", name, max_value=-2) for name in ("i", "f", "u", "m", "small")),
    *(of("max_to_be_between", name, max_value=1) for name in ("i", "f", "f32", "m", "nothing")),
    of("min_to_be_between", "d", min_value="1500-02-28"),
    of("max_to_be_between", "t", min_value="2024-01-01T00:00:00.000001"),
    of("max_to_be_between", "z", min_value="2024-01-01T00:00:01"),
    *(of("sum_to_be_between", name, max_value=0) for name in ("i", "f", "m", "u", "nothing", "small")),
    *(of("mean_to_be_between", name, max_value=1) for name in ("f", "small", "u", "m")),
    *(of("stdev_to_be_between", name, max_value=1) for name in ("f", "small", "u")),
    *(of("values_to_be_unique", name) for name in ("f", "s", "small")),
    of("values_to_be_unique", "i", **ABOVE_0),
    of("unique_value_count_to_be_between", "f", max_value=3),
    of("proportion_of_unique_values_to_be_between", "s", min_value=1),
    of("proportion_of_non_null_values_to_be_between", "f", min_value=0.9),
    of("distinct_values_to_be_in_set", "u", value_set=[0, 1, 2]),
    of("distinct_values_to_contain_set", "b", value_set=[True, False]),
    of("distinct_values_to_equal_set", "small", value_set=[-3, -2, -1, 0, 1, 2, 3]),
    of("pair_values_to_be_equal", "i") | {"kwargs": {"column_A": "i", "column_B": "i2"}},
    of("pair_values_a_to_be_greater_than_b", "i")
    | {
        "kwargs": {
            "column_A": "i",
            "column_B": "i2",
            "or_equal": True,
            "ignore_row_if": "either_value_is_missing",
        }
    },
    {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["b", "d"]}},
    of(
        "values_to_be_between", "i", max_value=0, row_condition=ABOVE_0, condition_parser="great_expectations"
    ),
    of("values_to_not_be_null", "gone"),
]


@pytest.fixture(scope="module")
def cluster(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """Give the run's own Spark."""
    return Cluster(
        ClusterSettings(master="local[2]", conf=INTERPRETED), str(tmp_path_factory.mktemp("driver"))
    )


def written(folder: Path, name: str, table: pa.Table) -> DataObject:
    """Return a table as a Parquet file that Spark reads."""
    path = folder / name
    pq.write_table(table, path)
    content = path.read_bytes()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return DataObject(
        name, len(content), md5, lambda: io.BytesIO(content), identity=md5, uri=f"file://{path}"
    )


def judged(
    cluster: Cluster, asked: Sequence[Asked], objects: Sequence[DataObject], kept: Kept | None = None
) -> Evaluation:
    """Judge objects on Spark."""
    several = [] if kept is None else [(range(len(asked)), kept)]
    found = judge(asked, objects, Format("parquet"), Allowance(Limits()), cluster, several)
    assert found is not None
    return found


def wrong(found: Evaluation, asked: Sequence[Asked], table: pa.Table) -> str:
    """Return each result that is not Great Expectations', with that."""
    wanted = by_great_expectations(table, asked)
    assert len(wanted) == len(asked)
    return "\n".join(
        f"{one.type} {dict(one.kwargs)}\n  {mine}\n  {wanted[one.number]}"
        for one, result in zip(asked, found.results, strict=True)
        if differ(mine := _plain(result), _plain(wanted[one.number]))
    )


def _plain(result: Result) -> Result:
    """Return a result without who told it, and without what only several files have: their paths."""
    detail = {name: value for name, value in result.detail.items() if name != "places"}
    source = "" if result.answered_from in {"spark", "great_expectations"} else result.answered_from
    return replace(result, answered_from=source, detail=detail, message=result.message.split(" of part")[0])


def test_each_expectation_that_is_offered_is_compared() -> None:
    assert {one["type"] for one in SUITE} == set(ON_SPARK)


def test_spark_answers_as_great_expectations_does(cluster: Cluster, tmp_path: Path) -> None:
    asked = asked_of(*SUITE)
    found = judged(cluster, asked, [written(tmp_path, "whole.parquet", TABLE)])
    assert wrong(found, asked, TABLE) == ""
    assert {result.answered_from for result in found.results} == {"spark", "gate"}


def test_of_several_files_only_new_ones_are_counted(cluster: Cluster, tmp_path: Path) -> None:
    asked = asked_of(*SUITE)
    # Names as writers make them, and as nobody should.
    names = ["part 1%20.parquet", "part{2}[x]?.parquet", "part-ü#3.parquet"]
    cuts = [TABLE.slice(0, 4), TABLE.slice(4, 0), TABLE.slice(4, 5)]
    objects = [written(tmp_path, name, cut) for name, cut in zip(names, cuts, strict=True)]
    first = Kept()
    judged(cluster, asked, objects[:2], first)
    second = Kept(first.made)
    found = judged(cluster, asked, objects, second)
    assert found.objects_known == 2
    assert wrong(found, asked, TABLE) == ""
    again = judged(cluster, asked, objects, Kept(second.made))
    assert (again.objects_known, again.results) == (3, found.results)


@pytest.mark.parametrize(
    ("expectation", "told"),
    [
        (of("median_to_be_between", "small", min_value=0), "median_to_be_between is not answered on Spark"),
        (of("values_to_match_regex", "s", regex="(?i)a"), "a pattern with flags"),
        (of("values_to_be_between", "ns", min_value="2024-01-01"), "`ns`"),
        (of("values_to_not_be_null", "a.b"), "`a.b`"),
    ],
)
def test_what_spark_could_answer_otherwise_is_told_before_it_starts(
    tmp_path: Path, expectation: dict[str, Any], told: str
) -> None:
    nowhere = Cluster(ClusterSettings(), str(tmp_path))
    table = pa.table({"small": [1], "s": ["a"], "ns": pa.array([1], pa.timestamp("ns")), "a.b": [1]})
    try:
        found = judged(nowhere, asked_of(expectation), [written(tmp_path, "x.parquet", table)])
        assert found.status == "error"
        assert found.problem is not None
        message = found.problem.message
    except Unanswered as error:
        message = str(error)
    assert told in message


def test_a_file_that_spark_passes_over_is_no_pass(cluster: Cluster, tmp_path: Path) -> None:
    hidden = written(tmp_path, "_hidden.parquet", TABLE)
    with pytest.raises(Unanswered, match=r"Spark passes over _hidden\.parquet"):
        judged(cluster, asked_of(SUITE[0]), [hidden])


def test_a_file_with_other_rows_than_lakefs_holds_is_no_pass(cluster: Cluster, tmp_path: Path) -> None:
    data = written(tmp_path, "x.parquet", TABLE)
    pq.write_table(TABLE.slice(1), tmp_path / "x.parquet")
    with pytest.raises(Unanswered, match=r"Spark read 8 rows of x\.parquet, whose footer says 9"):
        judged(cluster, asked_of(SUITE[0]), [data])
    (tmp_path / "x.parquet").unlink()
    with pytest.raises(Unanswered, match="lakeFS lists"):
        judged(cluster, asked_of(SUITE[0]), [data])


def test_all_that_is_asked_of_all_files_is_counted_in_one_job(
    cluster: Cluster, spark: SparkSession, tmp_path: Path
) -> None:
    objects = [written(tmp_path, f"{place}.parquet", TABLE) for place in range(3)]
    every = [of("proportion_of_non_null_values_to_be_between", name, min_value=0) for name in ROWS]
    every += [of("values_to_be_between", name, min_value=-(2**62)) for name in ("i", "small", "u")]
    every += [of("sum_to_be_between", "i", min_value=0), of("mean_to_be_between", "small", max_value=9)]
    failing = [of("values_to_be_between", name, max_value=0) for name in ("i", "small", "u")]
    different = [of("unique_value_count_to_be_between", name, min_value=1) for name in ("i", "s", "f")]
    jobs = []
    for place, suite in enumerate((every[:1], every, every + failing, every + failing + different)):
        spark.sparkContext.setJobGroup(f"counted {place}", "")
        judged(cluster, asked_of(*suite), objects)
        jobs.append(len(spark.sparkContext.statusTracker().getJobIdsForGroup(f"counted {place}")))
    # One job more for the first rows of all that fail, and one for all values that are to be different.
    assert jobs == [1, 1, 2, 3]
