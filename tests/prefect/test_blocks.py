"""The blocks, registered on a real Prefect server as users register them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, ClassVar

import lakefs_sdk
import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from prefect.utilities.dispatch import register_type
from pydantic import SecretStr

from gate_client.prefect import GateCredentials, LakeFSCredentials
from local_lakefs.testing import RunningServer
from tests.e2e.harness import API_TOKEN, Gate
from tests.prefect.harness import PrefectServer


@pytest.fixture(scope="module")
def registered(prefect_server: PrefectServer) -> PrefectServer:
    """Register the blocks with Prefect's own command."""
    command = ["-m", "prefect", "block", "register", "-m", "gate_client.prefect"]
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 blocks" in done.stdout, done.stdout
    return prefect_server


@pytest.mark.parametrize("block", [LakeFSCredentials, GateCredentials])
class TestStandards(BlockStandardTestSuite):
    """What Prefect asks of every block: description, addresses, a code example, a word on each field."""

    test_has_a_valid_image: Any = None  # loads the logo from the internet

    @pytest.fixture
    def block(self, request: pytest.FixtureRequest) -> type[Block]:
        """Give one of the blocks."""
        kind: type[Block] = request.param
        return kind


@pytest.mark.parametrize(
    ("slug", "secrets"),
    [
        ("lakefs-credentials", ["secret_access_key"]),
        ("lakefs-gate-credentials", ["token"]),
    ],
)
def test_a_registered_block_is_whole_in_prefects_ui(
    registered: PrefectServer, slug: str, secrets: list[str]
) -> None:
    with registered.api as api:
        kind = api.get(f"/block_types/slug/{slug}").raise_for_status().json()
        schemas = api.post(
            "/block_schemas/filter", json={"block_schemas": {"block_type_id": {"any_": [kind["id"]]}}}
        ).json()
    assert all(
        kind[name] for name in ("name", "logo_url", "documentation_url", "description", "code_example")
    )
    (schema,) = schemas
    assert schema["fields"]["secret_fields"] == secrets
    for field in schema["fields"]["properties"].values():
        assert field["title"]
        assert field["description"]


def test_saved_and_loaded_without_showing_its_secrets(
    registered: PrefectServer, server: RunningServer, lakefs: LakeFSCredentials
) -> None:
    lakefs.save("the-lake")
    loaded = LakeFSCredentials.load("the-lake")
    assert loaded.get_client().version
    with registered.api as api:
        seen = api.get("/block_types/slug/lakefs-credentials/block_documents/name/the-lake").text
    assert server.access_key_id in seen
    for shown in (seen, repr(loaded), str(loaded.model_dump()), loaded.model_dump_json()):
        assert server.secret_access_key not in shown


async def _health(credentials: GateCredentials) -> str:
    async with credentials.get_async_client() as client:
        return str((await client.health()).status)


def test_the_gates_block_opens_the_gate(registered: PrefectServer, gate: Gate) -> None:
    import asyncio

    GateCredentials(url=gate.url, token=SecretStr(API_TOKEN)).save("the-gate")
    loaded = GateCredentials.load("the-gate")
    with loaded.get_client() as client:
        assert client.list_checks() == []
        said = client.health().status
    assert asyncio.run(_health(loaded)) == said
    assert API_TOKEN not in repr(loaded)


def test_a_block_that_prefect_lakefs_stored_still_loads(
    registered: PrefectServer, server: RunningServer
) -> None:
    with pytest.warns(UserWarning, match="existing type will be overridden"):

        class OldCredentials(Block):
            """The block as prefect-lakefs 0.3 had it."""

            _block_type_name: ClassVar[str] = "LakeFS Credentials"
            _block_type_slug: ClassVar[str] = "lakefs-credentials"

            access_key_id: str | None = None
            secret_access_key: SecretStr | None = None
            endpoint_url: str | None = "http://localhost:8000/api/v1"
            repository: str | None = None
            branch: str | None = None
            commit_on_task: bool | None = None

    OldCredentials(
        access_key_id=server.access_key_id,
        secret_access_key=SecretStr(server.secret_access_key),
        endpoint_url=f"{server.url}/api/v1",
        branch="main",
    ).save("from-before")
    with pytest.warns(UserWarning, match="existing type will be overridden"):
        register_type(LakeFSCredentials)
    LakeFSCredentials.register_type_and_schema()
    assert LakeFSCredentials.load("from-before").get_client().version


@pytest.mark.parametrize("ending", ["", "/", "/api/v1", "/api/v1/"])
def test_the_endpoint_may_be_written_in_any_way(server: RunningServer, ending: str) -> None:
    credentials = LakeFSCredentials(
        endpoint_url=server.url + ending,
        access_key_id=server.access_key_id,
        secret_access_key=SecretStr(server.secret_access_key),
    )
    sdk: lakefs_sdk.client.LakeFSClient = credentials.get_client().sdk_client
    assert sdk.repositories_api.list_repositories().results is not None
