"""One Prefect server, one embedded lakeFS and one gate for the whole run; a repository for each test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from local_lakefs.testing import RunningServer, lakefs_server
from tests.e2e.harness import API_TOKEN, GOOD, HOOK_ENVIRONMENT, Gate, World, free_port, running_gate
from tests.prefect.harness import PrefectServer, prefect_environment, running_prefect

if TYPE_CHECKING:
    from gate_client.prefect import GateCredentials, LakeFSCredentials

# Prefect reads its settings as it is imported, so they are set before a test module imports it. Its home is
# the tests' own: nothing of this machine's user is read or written.
_HOME = tempfile.TemporaryDirectory(prefix="gate-prefect-")
_PORT = free_port()
for _name in [name for name in os.environ if name.startswith("PREFECT_")]:
    del os.environ[_name]
os.environ.update(prefect_environment(Path(_HOME.name), _PORT))


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[PrefectServer]:
    """Give the Prefect server that this process's flows report to."""
    with running_prefect(Path(_HOME.name), _PORT) as running:
        yield running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Give the embedded lakeFS, as a process."""
    with lakefs_server(tmp_path_factory.mktemp("lakefs"), HOOK_ENVIRONMENT, allow_lua_http=True) as running:
        yield running


@pytest.fixture(scope="session")
def gate(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Give a gate on that lakeFS, with the policy that users copy."""
    with running_gate(server.environment, Path(tmp_path_factory.mktemp("gate"))) as running:
        yield running


@pytest.fixture
def world(server: RunningServer) -> World:
    """Give an empty repository."""
    return World(server)


@pytest.fixture
def lakefs(server: RunningServer) -> LakeFSCredentials:
    """Give the block for that lakeFS, not saved."""
    from gate_client.prefect import LakeFSCredentials

    return LakeFSCredentials(
        endpoint_url=server.url,
        access_key_id=server.access_key_id,
        secret_access_key=server.secret_access_key,
    )


@pytest.fixture
def gated(gate: Gate) -> GateCredentials:
    """Give the block for that gate, not saved."""
    from gate_client.prefect import GateCredentials

    return GateCredentials(url=gate.url, token=SecretStr(API_TOKEN))


@pytest.fixture(scope="session")
def gate_files(server: RunningServer, gate: Gate) -> dict[str, bytes]:
    """Give what `gate install` writes, so that not every test waits for it."""
    model = World(server)
    done = gate.run("install", model.uri())
    assert done.returncode == 0, done.stdout + done.stderr
    return model.contents("main")


@pytest.fixture
def guarded(world: World, gate_files: dict[str, bytes], prefect_server: PrefectServer) -> World:
    """Give a repository with the gate before its main, which holds a good file."""
    setup = world.commit(
        world.repository.branch("setup").create("main"), {**gate_files, "lakefs_test.csv": GOOD}
    )
    # No hook is asked about a reset (H7): this is how main gets what only `gate install` may merge.
    world.server.client.sdk_client.experimental_api.hard_reset_branch(
        world.name, "main", ref=setup.get_commit().id
    )
    setup.delete()
    return world
