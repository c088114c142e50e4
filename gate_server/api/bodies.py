"""The bodies of the API."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gate_server.door.addresses import report_url
from gate_server.door.context import services
from gate_server.model import Check, Role, Verdict
from gate_server.reports import json as reports


class Body(BaseModel):
    """A body; what it does not know is refused."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(BaseModel):
    """What happened, and what to do."""

    code: str
    message: str
    hint: str = ""


class ErrorBody(BaseModel):
    """The one shape of every error."""

    error: ErrorDetail


class VerdictBody(BaseModel):
    """The answer to a hook: one line per reason, no cell values."""

    allowed: bool
    verdict: str
    check: str
    report: str
    summary: str
    reasons: list[str]
    rules: list[str]


class CheckRequest(Body):
    """Judge what merging `source` into `destination` would make of it."""

    repository: str = Field(min_length=1, max_length=1024)
    source: str = Field(min_length=1, max_length=1024)
    destination: str = Field(min_length=1, max_length=1024)


class WaitQuery(Body):
    """How long to wait for the verdict."""

    wait: float = Field(default=0, ge=0, le=600, description="seconds")


class CheckPath(BaseModel):
    """One check."""

    check_id: str


class RevertPath(BaseModel):
    """One revert."""

    revert_id: str


class ListQuery(Body):
    """Which rows, newest first."""

    repository: str = Field(default="", max_length=1024, pattern="^[^\\x00]*$")
    limit: int = Field(default=50, ge=1, le=1000)


class RevertRequest(Body):
    """Put `branch` back to the commit that `to` names."""

    repository: str = Field(min_length=1, max_length=1024)
    branch: str = Field(min_length=1, max_length=1024)
    to: str = Field(min_length=1, max_length=1024)
    reason: str = Field(default="", max_length=4000)
    expected_head: str = Field(default="", max_length=64)
    keep: list[str] = Field(default_factory=list, max_length=1000)
    dry_run: bool = False


class RegistrationRequest(Body):
    """The exact merge with which `gate install` changes the gate's files."""

    repository: str = Field(min_length=1, max_length=1024)
    base_commit: str = Field(pattern="^[0-9a-f]{64}$")
    source_commit: str = Field(pattern="^[0-9a-f]{64}$")


class InstallationRequest(Body):
    """What `gate install` wrote."""

    repository: str = Field(min_length=1, max_length=1024)
    branch: str = Field(min_length=1, max_length=1024)
    files: dict[str, str]
    commit_id: str = Field(pattern="^[0-9a-f]{64}$")


class TokenRequest(Body):
    """Who the token is for, and what it may do where; `days` until it expires, 0 for never."""

    name: str = Field(min_length=1, max_length=100)
    roles: list[Role] = Field(min_length=1, max_length=10)
    repositories: list[str] = Field(default_factory=list, max_length=100)
    branches: list[str] = Field(default_factory=list, max_length=100)
    days: int | None = Field(default=None, ge=0, le=3650)


class TokenPath(BaseModel):
    """One token, by its id (the middle of its prefix)."""

    token_id: str


def verdict_body(verdict: Verdict | None, check: Check | None) -> dict[str, Any]:
    """Return the answer for `verdict`; None is a check that still runs."""
    body = reports.verdict_json(verdict, check, report_url(check.id) if check else "")
    return VerdictBody(**body).model_dump()


def check_body(check: Check, verdict: Verdict | None) -> dict[str, Any]:
    """Return a whole check: its verdict, its plan, and every result in Great Expectations' format."""
    return reports.check_json(
        check, verdict, report_url(check.id), {rule.name: rule.suite for rule in services().policy.rules}
    )
