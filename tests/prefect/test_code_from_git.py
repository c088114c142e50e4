"""Flows whose code comes from git: Prefect's own pull steps of elsewhere.yaml, at a git on loopback.

A proxy leads github.com, gitlab.example.com and bitbucket.org there, over TLS with a certificate of its own.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from prefect.blocks.system import Secret
from prefect.deployments import run_deployment
from prefect.deployments.steps.core import StepExecutionError
from prefect_bitbucket import BitBucketCredentials
from prefect_github import GitHubCredentials
from prefect_gitlab import GitLabCredentials

from gate_client.prefect import GateCredentials, LakeFSCredentials
from local_lakefs.testing import RunningServer
from tests.e2e.harness import World
from tests.prefect.git_server import (
    LOGINS,
    PRIVATE,
    PUBLIC,
    TOKEN,
    GitServer,
    git_over_https,
    git_over_ssh,
    repository,
    ssh_command,
)
from tests.prefect.harness import EXAMPLES, PrefectServer, prefect
from tests.prefect.loopback import Proxy, certificate, forward_proxy
from tests.prefect.pulling import ELSEWHERE, FLOW, assert_pulled, pulled

WRITTEN = {item["name"]: item for item in ELSEWHERE}
WITH_A_LOGIN = {
    "from-private-git-by-secret": "github.com",
    "from-github": "github.com",
    "from-gitlab": "gitlab.example.com",
    "from-bitbucket": "bitbucket.org",
    "from-bitbucket-by-secret": "bitbucket.org",
}
FROM_GIT = ["from-public-git", "from-git-by-ssh", *WITH_A_LOGIN]


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """Give the git server with the examples in two repositories."""
    folder = tmp_path_factory.mktemp("git")
    repository(folder, PRIVATE, PUBLIC, content=EXAMPLES)
    with git_over_https(folder, certificate(folder, *LOGINS)) as served:
        yield served


@pytest.fixture(scope="module")
def proxy(git: GitServer) -> Iterator[Proxy]:
    """Give the proxy that leads to it."""
    with forward_proxy(dict.fromkeys(LOGINS, git.https_port)) as running:
        yield running


@pytest.fixture
def worker(git: GitServer, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Make this process a worker's, as docs/prefect.md says; return what it has set."""
    settings = {
        "HTTPS_PROXY": proxy.url,
        "NO_PROXY": "127.0.0.1",
        "GIT_SSL_CAINFO": str(git.folder / "certificate.pem"),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    git.let_in.clear()
    git.refused.clear()
    return settings


@pytest.fixture(scope="module")
def deployed(prefect_server: PrefectServer) -> None:
    """Deploy what comes from git, with the blocks that it names."""
    with prefect_server.api as api:
        api.post("/work_pools/", json={"name": "lakefs", "type": "process"})
    Secret(value=TOKEN).save("git-token")
    Secret(value=TOKEN).save("bitbucket-token")
    GitHubCredentials(token=TOKEN).save("my-team")
    GitLabCredentials(token=TOKEN).save("my-team")
    BitBucketCredentials(token=TOKEN).save("my-team")
    names = [part for name in FROM_GIT for part in ("-n", name)]
    prefect("deploy", "--prefect-file", "elsewhere.yaml", *names, env={})
    with prefect_server.api as api:
        for name in FROM_GIT:
            kept = api.get(f"/deployments/name/{FLOW}/{name}").raise_for_status().json()
            assert kept["pull_steps"] == WRITTEN[name]["pull"]
            assert TOKEN not in str(kept)


@pytest.mark.usefixtures("deployed", "worker")
def test_public_code_wants_no_login(git: GitServer, tmp_path: Path) -> None:
    assert_pulled("from-public-git", tmp_path)
    assert not git.let_in


@pytest.mark.usefixtures("deployed", "worker")
@pytest.mark.parametrize("name", WITH_A_LOGIN)
def test_private_code_comes_with_the_login_that_the_service_takes(
    git: GitServer, tmp_path: Path, name: str
) -> None:
    host = WITH_A_LOGIN[name]
    assert_pulled(name, tmp_path)
    assert git.let_in == {(host, LOGINS[host][0])}


@pytest.mark.usefixtures("deployed", "worker")
def test_a_wrong_token_is_refused_and_not_told(git: GitServer) -> None:
    Secret(value="another-token").save("git-token", overwrite=True)
    try:
        with pytest.raises(StepExecutionError) as failed:
            pulled("from-private-git-by-secret")
    finally:
        Secret(value=TOKEN).save("git-token", overwrite=True)
    assert not git.let_in
    told = "".join(traceback.format_exception(failed.value))
    assert "Failed to clone repository 'https://github.com/my-team/pipelines.git'" in told
    assert "another-token" not in told
    assert ("github.com", "another-token") in git.refused


@pytest.mark.usefixtures("deployed", "worker")
def test_code_comes_by_ssh_with_the_workers_own_key(
    git: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs, host = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(3))
    keys = git.folder / "keys"
    keys.mkdir()
    with git_over_ssh(git.folder, ours, host) as port:
        monkeypatch.setenv("GIT_SSH_COMMAND", ssh_command(keys, port, host, ours))
        assert_pulled("from-git-by-ssh", tmp_path)
        monkeypatch.setenv("GIT_SSH_COMMAND", ssh_command(keys, port, host, theirs))
        (tmp_path / "afresh").mkdir()
        monkeypatch.chdir(tmp_path / "afresh")
        with pytest.raises(StepExecutionError) as failed:
            pulled("from-git-by-ssh")
    assert "Check your SSH key" in str(failed.value.__cause__)


@pytest.mark.usefixtures("deployed")
def test_a_worker_runs_what_it_pulled(
    prefect_server: PrefectServer,
    server: RunningServer,
    lakefs: LakeFSCredentials,
    gated: GateCredentials,
    guarded: World,
    worker: dict[str, str],
) -> None:
    lakefs.save("lake", overwrite=True)
    gated.save("gate", overwrite=True)
    run: Any = run_deployment(f"{FLOW}/from-private-git-by-secret", timeout=0)
    settings = {**server.environment, **worker, "LAKEFS_REPOSITORY": guarded.name}
    prefect("worker", "start", "--pool", "lakefs", "--run-once", "--install-policy", "never", env=settings)
    with prefect_server.api as api:
        ended = api.get(f"/flow_runs/{run.id}").json()
    assert ended["state"]["type"] == "COMPLETED", prefect_server.logs(run.id)
    assert "nightly/lakefs_test.csv" in guarded.contents("main")
    metadata = guarded.main.get_commit().metadata
    assert metadata["prefect_deployment"] == "from-private-git-by-secret"
    assert str(run.id) in metadata["::lakefs::Prefect::url[url:ui]"]
    assert prefect_server.artifacts(run.id)[-1]["data"].startswith("## PASS")
