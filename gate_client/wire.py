"""The bodies of the gate's API, defined once: the gate parses and answers with them, its clients do too.

What is sent refuses fields that it does not know: a typo must not leave something out. What is answered keeps
them, so that a client goes on with a newer gate.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

Name = Annotated[str, Field(min_length=1, max_length=1024)]
CommitId = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Outcome = Literal["PASS", "WARN", "FAIL", "ERROR"]
ReportForm = Literal["json", "html", "xml"]
RoleName = Literal["hook", "reader", "checker", "reverter", "worker", "sampler", "admin"]


class Sent(BaseModel):
    """What is sent to the gate."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class Answered(BaseModel):
    """What the gate answers."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)


class ErrorDetail(Answered):
    """What happened, and what to do."""

    code: str
    message: str
    hint: str = ""


class ErrorBody(Answered):
    """The one shape of every error."""

    error: ErrorDetail


class CheckRequest(Sent):
    """Judge what merging `source` into `destination` would make of it."""

    repository: Name
    source: Name
    destination: Name


class WaitQuery(Sent):
    """How long to wait for the verdict."""

    wait: float = Field(default=0, ge=0, le=600, description="seconds")


class ListQuery(Sent):
    """Which rows, newest first."""

    repository: str = Field(default="", max_length=1024, pattern="^[^\\x00]*$")
    limit: int = Field(default=50, ge=1, le=1000)


class ReportQuery(Sent):
    """Which form of a report."""

    format: ReportForm = Field(default="json", description="Great Expectations' JSON, HTML, JUnit XML")


class VerdictBody(Answered):
    """The answer to a hook: one line per reason, no cell values. ``verdict`` is empty while a check runs."""

    allowed: StrictBool
    verdict: Outcome | Literal[""]
    check: str
    report: str
    summary: str
    reasons: list[str]
    rules: list[str]

    @model_validator(mode="after")
    def _is_one(self) -> VerdictBody:
        """Refuse a permission that its verdict does not give; ERROR may (``on_error: warn``)."""
        if self.allowed and self.verdict in ("FAIL", ""):
            raise ValueError(f"allowed, with the verdict {self.verdict!r}")
        return self


class CheckRow(VerdictBody):
    """A check in a list."""

    repository: str
    destination: str
    source_name: str
    state: Literal["queued", "running", "done"]
    place: Literal["here", "elsewhere"] = "here"
    ahead: bool = False
    created_at: datetime


class ChecksBody(Answered):
    """The newest checks."""

    checks: list[CheckRow]


class ReasonBody(Answered):
    """One reason of a verdict."""

    outcome: Outcome
    message: str
    rule: str = ""
    path: str = ""
    hint: str = ""
    expectation: str = ""
    waived_by: str = ""
    waivable: bool = False


class CheckBody(VerdictBody):
    """A whole check. Where there is no check (a conflict, for instance), only its verdict is set.

    ``validations`` are Great Expectations' suite validation results, ours under ``meta.gate``; ``plan`` is
    what had to be judged.
    """

    repository: str = ""
    destination: str = ""
    base_commit: str = ""
    judged_commit: str = ""
    source_commit: str = ""
    source_name: str = ""
    state: Literal["queued", "running", "done"] = "done"
    place: Literal["here", "elsewhere"] = "here"
    policy_digest: str = ""
    created_at: datetime | None = None
    finished_at: datetime | None = None
    duration_s: float | None = None
    lakefs_calls: int | None = None
    failure: dict[str, Any] | None = None
    plan: dict[str, Any] | None = None
    details: list[ReasonBody] = Field(default_factory=list)
    validations: list[dict[str, Any]] = Field(default_factory=list)


class LeaseRequest(Sent):
    """Take, or renew, a lease: there is nothing to say with it."""


class WaitingCheck(Answered):
    """A check that waits for a worker elsewhere; ``attempt`` is how often one has begun with it."""

    check: str
    repository: str
    destination: str
    source_name: str
    attempt: int
    created_at: datetime


class WaitingBody(Answered):
    """What waits for a worker elsewhere, oldest first."""

    checks: list[WaitingCheck]


class LeaseBody(Answered):
    """A check that was lent; the token's text is in this answer and nowhere else."""

    check: str
    attempt: int
    token: str = Field(repr=False)
    lease_s: float


class RenewedBody(Answered):
    """For how long the lease lasts from now on, seconds."""

    lease_s: float


class WorkBody(Answered):
    """What the holder of a lease is to evaluate; ``work`` names it when the results are handed in."""

    check: str
    attempt: int
    repository: str
    work: str
    engine_version: str
    request_id: str
    lease_s: float
    tasks: list[dict[str, Any]]


class ResultsRequest(Sent):
    """What the holder of a lease found: evaluations by obligation number, as JSON, gzip, base64."""

    work: str = Field(pattern="^[0-9a-f]{64}$")
    engine_version: str = Field(max_length=256)
    evaluations: str = Field(max_length=1_000_000)


class RegistrationRequest(Sent):
    """The exact merge with which `gate install` changes the gate's files."""

    repository: Name
    base_commit: CommitId
    source_commit: CommitId


class InstallationRequest(Sent):
    """What `gate install` wrote."""

    repository: Name
    branch: Name
    files: dict[str, str]
    commit_id: CommitId


class InstallationBody(Answered):
    """What is remembered of an installation: the paths alone."""

    repository: str
    branch: str
    files: list[str]


class ReloadRequest(Sent):
    """Read the policy's file again: there is nothing to say with it."""


class PolicyBody(Answered):
    """A policy; ``in_repository`` is where repositories may keep their own, empty where they may not."""

    digest: str
    file: str
    in_repository: str
    rules: list[str]


class RefusedReloadBody(Answered):
    """A reload that left the policy as it was."""

    at: datetime
    findings: list[str]


class ActivePolicyBody(PolicyBody):
    """What the gate asks by since when; ``loaded_at`` is when its file was last read without a finding."""

    since: datetime
    loaded_at: datetime
    last_refused: RefusedReloadBody | None


class ReloadedBody(PolicyBody):
    """What the gate asks by now; ``before`` is the digest of what it asked by."""

    before: str
    changed: bool


class TokenRequest(Sent):
    """Who the token is for, and what it may do where; `days` until it expires, 0 for never."""

    name: str = Field(min_length=1, max_length=100)
    roles: list[RoleName] = Field(min_length=1, max_length=10)
    repositories: list[str] = Field(default_factory=list, max_length=100)
    branches: list[str] = Field(default_factory=list, max_length=100)
    days: int | None = Field(default=None, ge=0, le=3650)


class ScopeBody(Answered):
    """Where a token may; nothing given is everywhere."""

    repositories: list[str]
    branches: list[str]


class TokenBody(Answered):
    """A token, without its text."""

    id: str
    name: str
    roles: list[RoleName]
    scope: ScopeBody
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    prefix: str
    state: Literal["active", "expired", "revoked"]


class OneTokenBody(Answered):
    """One token."""

    token: TokenBody


class NewTokenBody(Answered):
    """A new token, and its text, which is in this answer and nowhere else."""

    token: TokenBody
    text: str


class TokensBody(Answered):
    """All tokens."""

    tokens: list[TokenBody]


class HealthBody(Answered):
    """The gate is up."""

    status: Literal["ok"]


class ReadinessBody(Answered):
    """The gate can judge."""

    status: Literal["ok"]
    queued: int
    workers: int
    policy: str
