"""What the API's addresses hold, and the answers of several nouns. The bodies stand in `gate_client.wire`."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from gate_client.wire import VerdictBody
from gate_server.door.addresses import report_url
from gate_server.door.context import services
from gate_server.model import Check, Verdict
from gate_server.reports import json as reports


class CheckPath(BaseModel):
    """One check."""

    check_id: str


class RevertPath(BaseModel):
    """One revert."""

    revert_id: str


class TokenPath(BaseModel):
    """One token, by its id (the middle of its prefix)."""

    token_id: str


def verdict_body(verdict: Verdict | None, check: Check | None) -> dict[str, Any]:
    """Return the answer for `verdict`; None is a check that still runs."""
    body = reports.verdict_json(verdict, check, report_url(check.id) if check else "")
    return VerdictBody(**body).model_dump()


def check_body(check: Check, verdict: Verdict | None) -> dict[str, Any]:
    """Return a whole check: its verdict, its plan, and every result in Great Expectations' format."""
    return reports.check_json(check, verdict, report_url(check.id), services().checks.suites_of(check))
