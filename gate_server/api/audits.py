"""`/api/v1/audits`: what came to a branch, beside the record."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint

from gate_client.audit_wire import AuditQuery, OneAuditBody
from gate_server.api.errors import ERRORS, ERRORS_OF_BODIES, TOKEN
from gate_server.audit.report import audit_json
from gate_server.audit.walk import audit
from gate_server.door.context import services
from gate_server.door.security import allow

audits = APIBlueprint(
    "audits", __name__, url_prefix="/api/v1/audits", abp_responses=ERRORS, abp_security=TOKEN
)


@audits.get("", responses={200: OneAuditBody, **ERRORS_OF_BODIES}, summary="What came to a branch, and how")
def of_branch(query: AuditQuery) -> dict[str, Any]:
    """Walk the branch's line and say of each commit who vouches for it."""
    allow(query.repository, query.branch)
    found = audit(services().reverts, query.repository, query.branch, since=query.since)
    return {"audit": audit_json(found)}
