"""Scenario 5 as it is told: a test environment, written to with Spark, in append mode once too often."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import lakefs.exceptions
import pytest
from pyspark.sql import SparkSession

from local_lakefs.testing import RunningServer
from tests.e2e.guarded import Guarded
from tests.e2e.harness import Gate, running_gate

POLICY = """\
version: 1
rules:
  - {name: raw, paths: ["*.csv"], suite: five_columns, format: {type: csv, header: false}}
  - {name: table, paths: [table/**], suite: table, format: {type: parquet}, scope: dataset, dataset: table/,
     on_new: pass}
"""
SUITES = {
    "five_columns": [
        {"type": "expect_table_columns_to_match_set", "kwargs": {"column_set": [f"_c{n}" for n in range(5)]}}
    ],
    "table": [
        {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["_c0", "_c1"]}},
        {
            "type": "expect_table_row_count_ratio_to_destination_to_be_between",
            "kwargs": {"min_value": 1, "max_value": 1.5},
        },
    ],
}
CSV = b"".join(b"%d,2,3,4,5\n" % number for number in range(1000))


@pytest.fixture(scope="module")
def gate(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Give a gate that knows what the table has to be."""
    folder = Path(tmp_path_factory.mktemp("policy"))
    (folder / "suites").mkdir()
    (folder / "gate.yaml").write_text(POLICY)
    for name, expectations in SUITES.items():
        (folder / "suites" / f"{name}.json").write_text(json.dumps({"expectations": expectations}))
    with running_gate(server.environment, folder / "data", GATE_POLICY=str(folder / "gate.yaml")) as running:
        yield running


def test_a_doubled_append_never_reaches_main(server: RunningServer, gate: Gate, spark: SparkSession) -> None:
    guarded = Guarded(server, gate)
    world = guarded.world
    world.branch("import", lakefs_test_dot_csv=CSV).merge_into("main")
    before = world.contents("main")

    # Someone reads production's file, and writes it as Parquet to an environment. Twice.
    raw = spark.read.csv(f"s3a://{world.name}/main/lakefs_test.csv")
    assert raw.columns == ["_c0", "_c1", "_c2", "_c3", "_c4"]
    environment = world.repository.branch("test-env").create("main")
    clean = environment.get_commit().id
    table = f"s3a://{world.name}/test-env/table/"
    raw.write.parquet(table)
    raw.write.mode("append").parquet(table)
    assert (raw.count(), spark.read.parquet(table).count()) == (1000, 2000)
    assert world.contents("main") == before

    # The gate sees it: no main holds the table yet, so by what the rows are.
    environment.commit("as Parquet")
    with pytest.raises(lakefs.exceptions.LakeFSException, match="gate"):
        environment.merge_into("main")
    refused = gate.ask(world.name, "test-env")
    assert refused["verdict"] == "FAIL"
    assert "2,000 of 2,000 rows are not unique" in refused["summary"], refused["summary"]
    assert world.contents("main") == before

    # The environment goes back to where it began, and is written once.
    server.client.sdk_client.experimental_api.hard_reset_branch(world.name, "test-env", ref=clean)
    spark.catalog.refreshByPath(table)
    raw.write.parquet(table)
    environment.commit("as Parquet, once")
    environment.merge_into("main")
    assert spark.read.parquet(f"s3a://{world.name}/main/table/").count() == 1000

    # Now main has one to be held against: other rows, but as many again.
    again = world.repository.branch("again").create("main")
    other = raw.selectExpr("'x' || _c0 AS _c0", "_c1", "_c2", "_c3", "_c4")
    other.write.mode("append").parquet(f"s3a://{world.name}/again/table/")
    again.commit("as many rows again")
    refused = gate.ask(world.name, "again")
    assert refused["verdict"] == "FAIL"
    assert "2 times the destination's 1,000 rows" in refused["summary"], refused["summary"]
    assert spark.read.parquet(f"s3a://{world.name}/main/table/").count() == 1000
