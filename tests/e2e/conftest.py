"""One embedded lakeFS and one gate for the whole run; a repository of its own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from local_lakefs.testing import RunningServer, lakefs_server
from tests.e2e.canaries import CANARIES
from tests.e2e.harness import HOOK_ENVIRONMENT, Gate, World, running_gate
from tests.e2e.reverting import context, lakefs, repo, store  # noqa: F401 - fixtures
from tests.postgres import Postgres


@pytest.fixture(scope="session", autouse=True)
def canaries() -> Iterator[None]:
    """Fail the run where a secret or a cell's value turned up in what a gate told, wrote or kept."""
    send = httpx.Client.send

    def send_and_look(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        answer = send(self, request, **options)
        if not options.get("stream"):
            CANARIES.look_at_answer(answer)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.Client, "send", send_and_look)
        yield
    assert not CANARIES.places, "\n".join(CANARIES.places[:20])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Give the embedded lakeFS, as a process."""
    with lakefs_server(tmp_path_factory.mktemp("lakefs"), HOOK_ENVIRONMENT, allow_lua_http=True) as running:
        yield running


@pytest.fixture(scope="session")
def gate_on_sqlite(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Give a gate on that lakeFS, with the policy that users copy."""
    with running_gate(server.environment, tmp_path_factory.mktemp("gate")) as running:
        yield running


@pytest.fixture(scope="session")
def gate_on_postgresql(
    server: RunningServer, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gate]:
    """Give the same gate, its database elsewhere."""
    settings = {"GATE_DATABASE_URL": postgres.new_database()}
    with running_gate(server.environment, tmp_path_factory.mktemp("gate"), **settings) as running:
        yield running


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def gate(request: pytest.FixtureRequest) -> Gate:
    """Give the gate, once on each database; both go on until the run ends."""
    found: Gate = request.getfixturevalue(f"gate_on_{request.param}")
    return found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def new_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], str]:
    """Give what makes an empty database, for gates of a test's own: once of each kind."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path_factory.mktemp('database')}/gate.db"
    made: Callable[[], str] = request.getfixturevalue("postgres").new_database
    return made


@pytest.fixture
def world(server: RunningServer) -> World:
    """Give an empty repository."""
    return World(server)
