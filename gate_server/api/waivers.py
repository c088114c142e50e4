"""`/api/v1/waivers`: answer for what failed, until an end; end that earlier."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel

from gate_client.waiver_wire import OneWaiverBody, WaiverRequest, WaiversBody
from gate_client.wire import ListQuery
from gate_server.api.errors import ERRORS, ERRORS_OF_BODIES, TOKEN
from gate_server.checks.waiving import Terms, end_waiver, waive_check, waive_rule, waiver_json
from gate_server.door.context import services
from gate_server.door.security import allow, principal
from gate_server.door.seen import seen_check, seen_waiver, seen_waivers

waivers = APIBlueprint(
    "waivers", __name__, url_prefix="/api/v1/waivers", abp_responses=ERRORS, abp_security=TOKEN
)


class WaiverPath(BaseModel):
    """One waiver."""

    waiver_id: str


@waivers.post(
    "", responses={201: WaiversBody, **ERRORS_OF_BODIES}, summary="Answer for what failed, until an end"
)
def waive(body: WaiverRequest) -> tuple[dict[str, Any], int]:
    """Make waivers: one for each rule that failed in a check, or one for a rule."""
    here = services()
    most_days = here.settings.waiver_days
    terms = Terms(body.owner, body.reason, body.expires, made_by=principal().who)
    if body.check:
        check = seen_check(body.check)
        allow(check.repository, check.destination)
        verdict = here.checks.verdict_of(check)
        made = waive_check(here.store.waivers, check, verdict, body.paths, terms, most_days)
    else:
        allow(body.repository, body.branch or None)
        # A repository's own policy has other rules than the operator's.
        rules = None if here.policy.in_repository else [rule.name for rule in here.policy.rules]
        made = waive_rule(
            here.store.waivers, body.repository, body.branch, body.rule, body.paths, terms, most_days, rules
        )
    return {"waivers": [waiver_json(waiver) for waiver in made]}, 201


@waivers.get("", responses={200: WaiversBody}, summary="The newest waivers")
def list_waivers(query: ListQuery) -> dict[str, Any]:
    """Return waivers, newest first, those that hold no more among them."""
    return {"waivers": [waiver_json(waiver) for waiver in seen_waivers(query.limit, query.repository)]}


@waivers.delete(
    "/<string:waiver_id>", responses={200: OneWaiverBody}, summary="End a waiver: what it covered fails again"
)
def end(path: WaiverPath) -> dict[str, Any]:
    """End a waiver."""
    waiver = seen_waiver(path.waiver_id)
    allow(waiver.repository, waiver.branch or None)
    return {"waiver": waiver_json(end_waiver(services().store.waivers, waiver.id, principal().who))}
