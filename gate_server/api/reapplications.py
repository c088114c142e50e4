"""`/api/v1/reapplications`: bring again what a revert took back."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint

from gate_client.reapply_wire import OneReappliedBody, ReapplyRequest
from gate_server.api.errors import ERRORS, ERRORS_OF_BODIES, TOKEN
from gate_server.door.context import services
from gate_server.door.security import allow, principal
from gate_server.model import dump
from gate_server.reverts.reapply import reapply

reapplications = APIBlueprint(
    "reapplications", __name__, url_prefix="/api/v1/reapplications", abp_responses=ERRORS, abp_security=TOKEN
)


@reapplications.post(
    "",
    responses={201: OneReappliedBody, **ERRORS_OF_BODIES},
    summary="Make a branch that brings again what a revert took back",
)
def make(body: ReapplyRequest) -> tuple[dict[str, Any], int]:
    """Make the branch; it is judged and merged as any other."""
    allow(body.repository, body.destination)
    made = reapply(
        services().reverts, body.repository, body.source, body.destination, principal=principal().who
    )
    return {"reapplied": dump(made)}, 201
