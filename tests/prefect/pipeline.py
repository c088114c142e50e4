"""A pipeline that dies where it is told to, run in a process of its own by test_deaths.py."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow

from gate_client.prefect import GateCredentials, LakeFSCredentials, isolated, isolation, upload_object
from local_lakefs.testing import RunningServer
from tests.e2e.harness import API_TOKEN, GOOD


def pipeline(lakefs: LakeFSCredentials, gate: GateCredentials, repository: str) -> Flow[..., Any]:
    """Return an isolated flow that writes two objects."""

    def writing(branch: str) -> str:
        for name in ("lakefs_test_1.csv", "lakefs_test_2.csv"):
            upload_object(repository, branch, name, GOOD, lakefs)
        if os.environ.get("TEST_DIE_AT") == "waiting":
            sys.stdout.write("waiting\n")
            sys.stdout.flush()
            go_on = Path(os.environ["TEST_GO_ON"])
            while not go_on.exists():
                time.sleep(0.1)
        return branch

    return isolated(writing, repository=repository, lakefs_credentials=lakefs, gate_credentials=gate)


def _dying(place: str) -> None:
    """Kill this process hard at a place of `isolated`."""

    def die(*_arguments: Any, **_more: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)

    def after(call: Any) -> Callable[..., Any]:
        def then_die(*arguments: Any, **more: Any) -> Any:
            call(*arguments, **more)
            die()

        return then_die

    if place == "before the commit":
        isolation.commit = die  # type: ignore[assignment]
    elif place == "after the commit":
        isolation.merge_through_gate = die  # type: ignore[assignment]
    elif place == "after the merge":
        isolation.merge_through_gate = after(isolation.merge_through_gate)  # type: ignore[assignment]


def run(
    lakefs: LakeFSCredentials, gate: GateCredentials, repository: str, flow_run_id: UUID | None
) -> tuple[UUID, Any]:
    """Run the pipeline under a flow run's id, a new one without; return the id and what it returned."""
    flow = pipeline(lakefs, gate, repository)
    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run(flow) if flow_run_id is None else client.read_flow_run(flow_run_id)
    return flow_run.id, run_flow(flow, flow_run=flow_run)


def main(url: str, access_key_id: str, secret_access_key: str, gate_url: str, repository: str) -> None:
    """Run the pipeline as the command line says, and die as TEST_DIE_AT says."""
    lakefs = LakeFSCredentials(
        endpoint_url=url, access_key_id=access_key_id, secret_access_key=secret_access_key
    )
    gate = GateCredentials(url=gate_url, token=API_TOKEN)
    _dying(os.environ.get("TEST_DIE_AT", ""))
    flow = pipeline(lakefs, gate, repository)
    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run(flow)
    sys.stdout.write(f"{flow_run.id}\n")
    sys.stdout.flush()
    run_flow(flow, flow_run=flow_run)


def arguments(server: RunningServer, gate_url: str, repository: str) -> list[str]:
    """Return the command that runs this module."""
    keys = [server.access_key_id, server.secret_access_key]
    return [sys.executable, "-m", "tests.prefect.pipeline", server.url, *keys, gate_url, repository]


if __name__ == "__main__":
    main(*sys.argv[1:])
