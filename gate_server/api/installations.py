"""`/api/v1/registrations`, `/api/v1/installations`: what `gate install` tells the gate."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint

from gate_client.wire import InstallationBody, InstallationRequest, RegistrationRequest
from gate_server.api.errors import ERRORS, ERRORS_OF_BODIES, TOKEN
from gate_server.door.context import services
from gate_server.door.security import allow, principal

installations = APIBlueprint(
    "installations", __name__, url_prefix="/api/v1", abp_responses=ERRORS, abp_security=TOKEN
)


@installations.post(
    "/registrations",
    responses={201: RegistrationRequest, **ERRORS_OF_BODIES},
    summary="Announce a change of the gate's files",
)
def register(body: RegistrationRequest) -> tuple[dict[str, Any], int]:
    """Let exactly this merge change the gate's files."""
    allow(body.repository, None)  # a merge into whichever branch
    services().store.installations.register(
        body.repository, body.base_commit, body.source_commit, principal().who
    )
    return body.model_dump(), 201


@installations.put(
    "/installations",
    responses={200: InstallationBody, **ERRORS_OF_BODIES},
    summary="Record what was installed",
)
def record(body: InstallationRequest) -> dict[str, Any]:
    """Remember the installed files, so that a revert can put them back."""
    allow(body.repository, body.branch)
    services().store.installations.record(
        body.repository, body.branch, body.files, body.commit_id, principal().who
    )
    return {"repository": body.repository, "branch": body.branch, "files": sorted(body.files)}
