"""Rules with `engine: spark`: data on a lakeFS, judged by a Spark of the gate's own."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from local_lakefs.testing import RunningServer
from tests.e2e.harness import Gate, World, running_gate
from tests.spark.harness import INTERPRETED, S3A_JARS

POLICY = """\
version: 1
defaults: {engine: spark, %s}
rules:
  - {name: orders, paths: [orders/**], suite: orders, format: {type: parquet}, scope: dataset,
     dataset: orders/}
  - {name: ordered, paths: [orders/**], suite: ordered, format: {type: parquet}, scope: dataset,
     dataset: orders/}
  - {name: single, paths: [single/**], suite: ordered, format: {type: parquet}, scope: dataset,
     dataset: single/}
"""
CODE = {"column": "code", "regex": "^[A-Z]{2}[0-9]+$"}
SUITES = {
    "orders": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "qty", "min_value": 0}},
        {"type": "expect_column_values_to_match_regex", "kwargs": CODE},
    ],
    "ordered": [{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}],
}
CONF = INTERPRETED | {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.extraClassPath": f"{S3A_JARS}/*",
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
}


def orders(first: int, rows: int, qty: int = 1, code: str = "AB1") -> bytes:
    """Return a Parquet file of orders."""
    table = pa.table(
        {
            "id": pa.array(range(first, first + rows), pa.int64()),
            "qty": pa.array([qty] * rows, pa.int64()),
            "code": [code] * rows,
        }
    )
    written = io.BytesIO()
    pq.write_table(table, written)
    return written.getvalue()


@contextmanager
def gate_on_spark(
    server: RunningServer, folder: Path, defaults: str = "limits: {time_s: 3000}", **settings: str
) -> Iterator[Gate]:
    """Run a gate whose rules are judged on a Spark that its child starts, unless `settings` say another."""
    (folder / "suites").mkdir(parents=True)
    (folder / "gate.yaml").write_text(POLICY % defaults)
    for name, expectations in SUITES.items():
        (folder / "suites" / f"{name}.json").write_text(json.dumps({"expectations": expectations}))
    given = {"GATE_SPARK_MASTER": "local[2]", "GATE_SPARK_CONF": json.dumps(CONF), **settings}
    policy = str(folder / "gate.yaml")
    with running_gate(server.environment, folder / "data", GATE_POLICY=policy, **given) as gate:
        yield gate


def judged(gate: Gate, world: World, source: str) -> dict[str, Any]:
    """Judge a merge ahead, however long a loaded machine takes; return the whole check."""
    found = gate.ask(world.name, source)
    deadline = time.monotonic() + 3000
    while found["verdict"] == "" and time.monotonic() < deadline:
        found = gate.api.get(f"/api/v1/checks/{found['check']}", params={"wait": 60}).json()
    whole: dict[str, Any] = gate.api.get(f"/api/v1/checks/{found['check']}").json()
    return whole


def passes_and_fails(gate: Gate, world: World) -> None:
    """Judge good data, then bad data beside it: in one file, which alone is counted, and by all keys."""
    good = {"orders__a_dot_parquet": orders(0, 50), "orders__b_dot_parquet": orders(50, 50)}
    world.branch("good", **good)
    check = judged(gate, world, "good")
    assert check["verdict"] == "PASS", check["details"]
    results = [one["meta"]["gate"] for rule in check["validations"] for one in rule["results"]]
    assert {one["answered_from"] for one in results} == {"spark"}
    assert [one["meta"]["gate"]["rows"] for one in check["validations"]] == [100, 100]

    world.branch("bad", "good", orders__c_dot_parquet=orders(90, 20, qty=-1))
    check = judged(gate, world, "bad")
    assert check["verdict"] == "FAIL", check["details"]
    reasons = " ".join(reason["message"] for reason in check["details"])
    assert "`qty`: 20 of 120 values" in reasons
    assert "first in row 101 of orders/c.parquet" in reasons
    assert "`id`: 20 of 120 values are not unique, first in row 91 of orders/b.parquet" in reasons
    assert {one["meta"]["gate"]["objects_known"] for one in check["validations"]} == {2}


def test_a_dataset_is_judged_on_spark_and_known_files_are_not_read_again(
    server: RunningServer, world: World, tmp_path: Path
) -> None:
    with gate_on_spark(server, tmp_path) as gate:
        passes_and_fails(gate, world)
