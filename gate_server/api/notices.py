"""`/api/v1/notices`: who was told what, what waits, and what was given up."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint

from gate_client.notice_wire import NoticesBody
from gate_client.wire import ListQuery
from gate_server.api.errors import ERRORS, TOKEN
from gate_server.door.seen import seen_notices
from gate_server.notices.messages import notice_json

notices = APIBlueprint(
    "notices", __name__, url_prefix="/api/v1/notices", abp_responses=ERRORS, abp_security=TOKEN
)


@notices.get("", responses={200: NoticesBody}, summary="The newest notices")
def list_notices(query: ListQuery) -> dict[str, Any]:
    """Return notices, newest first; not their text."""
    return {"notices": [notice_json(notice) for notice in seen_notices(query.limit, query.repository)]}
