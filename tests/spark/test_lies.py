"""Files whose footers lie, or whose pages are broken: Spark is not made to believe them."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from gate_server.engine.evaluate import evaluate
from gate_server.engine.objects import DataObject
from gate_server.engine.spark import counting
from gate_server.engine.spark.cluster import Cluster, ClusterSettings
from gate_server.engine.suites import read_suite
from gate_server.model import Evaluation, Format, Limits
from tests.spark.harness import INTERPRETED

ROWS = 100


def written(values: list[Any]) -> bytes:
    """Return a file of one column, its pages plain, each with its checksum."""
    stream = io.BytesIO()
    pq.write_table(
        pa.table({"c": pa.array(values, pa.int64())}),
        stream,
        use_dictionary=False,
        compression="none",
        write_page_checksum=True,
    )
    return stream.getvalue()


def of_two(data: bytes, footer: bytes) -> bytes:
    """Return the pages of one file with the footer of another."""
    length, mine = (struct.unpack("<I", content[-8:-4])[0] + 8 for content in (footer, data))
    assert len(data) - mine == len(footer) - length
    return data[:-mine] + footer[-length:]


def judged(spark: SparkSession, folder: Path, content: bytes, kind: str, **kwargs: Any) -> Evaluation:
    """Judge a file of this machine on Spark."""
    del spark  # it runs; the cluster takes it over
    file = folder / "a.parquet"
    file.write_bytes(content)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    data = DataObject("a.parquet", len(content), md5, lambda: io.BytesIO(content), uri=file.as_uri())
    asked = {"expectations": [{"type": kind, "kwargs": {"column": "c", **kwargs}}]}
    suite = read_suite("s", json.dumps(asked), "suites/s.json")
    cluster = Cluster(ClusterSettings(master="local[2]", conf=INTERPRETED), str(folder))
    return evaluate(suite, [data], Format("parquet"), {}, Limits(), cluster=cluster)


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("expect_column_values_to_be_in_set", {"value_set": [1]}),
        ("expect_column_values_to_be_between", {"max_value": 1}),
        ("expect_column_distinct_values_to_be_in_set", {"value_set": [1]}),
        ("expect_column_distinct_values_to_equal_set", {"value_set": [1]}),
        ("expect_column_unique_value_count_to_be_between", {"max_value": 1}),
        ("expect_column_max_to_be_between", {"max_value": 1}),
    ],
)
def test_statistics_that_lie_hide_no_value(
    spark: SparkSession, tmp_path: Path, kind: str, kwargs: dict[str, Any]
) -> None:
    ones = written([1] * ROWS)
    lying = of_two(written([*[1] * (ROWS - 1), 7]), ones)
    assert judged(spark, tmp_path, ones, kind, **kwargs).results[0].success
    assert not judged(spark, tmp_path, lying, kind, **kwargs).results[0].success


def test_a_page_unlike_its_checksum_is_no_answer(spark: SparkSession, tmp_path: Path) -> None:
    content = bytearray(written([1] * ROWS))
    place = content.rindex(struct.pack("<q", 1) * 3, 0, len(content) - 200)
    content[place] = 2
    found = judged(spark, tmp_path, bytes(content), "expect_column_values_to_not_be_null")
    assert found.status != "answered", found.results


def test_rows_that_are_counted_but_not_grouped_are_no_answer(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "groups_of", lambda _, groups: [(1, 0, ROWS - 1) for _ in groups])
    kind = "expect_column_distinct_values_to_be_in_set"
    found = judged(spark, tmp_path, written([1] * ROWS), kind, value_set=[1])
    assert found.status == "error"
    assert found.problem is not None
    assert "grouped another number of rows" in found.problem.message
