"""Checks on Prefect's workers: a flow that judges one which the gate lends, and one that starts such runs.

The gate never calls Prefect: it has no key to it. What waits there for a worker elsewhere is asked for.
"""

from __future__ import annotations

import os
import subprocess
import sys

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.deployments import run_deployment

from gate_client.errors import Conflict, CouldNotTell
from gate_client.prefect.blocks import GateCredentials, LakeFSCredentials, loaded
from gate_client.prefect.runs import log, say
from gate_client.wire import LeaseBody, WaitingCheck

# As the console script does; it needs the extra [server], and brings Great Expectations.
_GATE = [sys.executable, "-c", "import sys; from gate_server.cli.main import main; sys.exit(main())"]
_SETTINGS = ("GATE_", "LAKECTL_", "PREFECT_")
_END_S = 30.0
_MOST_WAITING = 1000


@flow(name="run-check", flow_run_name="check-{check_id}")
def run_check(check_id: str, lakefs_credentials: str = "lake", gate_credentials: str = "gate") -> str:
    """Judge one check that waits for a worker elsewhere, on this machine, by `gate worker --check`.

    That process gets the token of the lease and lakeFS's keys, and nothing else. Completed is a run whose
    results the gate took, whatever the verdict.

    Parameters
    ----------
    lakefs_credentials, gate_credentials
        Names of blocks: keys that may read the repository, and a token with the role worker.

    Returns
    -------
    str
        What the gate says.

    Raises
    ------
    CouldNotTell
        When no results were handed in; the check waits for the next run.
    """
    lake, gate = loaded(LakeFSCredentials, lakefs_credentials), loaded(GateCredentials, gate_credentials)
    with gate.get_client() as client:
        try:
            lease = client.take_lease(check_id)
        except Conflict as error:  # done meanwhile, or another run has it
            say(str(error))
            return error.message
        code, last = _judge(lease, lake, gate)
        judged = client.get_check(check_id)
    if code and not judged.verdict:
        raise CouldNotTell(f"check {check_id} was not judged (gate worker ended with {code}): {last}")
    say(f"the gate says {judged.summary}: {judged.report}")
    return judged.summary


@flow(name="run-waiting-checks")
def run_waiting_checks(
    deployment: str = "run-check/elsewhere",
    gate_credentials: str = "gate",
    repository: str = "",
    most_runs: int = 3,
) -> list[str]:
    """Start a run of `run_check` for each check that waits for a worker elsewhere; to be scheduled.

    A check for which a run is under way is passed over, so several schedules do no harm.

    Parameters
    ----------
    deployment
        Of `run_check`, as FLOW/DEPLOYMENT.
    gate_credentials
        Name of a block: a token with the role worker.
    repository
        Of which the checks are; all where it is empty.
    most_runs
        How many runs a check gets that end without having taken it.

    Returns
    -------
    list
        The ids of the checks for which a run was started.
    """
    with loaded(GateCredentials, gate_credentials).get_client() as gate:
        waiting = gate.list_waiting(repository, limit=_MOST_WAITING)
    return [check.check for check in waiting if _start(deployment, check, most_runs)]


def _start(deployment: str, check: WaitingCheck, most_runs: int) -> bool:
    tag = f"gate-check-{check.check}-{check.attempt}"
    with get_client(sync_client=True) as prefect:
        runs = prefect.read_flow_runs(flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[tag])))
    if any(run.state is None or not run.state.is_final() for run in runs):
        return False
    if len(runs) >= most_runs:
        log().warning("check %s: %d runs ended without having taken it", check.check, len(runs))
        return False
    run_deployment(
        deployment,
        parameters={"check_id": check.check},
        timeout=0,
        tags=[tag],
        # Two that look at the same moment make one run.
        idempotency_key=f"{tag}-{len(runs)}",
        as_subflow=False,
    )
    say(f"a run of {deployment} for check {check.check} of lakefs://{check.repository}/{check.source_name}")
    return True


def _judge(lease: LeaseBody, lake: LakeFSCredentials, gate: GateCredentials) -> tuple[int, str]:
    """Run `gate worker --check`; return its exit code and the last line that it told."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    environment |= {
        "GATE_URL": gate.url,
        "GATE_LEASE_TOKEN": lease.token,
        "GATE_LAKEFS_TIMEOUT_S": str(lake.timeout_s),
        "LAKECTL_SERVER_ENDPOINT_URL": lake.endpoint,
        "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": lake.access_key_id,
        "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": lake.secret_access_key.get_secret_value(),
    }
    last = ""
    with subprocess.Popen(
        [*_GATE, "worker", "--check", lease.check],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            for line in process.stdout or ():
                if line.strip():
                    last = line.strip()
                    say(last)
            return process.wait(), last
        finally:  # a run that is cancelled has its check handed back
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(_END_S)
                except subprocess.TimeoutExpired:
                    process.kill()
