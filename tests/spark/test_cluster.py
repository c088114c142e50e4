"""A standalone cluster: executors that are processes of their own, lost, cancelled, or not to be had."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local_lakefs.testing import RunningServer
from tests.e2e.harness import Gate, World
from tests.spark import standalone
from tests.spark.gateway import Gateway, gateway_before
from tests.spark.standalone import Standalone, until
from tests.spark.test_engine import CONF, gate_on_spark, judged, orders, passes_and_fails

HELD = "b.parquet"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """Give a master with a worker."""
    with standalone.standalone(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(server: RunningServer) -> Iterator[Gateway]:
    """Give the way by which the cluster reaches lakeFS."""
    with gateway_before(server.url) as way:
        yield way


@pytest.fixture(scope="module")
def settings(cluster: Standalone, gateway: Gateway) -> dict[str, str]:
    """Give a gate's settings for that cluster."""
    return {
        "GATE_SPARK_MASTER": cluster.url,
        "GATE_SPARK_CONF": json.dumps(CONF | standalone.CONF),
        "GATE_SPARK_S3_ENDPOINT": gateway.url,
        "PYSPARK_PYTHON": "/nowhere",  # executors need none
    }


@pytest.fixture(scope="module")
def gate(
    server: RunningServer, settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gate]:
    """Give a gate whose rules are judged there."""
    with gate_on_spark(server, tmp_path_factory.mktemp("gate"), **settings) as running:
        yield running


def judged_while_held(
    gate: Gate, gateway: Gateway, world: World, then: Callable[[], object]
) -> dict[str, Any]:
    """Judge two files, and do something when one of them has been counted and the other is waited for."""
    with ThreadPoolExecutor(1) as aside, gateway.holding(HELD):
        check = aside.submit(judged, gate, world, "bad")
        until(lambda: gateway.reached.is_set() or check.done())
        if gateway.reached.is_set():
            assert "a.parquet" in gateway.reads
            gateway.reads.clear()
            then()
    return check.result()


@pytest.fixture
def bad(world: World) -> World:
    """Give a repository with two bad files on a branch; larger ones are read first."""
    world.branch("bad", orders__a_dot_parquet=orders(0, 50), orders__b_dot_parquet=orders(40, 20, qty=-1))
    return world


def nothing_is_left(cluster: Standalone) -> bool:
    """Tell whether no application and no executor runs."""
    return not cluster.running() and not cluster.executors()


def test_verdicts_are_those_of_a_local_spark(cluster: Standalone, gate: Gate, world: World) -> None:
    passes_and_fails(gate, world)
    until(lambda: nothing_is_left(cluster))
    assert len(cluster.told()["completedapps"]) == 2
    # Keys go to executors with what they read, and are written down nowhere.
    secret = world.server.secret_access_key.encode()
    assert not [file for file in cluster.folder.rglob("*") if file.is_file() and secret in file.read_bytes()]


def test_what_a_lost_executor_had_counted_is_counted_again(
    cluster: Standalone, gateway: Gateway, gate: Gate, bad: World
) -> None:
    def lose() -> None:
        [executor] = cluster.executors()
        executor.kill()
        until(lambda: not executor.is_running())

    check = judged_while_held(gate, gateway, bad, lose)
    assert "a.parquet" in gateway.reads
    assert check["verdict"] == "FAIL", check["details"]
    assert [one["meta"]["gate"]["rows"] for one in check["validations"]] == [70, 70]
    assert [reason["message"] for reason in check["details"]] == [
        "`qty`: 20 of 70 values are not at least 0, first in row 51 of orders/b.parquet",
        "`id`: 20 of 70 values are not unique, first in row 41 of orders/a.parquet",
    ]
    until(lambda: nothing_is_left(cluster))


def test_a_job_that_is_cancelled_is_no_pass(
    cluster: Standalone, gateway: Gateway, gate: Gate, bad: World
) -> None:
    def cancel() -> None:
        [application] = cluster.running()
        cluster.cancel(application)
        until(lambda: not cluster.executors())

    check = judged_while_held(gate, gateway, bad, cancel)
    assert check["verdict"] == "ERROR"
    assert {reason["rule"] for reason in check["details"]} == {"orders", "ordered"}
    for reason in check["details"]:
        assert "the job was cancelled, or its driver stopped" in reason["message"]
    until(lambda: nothing_is_left(cluster))


def test_a_job_whose_worker_is_gone_waits_no_longer_than_it_may(
    server: RunningServer,
    cluster: Standalone,
    gateway: Gateway,
    settings: dict[str, str],
    world: World,
    tmp_path: Path,
) -> None:
    world.branch("bad", single__a_dot_parquet=orders(0, 50), single__b_dot_parquet=orders(40, 20))
    # Long enough that the job has begun, on a machine as loaded as this one.
    for time_s in (20, 100, 300):
        defaults = f"limits: {{time_s: {time_s}}}"
        with gate_on_spark(server, tmp_path / str(time_s), defaults, **settings) as gate:
            check = judged_while_held(gate, gateway, world, cluster.kill_worker)
        assert check["verdict"] == "ERROR"
        assert f"stopped after {time_s} s (limit time_s)" in check["summary"]
        if gateway.reached.is_set():
            break
    assert cluster.told()["aliveworkers"] == 0
    assert {reason["hint"] for reason in check["details"]} == {
        "raise limits.time_s of the rule, or see on the cluster whether the job got executors at all"
    }
    until(lambda: nothing_is_left(cluster))
