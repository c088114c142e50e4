"""A branch: its log with what the gate says of each commit, and putting it back."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response

from gate_client.revert_wire import RevertRequest
from gate_server.audit.line import State
from gate_server.audit.log import BranchLog, LoggedCommit, branch_log
from gate_server.door.context import services
from gate_server.door.reverting import make_revert, plan_of
from gate_server.door.security import allow, sees
from gate_server.errors import GateError, NotFound, UsageError
from gate_server.model import Commit, Outcome
from gate_server.reports.results import TONES, Tone
from gate_server.web.blueprint import web

COMMITS_A_PAGE = 30
WAYS = ("to", "commit", "undo")

_SAID: dict[State, tuple[Tone, str]] = {
    State.INSTALLED: ("info", "Gate installed"),
    State.JUDGED: ("pass", "Judged"),
    State.JUDGED_AFTERWARDS: ("pass", "Judged afterwards"),
    State.WAIVED: ("warn", "Waived"),
    State.REVERT: ("info", "Put back"),
    State.FAILING: ("fail", "Failing"),
    State.UNVERIFIED: ("error", "Unverified"),
}


@dataclass(frozen=True)
class LogRow:
    """A commit in the list."""

    commit: Commit
    made_at: datetime
    tone: Tone | str
    word: str
    check: str
    revert: str
    is_head: bool


@web.get("/branches/<repository>/<branch>")
def branch_page(repository: str, branch: str) -> str:
    """Show a branch's commits, newest first, each with what vouches for it."""
    if not sees(repository, branch):
        raise NotFound(f"lakeFS has no branch {branch} in repository {repository}")
    here = services()
    log = branch_log(
        here.reverts, repository, branch, after=request.args.get("after", ""), most=COMMITS_A_PAGE
    )
    return render_template(
        "branch.html",
        repository=repository,
        branch=branch,
        log=log,
        rows=[_row(item, log) for item in log.commits],
        seen=here.store.followed.get(repository, branch),
    )


def _row(item: LoggedCommit, log: BranchLog) -> LogRow:
    step = item.step
    tone: Tone | str
    tone, word = _SAID[step.state]
    if step.state in (State.JUDGED, State.JUDGED_AFTERWARDS) and step.outcome:
        tone = TONES[Outcome(step.outcome)]
    if step.state is State.UNVERIFIED and (item.is_before or not log.is_guarded):
        tone, word = "", "Before the gate" if log.is_guarded else "Not guarded"
    made_at = datetime.fromtimestamp(step.commit.created_at, UTC)
    is_head = step.commit.id == log.head.id
    return LogRow(step.commit, made_at, tone, word, step.check, step.revert, is_head)


@web.get("/branches/<repository>/<branch>/revert")
def revert_plan(repository: str, branch: str) -> str:
    """Show what putting the branch back would change; nothing is done by looking."""
    allow(repository, branch)
    return _preview(_wanted(repository, branch, request.args.to_dict()))


@web.post("/branches/<repository>/<branch>/revert")
def revert_apply(repository: str, branch: str) -> Response | tuple[str, int]:
    """Put the branch back as it was shown: once, however often the form is sent."""
    allow(repository, branch)
    given = request.form.to_dict()
    wanted = _wanted(repository, branch, given)
    try:
        if not wanted["reason"].strip():
            raise UsageError("a reason is needed: others will read it in the record")
        _, done = make_revert(wanted, given.get("key", ""))
    except GateError as error:
        return _again(wanted, error), error.status
    if done.state in ("verified", "unchanged"):
        flash(f"{branch} was put back." if done.commit_id else "There was nothing to do.")
    return redirect(url_for("web.revert_page", revert_id=done.id), 303)


def _again(wanted: dict[str, Any], error: GateError) -> str:
    """Show the plan as of now, with what stood against it; or only that, where there is no plan."""
    try:
        return _preview({**wanted, "expected_head": ""}, error)
    except GateError:
        raise error from None


def _wanted(repository: str, branch: str, given: dict[str, str]) -> dict[str, Any]:
    """Return the request; its key comes apart."""
    fields = {name: given.get(name, "") for name in (*WAYS, "reason", "expected_head")}
    try:
        asked = RevertRequest.model_validate({"repository": repository, "branch": branch, **fields})
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False, include_context=False)[0]["msg"]
        raise UsageError(
            f"this is no revert: {wrong.removeprefix('Value error, ')}", "begin at the branch's page"
        ) from error
    return asked.model_dump(exclude={"dry_run"})


def _preview(wanted: dict[str, Any], problem: GateError | None = None) -> str:
    plan = plan_of(wanted)
    return render_template(
        "revert_plan.html",
        plan=plan,
        way=next(name for name in WAYS if wanted[name]),
        wanted=wanted,
        problem=problem,
        key=secrets.token_hex(16),
        made_at=datetime.fromtimestamp(plan.target.created_at, UTC),
    )
