"""A worker that dies wherever it may: run again under its id, nothing is promoted half or twice."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.states import Scheduled

from gate_client.prefect import GateCredentials, LakeFSCredentials
from local_lakefs.testing import RunningServer
from tests.e2e.harness import ROOT, Gate, World
from tests.e2e.proxy import Exchange, proxy_before
from tests.prefect import pipeline
from tests.prefect.harness import PrefectServer
from tests.prefect.test_isolation import A, B, Stop, branches

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.mark.parametrize("place", ["before the commit", "after the commit", "after the merge"])
def test_a_killed_worker_promotes_nothing_half(
    place: str,
    server: RunningServer,
    gate: Gate,
    lakefs: LakeFSCredentials,
    gated: GateCredentials,
    guarded: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEST_DIE_AT", place)
    before = guarded.main.get_commit().id
    command = pipeline.arguments(server, gate.url, guarded.name)
    died = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert died.returncode == -9, died.stderr
    promoted = place == "after the merge"
    assert (guarded.main.get_commit().id != before) is promoted
    assert len(branches(guarded)) == 1

    monkeypatch.delenv("TEST_DIE_AT")
    run_id = UUID(died.stdout.split()[0])
    with get_client(sync_client=True) as client:  # what Prefect's "retry" does with a crashed run
        client.set_flow_run_state(run_id, Scheduled(), force=True)
    _, came = pipeline.run(lakefs, gated, guarded.name, run_id)
    assert (came is None) is promoted, came
    assert {A, B} <= set(guarded.contents("main"))
    merges = [item for item in guarded.main.log() if "prefect_promotion_of" in item.metadata]
    assert [item.metadata["prefect_promotion_of"] for item in merges] == [str(run_id)]
    assert branches(guarded) == []


def test_what_is_run_again_promotes_what_is_not_there(
    lakefs: LakeFSCredentials, gated: GateCredentials, guarded: World
) -> None:
    """A flow that failed after its promotion is run again: once as it was, once after a revert."""
    promoted = pipeline.pipeline(lakefs, gated, guarded.name)

    @flow
    def parent(fail: bool) -> None:
        promoted()
        if fail:
            raise Stop

    def promotions() -> int:
        return sum("prefect_promotion_of" in item.metadata for item in guarded.main.log())

    before = guarded.main.get_commit().id
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(parent, parameters={"fail": True})

        def once_more(*, fail: bool) -> None:
            client.set_flow_run_state(run.id, Scheduled(), force=True)
            run_flow(parent, flow_run=client.read_flow_run(run.id), parameters={"fail": fail})

        for _ in range(2):
            with pytest.raises(Stop):
                once_more(fail=True)
            assert promotions() == 1
        with gated.get_client() as gate:
            gate.revert(guarded.name, "main", before, reason="a test")
        assert A not in guarded.contents("main")
        once_more(fail=False)
    assert {A, B} <= set(guarded.contents("main"))
    assert promotions() == 2


@contextmanager
def waiting_run(command: list[str], **environment: str) -> Iterator[tuple[subprocess.Popen[str], UUID]]:
    """Give a process whose run has written its data and waits to go on, and the run's id."""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "TEST_DIE_AT": "waiting", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        assert running.stdout is not None
        said = []
        try:
            for line in running.stdout:
                said.append(line)
                if line == "waiting\n":
                    break
            else:
                raise AssertionError("".join(said))
            yield running, UUID(said[0].strip())
        finally:
            running.kill()


def test_a_cancelled_run_leaves_main_as_it_was(
    server: RunningServer, gate: Gate, guarded: World, tmp_path: Path
) -> None:
    """As a worker cancels: by SIGTERM."""
    before = guarded.main.get_commit().id
    command = pipeline.arguments(server, gate.url, guarded.name)
    with waiting_run(command, TEST_GO_ON=str(tmp_path / "go")) as (running, _):
        running.terminate()
        said = running.communicate(timeout=120)[0]
    assert guarded.main.get_commit().id == before
    (left,) = branches(guarded)
    assert f"{left} stays for inspection" in said


def test_a_prefect_server_that_goes_away_leaves_main_whole(
    prefect_server: PrefectServer,
    server: RunningServer,
    gate: Gate,
    lakefs: LakeFSCredentials,
    gated: GateCredentials,
    guarded: World,
    tmp_path: Path,
) -> None:
    """Gone while the flow runs: main has nothing of it or all. Run again, it has all, once."""
    go_on = tmp_path / "go"
    command = pipeline.arguments(server, gate.url, guarded.name)
    with ExitStack() as while_there:
        url = while_there.enter_context(proxy_before(prefect_server.url, Exchange.pass_on))
        impatient = {"PREFECT_API_URL": f"{url}/api", "PREFECT_CLIENT_MAX_RETRIES": "0"}
        asked = waiting_run(command, TEST_GO_ON=str(go_on), **impatient)
        with asked as (running, run_id):
            while_there.close()
            go_on.touch()
            said = running.communicate(timeout=300)[0]
            assert running.returncode not in (0, -9), said
    held = {A, B} & set(guarded.contents("main"))
    assert held in (set(), {A, B}), said
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, Scheduled(), force=True)
    pipeline.run(lakefs, gated, guarded.name, run_id)
    assert {A, B} <= set(guarded.contents("main"))
    merges = [item for item in guarded.main.log() if "prefect_promotion_of" in item.metadata]
    assert len(merges) == 1
