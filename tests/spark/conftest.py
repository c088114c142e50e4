"""One Spark, one embedded lakeFS and one gate for the whole run; a repository for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from local_lakefs.testing import RunningServer, lakefs_server
from tests.contract.harness import Lakefs
from tests.e2e.harness import HOOK_ENVIRONMENT, World
from tests.spark.harness import local_spark, running_spark, s3a

REAL_URL = os.environ.get("GATE_TEST_LAKEFS_URL", "")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Give the embedded lakeFS, as a process."""
    with lakefs_server(tmp_path_factory.mktemp("lakefs"), HOOK_ENVIRONMENT, allow_lua_http=True) as running:
        yield running


@pytest.fixture(scope="session")
def spark(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Give a Spark that reads and writes ``s3a://`` on that lakeFS."""
    with running_spark(local_spark(tmp_path_factory.mktemp("spark")) | s3a(server.environment)) as session:
        yield session


@pytest.fixture
def world(server: RunningServer) -> World:
    """Give an empty repository."""
    return World(server)


@pytest.fixture(scope="session", params=["embedded", "real"] if REAL_URL else ["embedded"])
def lakefs(request: pytest.FixtureRequest, server: RunningServer) -> Iterator[Lakefs]:
    """Give the embedded lakeFS, and a real one where its address is given, as tests/contract does."""
    if request.param == "embedded":
        yield Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
        return
    keys = (os.environ[f"GATE_TEST_LAKEFS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
    real = Lakefs("real", REAL_URL, *keys)
    yield real
    for name in real.created:
        real.http.delete(f"/repositories/{name}", params={"force": True})
