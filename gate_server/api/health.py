"""`/healthz`, `/readyz`: is it up, can it judge."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint

from gate_server.door.context import services
from gate_server.errors import CouldNotTell, GateError

health = APIBlueprint("health", __name__)


@health.get("/healthz", summary="The process is up")
def healthz() -> dict[str, Any]:
    """Answer as long as the process does."""
    return {"status": "ok"}


@health.get("/readyz", summary="Database and lakeFS answer")
def readyz() -> dict[str, Any]:
    """Answer 200 when the gate can judge, else 503 with what is missing."""
    here = services()
    depth = here.store.checks.queue_depth()
    try:
        here.lakefs.get("/user")
    except GateError as error:
        raise CouldNotTell(f"not ready: {error.message}", error.hint) from error
    return {"status": "ok", "queued": depth, "policy": here.policy.digest}
