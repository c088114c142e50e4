"""The API's bodies of audits; see `gate_client.wire`."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from gate_client.wire import Answered, Name


class AuditQuery(BaseModel):
    """Which branch is audited, from which commit on; without one, from the gate's installation on."""

    model_config = ConfigDict(extra="forbid")

    repository: Name
    branch: Name
    since: str = Field("", max_length=1024)


class AuditedCommitBody(Answered):
    """A commit of the branch, and what the record says of it.

    ``state``: ``judged``, ``judged afterwards``, ``waived``, ``revert`` (the gate's own), ``installed`` (what
    is trusted), ``failing`` or ``unverified``. ``outstanding``: the branch still holds what it brought.
    """

    commit: str
    state: str
    outstanding: bool
    came_by: str = ""
    ask: str = ""
    check: str = ""
    outcome: str = ""
    revert: str = ""
    committer: str = ""
    message: str = ""
    created_at: datetime


class AuditBody(Answered):
    """A branch's line, the newest commit first.

    ``verified``: the record vouches for all that the branch holds. ``last_good``: the newest commit of which
    that can be said, empty where there is none.
    """

    repository: str
    branch: str
    head: str
    baseline: str
    verified: bool
    last_good: str
    findings: list[str]
    commits: list[AuditedCommitBody]


class OneAuditBody(Answered):
    """One audit."""

    audit: AuditBody
