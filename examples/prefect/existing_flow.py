"""Option 1: a flow that knows nothing of the gate, run on a branch of its own and promoted through the gate.

`nightly_import` is the flow as it was: it reads a file and writes it to lakeFS, on the branch that it is
told. The last statement is all that is new. Deployed by prefect.yaml as
`nightly-import-isolated/existing-flow`.
"""

import os
from pathlib import Path

import lakefs  # the official client; it takes its address and keys from LAKECTL_...
from prefect import flow, task

from gate_client.prefect import isolated

REPOSITORY = os.environ.get("LAKEFS_REPOSITORY", "example")
DATA = Path(__file__).parent / "data"


@task
def extract(file: str) -> bytes:
    return (DATA / file).read_bytes()


@task
def load(branch: str, path: str, content: bytes) -> None:
    lakefs.repository(REPOSITORY).branch(branch).object(path).upload(content)


@flow(name="nightly-import")
def nightly_import(branch: str = "main", file: str = "lakefs_test.csv") -> None:
    load(branch, f"nightly/{file}", extract(file))


isolated_nightly_import = isolated(
    nightly_import, repository=REPOSITORY, lakefs_credentials="lake", gate_credentials="gate"
)
