"""What is done about bad data that came by another way: told, or by policy taken back."""

from __future__ import annotations

from functools import partial

from gate_server.audit.automatic import AutomaticReverts
from gate_server.audit.line import State, Step
from gate_server.audit.walk import Audit
from gate_server.errors import Conflict
from gate_server.model import Policy, RevertPlan
from gate_server.reverts.context import RevertContext
from gate_server.reverts.plan import plan_revert


class Reactions:
    """Takes failing commits back where the policy says so."""

    def __init__(self, context: RevertContext, reverts: AutomaticReverts) -> None:
        self._context = context
        self._reverts = reverts

    def react(self, found: Audit, step: Step, policy: Policy) -> None:
        """Take a failing commit back, where the policy wants it."""
        if policy.on_unverified_fail == "revert":
            where = (found.repository, found.branch, step.commit.id)
            self._reverts.take_back(*where, lambda: self._plan(found, step))

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
            self._reverts.hold_back(found.repository, found.branch, step.commit.id, error.message)
            return None
