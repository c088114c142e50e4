"""`/api/v1/policy`: what this gate asks by, and its reload."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint

from gate_client.wire import ActivePolicyBody, ReloadedBody, ReloadRequest
from gate_server.api.errors import ERRORS, ERRORS_OF_BODIES, TOKEN
from gate_server.door.context import services
from gate_server.door.security import allow_everywhere
from gate_server.model import Policy, dump

policy = APIBlueprint(
    "policy", __name__, url_prefix="/api/v1/policy", abp_responses=ERRORS, abp_security=TOKEN
)


@policy.get(
    "",
    responses={200: ActivePolicyBody},
    summary="The policy that is asked by, and the last reload that was refused",
)
def show() -> dict[str, Any]:
    """Return which policy the gate asks by."""
    allow_everywhere()
    active = services().active
    refused = active.refused
    return {
        **_said(active.policy),
        "since": dump(active.since),
        "loaded_at": dump(active.loaded_at),
        "last_refused": dump(refused) if refused else None,
    }


@policy.post(
    "/reload",
    responses={200: ReloadedBody, **ERRORS_OF_BODIES},
    summary="Read the policy's file again; a wrong one changes nothing",
)
def reload(body: ReloadRequest) -> dict[str, Any]:  # noqa: ARG001 - `{}`: every POST has a JSON body
    """Ask by the policy of the file from now on: 200, or 422 with all findings, and the old one stays."""
    allow_everywhere()
    before, now = services().active.reload()
    return {"before": before.digest, "changed": before.digest != now.digest, **_said(now)}


def _said(policy: Policy) -> dict[str, Any]:
    return {
        "digest": policy.digest,
        "file": policy.path,
        "in_repository": policy.in_repository,
        "rules": [rule.name for rule in policy.rules],
    }
