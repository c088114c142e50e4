"""`/healthz`, `/readyz`: is it up, can it judge."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint

from gate_client.wire import ErrorBody, HealthBody, ReadinessBody
from gate_server.door.context import services
from gate_server.errors import CouldNotTell

health = APIBlueprint("health", __name__)


@health.get("/healthz", responses={200: HealthBody}, summary="The process is up")
def healthz() -> dict[str, Any]:
    """Answer as long as the process does."""
    return {"status": "ok"}


@health.get(
    "/readyz",
    responses={200: ReadinessBody, 503: ErrorBody},
    summary="Database and lakeFS answer, a worker is alive",
)
def readyz() -> dict[str, Any]:
    """Answer 200 when the gate can judge, else 503 with what is missing."""
    here = services()
    found = here.readiness.now()
    if found.missing:
        raise CouldNotTell(
            f"not ready: {'; '.join(error.message for error in found.missing)}",
            "; ".join(error.hint for error in found.missing if error.hint),
        )
    return {
        "status": "ok",
        "queued": found.queued,
        "workers": found.workers,
        "policy": here.policy.digest,
    }
