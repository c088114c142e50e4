"""Spark Connect: a driver that is not the gate's, and that outlives the child which asked it."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyspark
import pytest

from gate_server.engine.spark.cluster import Cluster, ClusterSettings
from gate_server.workers.spark_sessions import release
from local_lakefs.testing import RunningServer
from tests.e2e.harness import World, free_port
from tests.spark.gateway import gateway_before
from tests.spark.harness import INTERPRETED, local_spark
from tests.spark.standalone import until
from tests.spark.test_engine import gate_on_spark, judged, orders

SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
STARTS_S = ENDS_S = 600


def listens(pid: int, port: int) -> bool:
    """Whether a process, or one that it started, listens there; what ended just now does not."""
    started = []
    with contextlib.suppress(psutil.Error):
        started = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for one in started:
        with contextlib.suppress(psutil.Error):
            if any(found.laddr.port == port for found in one.net_connections(kind="tcp")):
                return True
    return False


@pytest.fixture(scope="module")
def pages() -> str:
    """Give the address of the server's own pages."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def remote(pages: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a Spark Connect server; give its address."""
    folder, port = tmp_path_factory.mktemp("connect"), free_port()
    conf = local_spark(folder) | {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.ui.enabled": "true",
        "spark.ui.port": pages.rpartition(":")[2],
        # What waits, waits: neither a job whose client is gone nor a read that is held ends of itself.
        "spark.connect.execute.manager.detachedTimeout": "1h",
        "spark.hadoop.fs.s3a.connection.request.timeout": "1h",
    }
    home = Path(pyspark.__file__).parent
    given = [f"--conf={name}={value}" for name, value in conf.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [home / "bin" / "spark-submit", "--class", SERVER, *given],
            env={**os.environ, "SPARK_HOME": str(home)},
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + STARTS_S
        while not listens(process.pid, port):
            assert process.poll() is None, (folder / "log").read_text()[-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield f"sc://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_check_is_judged_by_a_driver_elsewhere(
    server: RunningServer, world: World, remote: str, tmp_path: Path
) -> None:
    world.branch("bad", orders__a_dot_parquet=orders(0, 5), orders__b_dot_parquet=orders(3, 2, code="é1"))
    other = {"GATE_SPARK_MASTER": "", "GATE_SPARK_REMOTE": remote, "GATE_SPARK_CONF": json.dumps(INTERPRETED)}
    with gate_on_spark(server, tmp_path, **other) as gate:
        check = judged(gate, world, "bad")
    assert check["verdict"] == "FAIL", check["details"]
    reasons = " ".join(reason["message"] for reason in check["details"])
    assert "`code`: 2 of 7 values do not match the regular expression" in reasons
    assert "`id`: 4 of 7 values are not unique, first in row 4 of orders/a.parquet" in reasons


def asks_for_ever(remote: str, folder: Path) -> None:
    """Tell a session's id, ask in it what takes years, and tell how that ended."""
    cluster = Cluster(ClusterSettings(remote=remote), str(folder), (folder / "session").write_text)
    try:
        cluster.session.range(0, 10**15).selectExpr("sum(id % 7) AS total").collect()
    except Exception as error:
        (folder / "ended").write_text(str(error))


def test_a_session_whose_owner_is_gone_ends_and_with_it_its_jobs(remote: str, tmp_path: Path) -> None:
    start = multiprocessing.get_context("spawn").Process
    owner = start(target=asks_for_ever, args=(remote, tmp_path))
    owner.start()
    deadline = time.monotonic() + STARTS_S
    told = tmp_path / "session"
    while not told.exists() or not told.read_text():
        assert owner.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    releasing = start(target=release, args=(remote, told.read_text(), str(tmp_path)))
    releasing.start()
    releasing.join(ENDS_S)
    assert releasing.exitcode == 0
    owner.join(ENDS_S)
    assert not owner.is_alive()
    assert re.search("CANCELED|SESSION|INTERRUPT", (tmp_path / "ended").read_text())


def test_a_check_over_its_time_leaves_nothing_on_the_server(
    server: RunningServer, world: World, remote: str, pages: str, tmp_path: Path
) -> None:
    def asked(what: str) -> list[dict[str, Any]]:
        [application] = httpx.get(f"{pages}/api/v1/applications", timeout=STARTS_S).json()
        found = httpx.get(f"{pages}/api/v1/applications/{application['id']}/{what}", timeout=STARTS_S)
        return list(found.json())

    world.branch("data", single__a_dot_parquet=orders(0, 5))
    with gateway_before(server.url) as gateway:
        other = {
            "GATE_SPARK_MASTER": "",
            "GATE_SPARK_REMOTE": remote,
            "GATE_SPARK_CONF": json.dumps(INTERPRETED),
            "GATE_SPARK_S3_ENDPOINT": gateway.url,
        }
        # Long enough that the job has begun, on a machine as loaded as this one.
        for time_s in (12, 60, 300):
            defaults, folder = f"limits: {{time_s: {time_s}}}", tmp_path / str(time_s)
            with gate_on_spark(server, folder, defaults, **other) as gate, gateway.holding("a.parquet"):
                check = judged(gate, world, "data")
                assert check["verdict"] == "ERROR"
                assert f"stopped after {time_s} s (limit time_s)" in check["summary"]
                if gateway.reached.is_set() and "a session may be left" not in gate.log.read_text():
                    until(lambda: not asked("jobs?status=running"))
                    break
        else:
            pytest.fail("no job was ended")
    until(lambda: sum(one["activeTasks"] for one in asked("executors")) == 0)
