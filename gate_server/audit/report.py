"""An audit as API and command line show it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gate_server.audit.line import Step
from gate_server.audit.walk import Audit


def audit_json(audit: Audit) -> dict[str, Any]:
    """Return an audit as JSON, the newest commit first."""
    line = audit.line
    held = {step.commit.id for step in line.held}
    return {
        "repository": audit.repository,
        "branch": audit.branch,
        "head": line.head.id,
        "baseline": audit.baseline,
        "verified": audit.is_verified,
        "last_good": line.last_good.id if line.last_good else "",
        "findings": list(audit.findings),
        "commits": [_step_json(step, is_outstanding=step.commit.id in held) for step in line.steps],
    }


def _step_json(step: Step, *, is_outstanding: bool) -> dict[str, Any]:
    commit = step.commit
    return {
        "commit": commit.id,
        "state": step.state.value,
        "outstanding": is_outstanding,
        "came_by": str(step.arrival) if step.arrival else "",
        "ask": step.ask,
        "check": step.check,
        "outcome": step.outcome,
        "revert": step.revert,
        "committer": commit.committer,
        "message": commit.message,
        "created_at": datetime.fromtimestamp(commit.created_at, UTC).isoformat(),
    }
