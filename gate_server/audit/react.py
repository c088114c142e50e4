"""What is done about bad data that came by another way: told, or by policy taken back, with a brake."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import structlog

from gate_server.audit.afterwards import PRINCIPAL
from gate_server.audit.line import State, Step
from gate_server.audit.walk import Audit
from gate_server.errors import Conflict, GateError
from gate_server.model import Policy, RevertPlan
from gate_server.reports.wording import short_id
from gate_server.reverts.apply import apply_revert
from gate_server.reverts.context import RevertContext
from gate_server.reverts.plan import plan_revert
from gate_server.store.ledger import append

HOUR_S = 3600.0
MOST_ATTEMPTS = 3
MADE_A_COMMIT = ("applied", "verified", "moved")

log = structlog.get_logger()


class Reactions:
    """Takes failing commits back where the policy says so.

    Parameters
    ----------
    most_an_hour
        How many reverts of one branch it makes in an hour.
    """

    def __init__(self, context: RevertContext, *, most_an_hour: int) -> None:
        self._context = context
        self._store = context.store
        self._most_an_hour = most_an_hour

    def react(self, found: Audit, step: Step, policy: Policy) -> None:
        """Take a failing commit back, once; where that is not to be, record why."""
        if policy.on_unverified_fail != "revert":
            return
        if any(
            (revert.repository, revert.branch) == (found.repository, found.branch)
            for revert, _ in self._store.reverts.unfinished()
        ):
            return  # what comes of it is seen first
        mine = [
            revert
            for revert in self._store.reverts.made_by(PRINCIPAL, found.repository, found.branch)
            if step.commit.id in revert.reason
        ]
        if any(revert.state in MADE_A_COMMIT for revert in mine):
            self._hold_back(found, step, "it was taken back once, and somebody brought it again")
            return
        if len(mine) >= MOST_ATTEMPTS:
            self._hold_back(found, step, f"{MOST_ATTEMPTS} attempts failed: {mine[0].message}")
            return
        lately = self._store.reverts.count_lately(PRINCIPAL, found.repository, found.branch, HOUR_S)
        if lately >= self._most_an_hour:
            why = f"{self._most_an_hour} reverts in an hour are the most (GATE_AUDIT_REVERTS_PER_HOUR)"
            self._hold_back(found, step, why)
            return
        try:
            plan = self._plan(found, step)
            if plan is None:
                return
            done = apply_revert(self._context, plan, principal=PRINCIPAL)
        except GateError as error:  # the branch moved, or lakeFS is away: the next look sees how it is then
            log.warning("could not take back", commit=step.commit.id, reason=error.message[:500])
            return
        log.error(
            "bad data was taken back" if done.state in MADE_A_COMMIT else "bad data was not taken back",
            repository=found.repository,
            branch=found.branch,
            commit=step.commit.id,
            revert=done.id,
            state=done.state,
            message=done.message,
        )

    def _plan(self, found: Audit, step: Step) -> RevertPlan | None:
        """Plan how a commit goes: with all that came after it, where that is not good either; else alone.

        None where what came after it is not judged yet.
        """
        since = found.line.steps[: found.line.steps.index(step)]
        if any(later.state is State.UNVERIFIED for later in since):
            return None
        reason = f"bad data, not judged before it came in: {step.commit.id} (check {step.check})"
        plan = partial(
            plan_revert,
            self._context,
            found.repository,
            found.branch,
            reason=reason,
            expected_head=found.line.head.id,
        )
        nothing_good = all(later.state in (State.FAILING, State.REVERT) for later in since)
        if nothing_good and not found.line.brings_back(step):
            return plan(step.commit.parents[0])
        try:
            return plan(commit=step.commit.id)
        except Conflict as error:
            self._hold_back(found, step, error.message)
            return None

    def _hold_back(self, found: Audit, step: Step, why: str) -> None:
        """Record once that a commit is not taken back, and why."""
        content: Mapping[str, str] = {"why": why}
        told = [
            entry
            for entry in self._store.ledger.of_subject(step.commit.id)
            if entry.kind == "audit.held_back" and dict(entry.content) == content
        ]
        if told:
            return
        with self._store.engine.begin() as connection:
            append(
                connection,
                "audit.held_back",
                subject=step.commit.id,
                repository=found.repository,
                branch=found.branch,
                commit_id=step.commit.id,
                content=content,
            )
        log.error(
            "bad data is not taken back",
            repository=found.repository,
            branch=found.branch,
            commit=short_id(step.commit.id),
            why=why,
        )
