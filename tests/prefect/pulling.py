"""A deployment's code, pulled as a worker's process pulls it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import yaml
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.flows import load_flow_from_flow_run
from prefect.states import Pending

from tests.prefect.harness import EXAMPLES

FLOW = "nightly-import-isolated"
ELSEWHERE: list[dict[str, Any]] = yaml.safe_load((EXAMPLES / "elsewhere.yaml").read_text())["deployments"]


def pulled(name: str) -> Flow[..., Any]:
    """Run a deployment's pull steps, and load its flow, as Prefect does for a flow run of it.

    Raises
    ------
    StepExecutionError
        As Prefect does, with the cause.
    """

    async def load() -> Flow[..., Any]:
        async with get_client() as client:
            deployment = await client.read_deployment_by_name(f"{FLOW}/{name}")
            # Not one that is scheduled: a worker would take it.
            run = await client.create_flow_run_from_deployment(deployment.id, state=Pending())
            return await load_flow_from_flow_run(run, use_placeholder_flow=False)

    return asyncio.run(load())


def assert_pulled(name: str, into: Path) -> None:
    """Hold that a deployment's flow is loaded from code that was pulled into a folder."""
    assert pulled(name).name == FLOW
    here = Path.cwd()
    assert into in (here, here.parent)
    assert (here / "existing_flow.py").read_bytes() == (EXAMPLES / "existing_flow.py").read_bytes()
