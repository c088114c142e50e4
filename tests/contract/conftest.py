"""What lakeFS does, as tests. Each carries the ids of the facts that it holds.

They run against the embedded server, and against a real one as well when `GATE_TEST_LAKEFS_URL`,
`GATE_TEST_LAKEFS_ACCESS_KEY_ID` and `GATE_TEST_LAKEFS_SECRET_ACCESS_KEY` are set. The real one must be a
development server on this machine (webhooks come to loopback) with a local block store,
`actions.lua.net_http_enabled: true` and `LAKEFSACTION_CONTRACT=contract-value` in its environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from local_lakefs.testing import lakefs_server
from tests.contract.harness import Lakefs, Repository
from tests.contract.webhooks import Receiver, receiver

REAL_URL = os.environ.get("GATE_TEST_LAKEFS_URL", "")
HOOK_ENVIRONMENT = {"LAKEFSACTION_CONTRACT": "contract-value", "OTHER_SECRET": "not-for-hooks"}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "behaviour(*ids): the facts about lakeFS that the test holds")


@pytest.fixture(scope="session")
def embedded() -> Iterator[Lakefs]:
    with (
        TemporaryDirectory() as folder,
        lakefs_server(Path(folder), env=HOOK_ENVIRONMENT, allow_lua_http=True) as server,
    ):
        yield Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)


@pytest.fixture(scope="session")
def real() -> Iterator[Lakefs]:
    key_id, secret = (
        os.environ[f"GATE_TEST_LAKEFS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
    )
    server = Lakefs("real", REAL_URL, key_id, secret)
    yield server
    for name in server.created:
        server.http.delete(f"/repositories/{name}", params={"force": True})


@pytest.fixture(scope="session", params=["embedded", "real"] if REAL_URL else ["embedded"])
def lakefs(request: pytest.FixtureRequest) -> Lakefs:
    server = request.getfixturevalue(request.param)
    assert isinstance(server, Lakefs)
    return server


@pytest.fixture
def repo(lakefs: Lakefs) -> Repository:
    """An empty repository."""
    return lakefs.create_repository()


@pytest.fixture(scope="session")
def all_webhooks() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def webhooks(all_webhooks: Receiver) -> Iterator[Receiver]:
    """The receiver; what failed in its threads fails the test."""
    all_webhooks.failures.clear()
    yield all_webhooks
    if all_webhooks.failures:
        raise all_webhooks.failures[0]
