"""What is remembered: the work of a check, and who asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from gate_server.model.plans import Plan
from gate_server.model.results import Evaluation, Problem, Verdict
from gate_server.model.rules import Place


@dataclass(frozen=True)
class Check:
    """The work of one plan: deduplicated, leased, remembered.

    ``attempt`` is the fencing token; ``handed_back`` says how many attempts a worker gave up unharmed.
    ``place`` is where who takes it next runs: elsewhere once there is a plan, and what is left of it is for a
    worker there. ``ahead``: the gate looked ahead of a merge, nobody asked yet. ``request_id`` is that of who
    asked first. ``judged_commit`` is empty for a prediction.
    ``person`` is who asked first, as lakeFS or their token names them; ``summary`` the verdict in one line;
    ``tasks_done`` of ``tasks`` were evaluated, of a check that takes long.
    ``failure`` says why nothing could be decided. ``verdict`` is what was decided when the check was done;
    waivers and time are taken anew at each answer.
    """

    id: str
    repository: str
    destination: str
    base_commit: str
    judged_commit: str
    source_commit: str
    merge_base: str
    source_name: str
    policy_digest: str
    state: Literal["queued", "running", "done"]
    attempt: int
    outcome: str
    created_at: datetime
    handed_back: int = 0
    place: Place = "here"
    ahead: bool = False
    request_id: str = ""
    person: str = ""
    summary: str = ""
    tasks: int = 0
    tasks_done: int = 0
    plan: Plan | None = None
    evaluations: Mapping[int, Evaluation] = field(default_factory=dict)
    failure: Problem | None = None
    verdict: Verdict | None = None
    duration_s: float | None = None
    lakefs_calls: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True)
class Ask:
    """Who asked for which candidate, and what was answered; never deduplicated; the audit's unit."""

    id: str
    check_id: str | None
    kind: Literal["hook", "api", "cli", "ahead", "watch", "audit"]
    principal: str
    event: Mapping[str, Any]
    created_at: datetime
    status: int | None = None
    outcome: str = ""
    summary: str = ""
    answered_at: datetime | None = None
