"""A flow that leaves an artifact and an event, run in a process of its own by test_server.py."""

from __future__ import annotations

import sys

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event
from prefect.runtime import flow_run

EVENT = "lakefs-gate.tests.reported"


@flow
def reporting() -> str:
    """Leave an artifact and an event; return the flow run's id."""
    create_markdown_artifact("## PASS", key="reported")
    emit_event(EVENT, resource={"prefect.resource.id": f"lakefs-gate.tests.{flow_run.id}"})
    return str(flow_run.id)


if __name__ == "__main__":
    sys.stdout.write(f"flow run {reporting()}\n")
