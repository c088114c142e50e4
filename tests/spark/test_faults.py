"""What goes wrong on a cluster, or on the way to it: told, never a pass, and nothing is left running."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from gate_server.engine.evaluate import evaluate
from gate_server.engine.objects import DataObject
from gate_server.engine.spark.cluster import Cluster, ClusterSettings
from gate_server.engine.suites import read_suite
from gate_server.model import Evaluation, Format, Limits
from local_lakefs.testing import RunningServer
from tests.e2e.harness import World, free_port
from tests.spark.harness import INTERPRETED
from tests.spark.test_engine import gate_on_spark, judged, orders

SUITE = read_suite(
    "s",
    '{"expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}}]}',
    "suites/s.json",
)


def read_by(world: World, spark: SparkSession, folder: Path, **options: str) -> Evaluation:
    """Judge a file on a lakeFS, read by these options for its bucket."""
    content = orders(0, 5)
    commit = world.branch("data", orders__a_dot_parquet=content).get_commit().id
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    uri = f"s3a://{world.name}/{commit}/orders/a.parquet"
    data = DataObject("orders/a.parquet", len(content), md5, lambda: io.BytesIO(content), uri=uri)
    own = {f"fs.s3a.bucket.{world.name}.{name.replace('_', '.')}": value for name, value in options.items()}
    cluster = Cluster(ClusterSettings(master="local[2]", conf=INTERPRETED, read_options=own), str(folder))
    assert cluster.session is not None
    return evaluate(SUITE, [data], Format("parquet"), {}, Limits(), cluster=cluster)


def test_a_cluster_reads_by_the_keys_of_each_read(
    server: RunningServer, world: World, spark: SparkSession, tmp_path: Path
) -> None:
    keys = {"access_key": server.access_key_id, "secret_key": server.secret_access_key}
    found = read_by(world, spark, tmp_path, **keys)
    assert (found.status, found.rows) == ("answered", 5), found.problem
    assert found.results[0].success


def test_keys_that_the_gateway_refuses_are_no_pass(world: World, spark: SparkSession, tmp_path: Path) -> None:
    found = read_by(world, spark, tmp_path, access_key="AKIAWRONG", secret_key="canary-of-a-secret")
    assert found.status == "error"
    assert found.problem is not None
    assert "refused the keys" in found.problem.message
    assert "canary-of-a-secret" not in found.problem.message


@pytest.mark.parametrize("secret", ["canary-of-a-conf"])
def test_a_job_over_its_time_is_an_error_and_leaves_no_driver(
    server: RunningServer, world: World, tmp_path: Path, secret: str
) -> None:
    world.branch("data", single__a_dot_parquet=orders(0, 5))
    # A master that nobody is: a driver looks for it for longer than the rule gives.
    nobody = {
        "GATE_SPARK_MASTER": f"spark://127.0.0.1:{free_port()}",
        "GATE_SPARK_CONF": f'{{"spark.driver.host": "127.0.0.1", "spark.test.password": "{secret}"}}',
    }
    with gate_on_spark(server, tmp_path, "limits: {time_s: 8}", **nobody) as gate:
        check = judged(gate, world, "data")
        assert check["verdict"] == "ERROR"
        assert "stopped after 8 s (limit time_s)" in check["summary"]
        family = psutil.Process(gate.process.pid).children(recursive=True)
        assert "java" not in [one.info["name"] for one in psutil.process_iter(["name"]) if one in family]
        assert secret not in gate.log.read_text()


def test_a_cluster_that_is_not_set_is_told(tmp_path: Path) -> None:
    content = orders(0, 5)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    data = DataObject("a.parquet", len(content), md5, lambda: io.BytesIO(content), uri="s3a://r/c/a.parquet")
    cluster = Cluster(ClusterSettings(), str(tmp_path))
    found = evaluate(SUITE, [data], Format("parquet"), {}, Limits(), cluster=cluster)
    assert found.status == "error"
    assert found.problem is not None
    assert "no cluster is set: GATE_SPARK_MASTER or GATE_SPARK_REMOTE" in found.problem.message
