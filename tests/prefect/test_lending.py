"""A check of a rule with `runs: elsewhere`, judged on a work pool without anybody's doing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.states import Crashed
from pydantic import SecretStr

from gate_client.prefect import GateCredentials, LakeFSCredentials, run_waiting_checks
from local_lakefs.testing import RunningServer
from tests.e2e.harness import BAD, ROOT, Gate, World, running_gate, until
from tests.e2e.holding import holding_way
from tests.prefect.harness import PrefectServer, prefect

POLICY = """\
version: 1
rules:
  - name: large
    paths: ["large/*.csv"]
    suite: five_columns
    format: {type: csv, header: false}
    runs: elsewhere
"""
RUNS_OF_THE_POOL = {"deployments": {"name": {"any_": ["elsewhere"]}}}
RUN = [
    sys.executable,
    "-c",
    "import sys, gate_client.prefect as g; g.run_check(sys.argv[1], 'lake-held', 'gate-worker')",
]


@pytest.fixture
def lender(server: RunningServer, tmp_path: Path) -> Iterator[Gate]:
    """Give a gate whose only rule runs elsewhere."""
    (tmp_path / "suites").mkdir()
    shutil.copy(ROOT / "expectations" / "suites" / "five_columns.json", tmp_path / "suites")
    policy = tmp_path / "gate.yaml"
    policy.write_text(POLICY)
    with running_gate(server.environment, tmp_path / "gate", GATE_POLICY=str(policy)) as running:
        yield running


def test_a_work_pool_judges_what_waits(
    prefect_server: PrefectServer,
    server: RunningServer,
    lender: Gate,
    lakefs: LakeFSCredentials,
    world: World,
) -> None:
    wanted = {"name": "pool", "roles": ["worker"]}
    token = lender.api.post("/api/v1/tokens", json=wanted).json()["text"]
    lakefs.save("lake-reader")
    GateCredentials(url=lender.url, token=SecretStr(token)).save("gate-worker")
    with prefect_server.api as api:
        api.post("/work_pools/", json={"name": "lakefs-large", "type": "process"}).raise_for_status()
    prefect("deploy", "--prefect-file", "checks.yaml", "-n", "elsewhere", env={})
    # As lakeFS asks: the merge's commit, by hook.
    world.commit(world.main, {"large/a.csv": BAD})
    head = world.main.get_commit().id
    names = {"event_type": "pre-merge", "repository_id": world.name, "branch_id": "main"}
    event = {**names, "source_ref": head, "commit_id": head}
    asked = lender.hooks.post("/hooks/lakefs", json=event, headers={"Prefer": "wait=1"})
    check = asked.json()["check"]
    assert (asked.status_code, asked.json()["verdict"]) == (503, "")

    # A run that is cancelled, as a worker does it, hands the check back.
    with holding_way(server) as way:
        lakefs.model_copy(update={"endpoint_url": way.url}).save("lake-held")
        with subprocess.Popen([*RUN, check], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as cancelled:
            way.wait_until_reached()
            cancelled.terminate()
            cancelled.communicate(timeout=120)
    (waiting,) = lender.api.get("/api/v1/leases").json()["checks"]
    assert (waiting["check"], waiting["attempt"]) == (check, 2)

    started: list[str] = []
    until(lambda: bool(started.extend(run_waiting_checks(gate_credentials="gate-worker")) or started))
    assert started == [check]
    assert run_waiting_checks(gate_credentials="gate-worker") == []  # its run is under way
    with prefect_server.api as api:
        (lost,) = api.post("/flow_runs/filter", json=RUNS_OF_THE_POOL).json()
        crashed = Crashed().model_dump(mode="json", include={"type", "name"})
        api.post(f"/flow_runs/{lost['id']}/set_state", json={"state": crashed, "force": True})
    assert run_waiting_checks(gate_credentials="gate-worker") == [check]  # that one never took it

    prefect("worker", "start", "--pool", "lakefs-large", "--run-once", "--install-policy", "never", env={})
    with prefect_server.api as api:
        runs = api.post("/flow_runs/filter", json=RUNS_OF_THE_POOL).json()
    (run,) = [item for item in runs if item["id"] != lost["id"]]
    assert run["state"]["type"] == "COMPLETED", prefect_server.logs(run["id"])
    answer = lender.post_event(event)
    assert (answer.status_code, answer.json()["check"]) == (412, check)
    told = prefect_server.logs(run["id"])
    assert "the gate says FAIL" in told
    assert token not in told
    assert "gate_lease_" not in told + str(runs)


def test_the_other_deployment_is_taken_by_prefect(prefect_server: PrefectServer) -> None:
    with prefect_server.api as api:
        api.post("/work_pools/", json={"name": "lakefs", "type": "process"})  # where no other test made it
    prefect("deploy", "--prefect-file", "checks.yaml", "-n", "every-30-s", env={})
    with prefect_server.api as api:
        kept = api.get("/deployments/name/run-waiting-checks/every-30-s").raise_for_status().json()
        assert kept["schedules"][0]["schedule"]["interval"] == 30
        api.delete(f"/deployments/{kept['id']}").raise_for_status()
