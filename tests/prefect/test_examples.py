"""The example flows: deployed as their prefect.yaml says, and run by a worker."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.blocks.system import Secret
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.deployments import run_deployment

from gate_client.prefect import GateCredentials, LakeFSCredentials
from local_lakefs.testing import RunningServer
from tests.e2e.harness import ROOT, World
from tests.prefect.harness import PrefectServer

EXAMPLES = ROOT / "examples" / "prefect"
ELSEWHERE = yaml.safe_load((EXAMPLES / "elsewhere.yaml").read_text())
SECRET = "the-token-itself"
FROM_GIT = ["from-public-git", "from-private-git-by-secret", "from-bitbucket-by-secret", "from-git-by-ssh"]


def prefect(*arguments: str, env: Mapping[str, str]) -> str:
    """Run a command of Prefect's among the examples."""
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
        cwd=EXAMPLES,
        env={**os.environ, "EXAMPLES": str(EXAMPLES), **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pool(prefect_server: PrefectServer) -> None:
    """Make the work pool."""
    with prefect_server.api as api:
        api.post("/work_pools/", json={"name": "lakefs", "type": "process"}).raise_for_status()


@pytest.mark.usefixtures("pool")
def test_a_worker_runs_a_deployed_example(
    prefect_server: PrefectServer,
    server: RunningServer,
    lakefs: LakeFSCredentials,
    gated: GateCredentials,
    guarded: World,
) -> None:
    lakefs.save("lake")
    gated.save("gate")
    settings = {**server.environment, "LAKEFS_REPOSITORY": guarded.name}
    said = prefect("deploy", "--all", env=settings)
    assert said.count("successfully created") == 3, said
    run: Any = run_deployment(
        "stepwise-import-isolated/new-flow", parameters={"file": "lakefs_test.csv"}, timeout=0
    )
    prefect("worker", "start", "--pool", "lakefs", "--run-once", "--install-policy", "never", env=settings)
    with prefect_server.api as api:
        ended = api.get(f"/flow_runs/{run.id}").json()
    assert ended["state"]["type"] == "COMPLETED", prefect_server.logs(run.id)
    assert "stepwise/lakefs_test.csv" in guarded.contents("main")
    metadata = guarded.main.get_commit().metadata
    assert metadata["prefect_deployment"] == "new-flow"
    assert str(run.id) in metadata["::lakefs::Prefect::url[url:ui]"]
    assert prefect_server.artifacts(run.id)[-1]["data"].startswith("## PASS")


@pytest.mark.usefixtures("pool")
def test_deployments_from_git_are_taken_by_prefect(
    prefect_server: PrefectServer, server: RunningServer
) -> None:
    for block in ("git-token", "bitbucket-token"):
        Secret(value=SECRET).save(block)
    names = [part for name in FROM_GIT for part in ("-n", name)]
    prefect("deploy", "--prefect-file", "elsewhere.yaml", *names, env=server.environment)
    with prefect_server.api as api:
        for name in FROM_GIT:
            kept = api.get(f"/deployments/name/nightly-import-isolated/{name}").raise_for_status().json()
            written = next(item for item in ELSEWHERE["deployments"] if item["name"] == name)
            assert kept["pull_steps"] == written["pull"]
            assert SECRET not in str(kept)  # Prefect reads the blocks to see that they are there


@pytest.mark.parametrize("deployment", ELSEWHERE["deployments"], ids=lambda item: item["name"])
def test_the_other_deployments_are_of_prefects_form(deployment: dict[str, Any]) -> None:
    """What is not run here: each step is named, and nothing is misspelt that Prefect would pass over."""
    model = PrefectYamlModel.model_validate({"deployments": [deployment]})
    (read,) = model.deployments
    assert set(deployment) <= set(type(read).model_fields)
    assert (EXAMPLES / read.entrypoint.split(":")[0]).is_file()
    for step in (*(read.build or ()), *(read.push or ()), *(read.pull or ())):
        ((name, given),) = step.items()
        assert re.fullmatch(r"prefect(_\w+)?\.deployments\.steps\.\w+", name)
        assert given
    assert Path(EXAMPLES / ".prefectignore").is_file()
