"""`POST /hooks/lakefs`: what lakeFS calls before a merge, and after a branch moved."""

from __future__ import annotations

import re
from typing import Any

from flask import request
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, RootModel

from gate_client.wire import ErrorBody, VerdictBody
from gate_server.api.bodies import verdict_body
from gate_server.api.errors import ERRORS, ERRORS_OF_BODIES, TOKEN
from gate_server.door.context import services
from gate_server.door.security import allow, principal
from gate_server.lakefs.events import JUDGED, TOLD, parse_event
from gate_server.policy.decide import answer
from gate_server.store.duties import AUDIT

hooks = APIBlueprint("hooks", __name__, url_prefix="/hooks", abp_responses=ERRORS, abp_security=TOKEN)

# What is needed of lakeFS's body; the rest is read by `parse_event` too, and more is let be.
EVENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["event_type", "repository_id", "branch_id"],
                    "properties": {
                        "event_type": {"enum": [JUDGED, *TOLD]},
                        "repository_id": {"type": "string", "minLength": 1, "maxLength": 1024},
                        "branch_id": {"type": "string", "minLength": 1, "maxLength": 1024},
                        "source_ref": {"type": "string", "maxLength": 1024},
                        "commit_id": {"type": "string", "maxLength": 1024},
                    },
                }
            }
        },
    }
}


class Told(BaseModel):
    """Heard; the same for each branch, guarded or not."""

    told: bool


class NotTold(RootModel[VerdictBody | ErrorBody]):
    """Could not tell, or not yet; or the gate itself could not answer."""


@hooks.post(
    "/lakefs",
    responses={200: VerdictBody, 202: Told, 412: VerdictBody, 503: NotTold, **ERRORS_OF_BODIES},
    openapi_extensions=EVENT,
    summary="Judge the merge that waits",
)
def judge_merge() -> tuple[dict[str, Any], int]:
    """Answer lakeFS's pre-merge webhook: 200 lets the merge through, all else blocks it.

    Of what is told after a branch moved nothing is believed: the guarded ones are looked at sooner.
    """
    event = parse_event(request.get_json())
    allow(event.repository, event.destination)
    here = services()
    if event.type in TOLD:
        if here.store.installations.commit(event.repository, event.destination):
            here.store.duties.ask(AUDIT)
        return Told(told=True).model_dump(), 202
    asked = here.checks.ask_by_hook(event, principal().who)
    verdict, check = asked.verdict, asked.check
    if verdict is None and check is not None:
        here.waiting.until_done(check.id, _wait_s())
        check = here.checks.get(check.id)
        verdict = here.checks.verdict_of(check, asked.policy)
    here.checks.answered(asked, verdict)
    status = answer(verdict)[0] if verdict else 503
    return verdict_body(verdict, check), status


def _wait_s() -> float:
    """Return how long the caller waits: the setting, or less by `Prefer: wait=SECONDS` (RFC 7240)."""
    setting = services().settings.wait_s
    asked = re.search(r"\bwait=(\d{1,5})\b", request.headers.get("Prefer", ""))
    return min(setting, float(asked.group(1))) if asked else setting
