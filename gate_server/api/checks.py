"""`/api/v1/checks`: ask ahead of a merge, look at what was judged."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from gate_client.wire import (
    CheckBody,
    CheckRequest,
    ChecksBody,
    ListQuery,
    ReportQuery,
    VerdictBody,
    WaitQuery,
)
from gate_server.api.bodies import CheckPath, check_body, verdict_body
from gate_server.api.errors import ERRORS, ERRORS_OF_BODIES, TOKEN
from gate_server.door.addresses import report_url
from gate_server.door.context import services
from gate_server.door.security import allow, principal
from gate_server.door.seen import seen_check, seen_checks, seen_report
from gate_server.model import Check, Policy, Verdict
from gate_server.reports.json import row_json
from gate_server.reports.kept import CONTENT_TYPES

checks = APIBlueprint(
    "checks", __name__, url_prefix="/api/v1/checks", abp_responses=ERRORS, abp_security=TOKEN
)


@checks.post(
    "",
    responses={200: VerdictBody, 202: VerdictBody, **ERRORS_OF_BODIES},
    summary="Judge a merge before it is made",
)
def ask_ahead(body: CheckRequest, query: WaitQuery) -> tuple[dict[str, Any], int]:
    """Judge what a merge would make; 200 with the verdict, 202 while the check runs."""
    allow(body.repository, body.destination)
    here = services()
    asked = here.checks.ask_ahead("api", principal().who, body.repository, body.source, body.destination)
    check, verdict = asked.check, asked.verdict
    if verdict is None and check is not None:
        check, verdict = _awaited(check, query.wait, asked.policy)
    here.checks.answered(asked, verdict)
    return verdict_body(verdict, check), 200 if verdict else 202


@checks.get("", responses={200: ChecksBody}, summary="The newest checks")
def list_checks(query: ListQuery) -> dict[str, Any]:
    """Return checks, newest first."""
    found = seen_checks(query.limit, query.repository)
    return {"checks": [row_json(check, report_url(check.id)) for check in found]}


@checks.get("/<string:check_id>", responses={200: CheckBody}, summary="One check with every result")
def one_check(path: CheckPath, query: WaitQuery) -> dict[str, Any]:
    """Return a check; `?wait=SECONDS` waits for its verdict."""
    check, verdict = _awaited(seen_check(path.check_id), query.wait)
    return check_body(check, verdict)


@checks.get(
    "/<string:check_id>/report",
    responses={200: {"description": "A file", "content": {kind: {} for kind in CONTENT_TYPES.values()}}},
    summary="A check as a file to keep: Great Expectations' JSON, HTML or JUnit XML",
)
def report(path: CheckPath, query: ReportQuery) -> Response:
    """Return the report of a check that is done; 409 while it is not."""
    return seen_report(path.check_id, query.format)


def _awaited(check: Check, wait_s: float, policy: Policy | None = None) -> tuple[Check, Verdict | None]:
    here = services()
    if check.state != "done" and wait_s > 0:
        here.waiting.until_done(check.id, min(wait_s, here.settings.wait_s))
        check = here.checks.get(check.id)
    return check, here.checks.verdict_of(check, policy)
