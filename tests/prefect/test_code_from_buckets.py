"""Flows whose code lies in S3 or Azure: Prefect's own push and pull steps of elsewhere.yaml, as they are.

S3 is the embedded lakeFS's own gateway: a bucket is a repository, a folder a branch. Azure is Azurite.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lakefs
import pytest
from azure.storage.blob import BlobServiceClient
from prefect_aws import AwsClientParameters, AwsCredentials
from prefect_azure import AzureBlobStorageCredentials

from local_lakefs.testing import RunningServer
from tests.e2e.harness import World
from tests.prefect.harness import EXAMPLES, PrefectServer, prefect, until
from tests.prefect.pulling import ELSEWHERE, FLOW, assert_pulled

# Where `make prefect` puts it, from tests/prefect/azurite/package-lock.json.
AZURITE = Path(sys.prefix) / "azurite/node_modules/azurite/dist/src/blob/main.js"
# Azurite's own account, the same everywhere.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
CONTAINER = "flows-of-ours"
FROM_BUCKETS = ["from-s3", "from-azure"]
IGNORED = [".env", "notes.log", "__pycache__/existing_flow.pyc"]


@pytest.fixture(scope="module")
def bucket(server: RunningServer) -> str:
    """Give a repository with the branch that elsewhere.yaml names as folder."""
    world = World(server)
    world.repository.branch("pipelines").create("main")
    return world.name


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the connection string of an Azurite, with the container."""
    assert shutil.which("node"), "node is missing here: `make prefect` says which packages are wanted"
    assert AZURITE.is_file(), "Azurite is missing here: `make prefect` installs it"
    folder = tmp_path_factory.mktemp("azurite")
    log = folder / "log"
    options = ["--blobPort", "0", "--location", str(folder), "--silent", "--disableTelemetry"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            # It knows the API up to its own release: newer clients name a newer one.
            ["node", str(AZURITE), *options, "--skipApiVersionCheck"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        found: list[str] = []

        def is_up() -> bool:
            found[:] = re.findall(r"successfully listens on (http://\S+)", log.read_text())
            return bool(found) or process.poll() is not None

        until(is_up)
        assert found, log.read_text()
        said = (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint={found[0]}/{ACCOUNT};"
        )
        BlobServiceClient.from_connection_string(said).create_container(CONTAINER)
        yield said
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the examples beside files that are nobody else's business."""
    here = tmp_path_factory.mktemp("flows") / "flows"
    shutil.copytree(EXAMPLES, here, ignore=shutil.ignore_patterns("__pycache__"))
    for name in IGNORED:
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text("not to be uploaded")
    return here


@pytest.fixture(scope="module")
def pushed(
    prefect_server: PrefectServer, server: RunningServer, bucket: str, azure: str, folder: Path
) -> None:
    """Deploy from that folder, which pushes it."""
    with prefect_server.api as api:
        api.post("/work_pools/", json={"name": "lakefs", "type": "process"})
    AwsCredentials(
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        region_name="us-east-1",
        aws_client_parameters=AwsClientParameters(endpoint_url=server.url),
    ).save("my-team")
    AzureBlobStorageCredentials(connection_string=azure).save("my-team")
    names = [part for name in FROM_BUCKETS for part in ("-n", name)]
    places = {"BUCKET": bucket, "CONTAINER": CONTAINER}
    prefect("deploy", "--prefect-file", "elsewhere.yaml", *names, env=places, cwd=folder)


def in_s3(server: RunningServer, bucket: str) -> set[str]:
    branch = lakefs.repository(bucket, client=server.client).branch("pipelines")
    return {f"pipelines/{item.path}" for item in branch.objects()}


def in_azure(connection: str) -> set[str]:
    container = BlobServiceClient.from_connection_string(connection).get_container_client(CONTAINER)
    return {item.name for item in container.list_blobs()}


@pytest.mark.usefixtures("pushed")
def test_what_is_ignored_is_not_pushed(server: RunningServer, bucket: str, azure: str) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=EXAMPLES, capture_output=True, text=True, check=True)
    wanted = {f"pipelines/{name}" for name in listed.stdout.split()}
    assert wanted
    assert in_s3(server, bucket) == in_azure(azure) == wanted


@pytest.mark.usefixtures("pushed")
@pytest.mark.parametrize("name", FROM_BUCKETS)
def test_code_comes_from_the_bucket_that_the_environment_named(
    prefect_server: PrefectServer, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with prefect_server.api as api:
        kept = api.get(f"/deployments/name/{FLOW}/{name}").raise_for_status().json()
    (step,) = next(item for item in ELSEWHERE if item["name"] == name)["pull"]
    ((function, written),) = step.items()
    place = {"bucket": bucket} if name == "from-s3" else {"container": CONTAINER}
    assert kept["pull_steps"] == [{function: written | place}]  # $NAME is filled in, blocks stay names
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert_pulled(name, tmp_path)
    assert not [ignored for ignored in IGNORED if (Path.cwd() / ignored).exists()]
