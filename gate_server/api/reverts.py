"""`/api/v1/reverts`: put a branch back to an earlier commit."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from pydantic import RootModel

from gate_client.revert_wire import OneRevertBody, RevertAnswer, RevertHeaders, RevertRequest, RevertsBody
from gate_client.wire import ErrorBody, ListQuery
from gate_server.api.bodies import RevertPath
from gate_server.api.errors import ERRORS, ERRORS_OF_BODIES, TOKEN
from gate_server.door.reverting import make_revert, plan_of
from gate_server.door.security import allow
from gate_server.door.seen import seen_revert, seen_reverts
from gate_server.model import Revert, RevertPlan, dump

reverts = APIBlueprint(
    "reverts", __name__, url_prefix="/api/v1/reverts", abp_responses=ERRORS, abp_security=TOKEN
)


class RefusedRevert(RootModel[RevertAnswer | ErrorBody]):
    """What was tried and is not as it was asked for; or what stood against it from the start."""


@reverts.post(
    "",
    responses={200: RevertAnswer, 201: RevertAnswer, 409: RefusedRevert, **ERRORS_OF_BODIES},
    summary="Put a branch back, or show what that would change",
)
def revert(body: RevertRequest, header: RevertHeaders) -> tuple[dict[str, Any], int]:
    """Revert in one call: 200 with the plan for a dry run, 201 with what was done."""
    allow(body.repository, body.branch)
    wanted = body.model_dump(exclude={"dry_run"})
    if body.dry_run:
        return {"plan": dump(plan_of(wanted)), "revert": None}, 200
    return _answer(*make_revert(wanted, header.idempotency_key))


def _answer(plan: RevertPlan, done: Revert) -> tuple[dict[str, Any], int]:
    status = {"verified": 201, "unchanged": 200}.get(done.state, 409)
    return {"plan": dump(plan), "revert": dump(done)}, status


@reverts.get("", responses={200: RevertsBody}, summary="The newest reverts")
def list_reverts(query: ListQuery) -> dict[str, Any]:
    """Return reverts, newest first."""
    found = seen_reverts(query.limit, query.repository)
    return {"reverts": [dump(item) for item in found]}


@reverts.get("/<string:revert_id>", responses={200: OneRevertBody}, summary="One revert")
def one_revert(path: RevertPath) -> dict[str, Any]:
    """Return what a revert did."""
    return {"revert": dump(seen_revert(path.revert_id))}
