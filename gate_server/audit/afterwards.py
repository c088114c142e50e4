"""Judging afterwards what came in unjudged: a check like any other, of a commit against its parent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

import structlog

from gate_server.audit.line import State, Step
from gate_server.audit.record import judged_afterwards
from gate_server.audit.walk import Audit
from gate_server.checks.remembering import answer_of
from gate_server.checks.repository_policies import RepositoryPolicies
from gate_server.errors import CouldNotTell
from gate_server.model import Ask, Candidate, Check, Commit, Outcome, Policy, Problem, Verdict
from gate_server.policy.decide import could_not_tell, decide
from gate_server.policy.document import PolicyErrors
from gate_server.reverts.context import RevertContext
from gate_server.store.ledger import Entry
from gate_server.store.times import now

PRINCIPAL = "gate audit"  # no token is called that: their names hold no spaces
FIRST_PAUSE_S, LONGEST_PAUSE_S = 10.0, 3600.0
AT_A_TIME = 5  # commits of a branch that are judged at once: merges are not to wait for an audit
AGAIN_AT_A_TIME = 2  # of them, such as could not be told before

Entries = Mapping[str, tuple[Entry, ...]]

log = structlog.get_logger()


class Afterwards:
    """Judges commits of guarded branches."""

    def __init__(self, context: RevertContext) -> None:
        self._context = context
        self._store = context.store
        self._known_to_bring: dict[tuple[str, str, str], bool] = {}
        self._in_repository = RepositoryPolicies(context.lakefs, context.listings, context.store.policies)

    def judge(self, found: Audit, steps: Sequence[Step], entries: Entries, policy: Policy) -> bool:
        """Have commits judged, a few at a time, and tell what came of those that were.

        Return whether any is being judged, or was until now: what comes of it the next look can see.

        What was never judged comes before what could not be told before, so that neither keeps the other
        waiting for long.
        """
        asked = self._asked(found)
        waiting = {step.commit.id for step in steps if step.commit.id in asked}
        for step in steps:
            if step.commit.id in waiting and self._tell(found, step, asked[step.commit.id], policy):
                waiting.discard(step.commit.id)
        again = {step.commit.id for step in steps if judged_afterwards(entries.get(step.commit.id, ()))}
        for step in sorted(steps, key=lambda step: step.commit.id in again):
            commit_id, is_again = step.commit.id, step.commit.id in again
            is_room = len(waiting) < AT_A_TIME and (not is_again or len(waiting & again) < AGAIN_AT_A_TIME)
            if commit_id not in asked and is_room and _is_due(entries.get(commit_id, ())):
                self._ask(found, step, policy)
                waiting.add(commit_id)
        return bool(asked or waiting)

    def _tell(self, found: Audit, step: Step, ask: Ask, policy: Policy) -> bool:
        """Answer an ask; return False where its check is not done."""
        check = self._store.checks.get(ask.check_id or "")
        if check is not None and check.state != "done":
            return False
        if check is None:
            verdict = could_not_tell(Problem("no_check", "the check is gone", "it is judged again"))
        else:
            verdict = self._verdict_under(found, step, check, policy)
        self._store.asks.answered(ask.id, answer_of(verdict))
        log.info("judged afterwards", commit=step.commit.id, check=ask.check_id, outcome=verdict.outcome)
        return True

    def _ask(self, found: Audit, step: Step, policy: Policy) -> None:
        details = _details(found, step)
        try:
            governing = self.policy_of(found, step, policy)
        except CouldNotTell as error:
            self._store.asks.create("audit", PRINCIPAL, details, None, answer_of(_unknown(error)))
            return
        commits = self._context.commits
        base = commits.get(found.repository, step.commit.parents[0])
        merged = step.commit.parents[1:2]
        source = commits.get(found.repository, merged[0]) if merged else None
        candidate = Candidate(found.repository, found.branch, base, step.commit, source)
        checks = self._store.checks
        known = checks.known(candidate, governing.digest)
        check = known or checks.create(candidate, "audit", governing.digest)
        said = answer_of(self._verdict(known, governing)) if known else None
        self._store.asks.create("audit", PRINCIPAL, details, check.id, said)

    def policy_of(self, found: Audit, step: Step, policy: Policy) -> Policy:
        """Return the policy that holds for a commit: of its first parent, as for a merge.

        But one in the repository that a commit brought for which nobody vouches, and which is there still, is
        passed over: the one before it holds.

        Raises
        ------
        CouldNotTell
            When the repository's own is wrong, or there is no first parent to judge against.
        """
        if not step.commit.parents:
            raise CouldNotTell(
                f"{step.commit.id} is the first commit of {found.repository}: nothing to compare it with",
                f"look at it, and `gate install` again on {found.branch} to go on from what it holds",
            )
        base = self._context.commits.get(found.repository, step.commit.parents[0])
        if policy.in_repository:
            base = self._vouched_for(found, step, policy) or base
        return self._in_repository.governing(found.repository, found.branch, base, policy)

    def doubted(self, found: Audit, step: Step, policy: Policy) -> bool:
        """Whether a commit was judged by a policy that came in with what nobody vouches for."""
        if not policy.in_repository or step.state not in (State.JUDGED, State.WAIVED):
            return False
        place = found.line.steps.index(step)
        if not any(found.line.outstanding[place + 1 : place + 2]):
            return False
        sound = self._vouched_for(found, step, policy)
        base = found.line.steps[place + 1].commit
        if sound is None or self._says(found, base, policy) == self._says(found, sound, policy):
            return False
        check = self._store.checks.get(step.check)
        return check is None or check.policy_digest != self.policy_of(found, step, policy).digest

    def _vouched_for(self, found: Audit, step: Step, policy: Policy) -> Commit | None:
        """Return the newest commit below `step` whose policy did not come with what nobody vouches for."""
        steps, outstanding = found.line.steps, found.line.outstanding
        for place in range(steps.index(step) + 1, len(steps)):
            here, held = steps[place].commit, outstanding[place]
            if place + 1 == len(steps) or not any(self._brings(found, item, policy) for item in held):
                return here
            if here.id not in held and self._brings(found, here.id, policy):
                return here
        return None

    def _brings(self, found: Audit, commit_id: str, policy: Policy) -> bool:
        """Whether a commit of the line changed the policy in the repository."""
        key = (found.repository, commit_id, policy.in_repository)
        if key not in self._known_to_bring:
            commits = [step.commit for step in found.line.steps]
            pair = next(((new, old) for new, old in pairwise(commits) if new.id == commit_id), None)
            if pair is None:
                return False
            says = {self._says(found, commit, policy) for commit in pair}
            self._known_to_bring[key] = len(says) > 1
        return self._known_to_bring[key]

    def _says(self, found: Audit, commit: Commit, policy: Policy) -> str:
        try:
            said = self._in_repository.of(found.repository, commit, policy.in_repository)
        except PolicyErrors:
            return "wrong"
        return said.digest if said else "none"

    def is_known(self, step: Step, policy: Policy) -> bool:
        """Whether a failing commit was judged by this very policy, and can be decided anew.

        Else nobody can say whether it is waived, or would fail at all: it is to be judged again.
        """
        check = self._store.checks.get(step.check) if step.check else None
        return check is not None and check.plan is not None and check.policy_digest == policy.digest

    def waived(self, found: Audit, step: Step, policy: Policy) -> bool:
        """Whether a failing commit is waived by now; then that is recorded."""
        check = self._store.checks.get(step.check) if step.check else None
        if check is None:
            return False
        verdict = self._verdict(check, policy)
        if verdict.outcome not in (Outcome.PASS, Outcome.WARN):
            return False
        self._store.asks.create("audit", PRINCIPAL, _details(found, step), check.id, answer_of(verdict))
        return True

    def _verdict_under(self, found: Audit, step: Step, check: Check, policy: Policy) -> Verdict:
        try:
            return self._verdict(check, self.policy_of(found, step, policy))
        except CouldNotTell as error:
            return _unknown(error)

    def _verdict(self, check: Check, policy: Policy) -> Verdict:
        if check.failure is None and check.plan is not None and check.policy_digest == policy.digest:
            waivers = self._store.waivers.holding(check.repository, check.destination)
            return decide(check.plan, check.evaluations, policy, now(), waivers)
        return check.verdict or could_not_tell(Problem("no_verdict", "the check ended without a verdict"))

    def _asked(self, found: Audit) -> dict[str, Ask]:
        """Return what is being judged of the branch, by commit."""
        here = (found.repository, found.branch)
        return {
            ask.event["commit_id"]: ask
            for ask in self._store.asks.unanswered("audit")
            if (ask.event["repository"], ask.event["destination"]) == here
        }


def _details(found: Audit, step: Step) -> dict[str, str]:
    return {"repository": found.repository, "destination": found.branch, "commit_id": step.commit.id}


def _unknown(error: CouldNotTell) -> Verdict:
    return could_not_tell(Problem(error.code, error.message, error.hint))


def _is_due(entries: Sequence[Entry]) -> bool:
    """Whether it is time to judge again what could not be told before: longer each time."""
    tried: list[Entry] = []
    for entry in judged_afterwards(entries):
        tried = [*tried, entry] if entry.content["outcome"] == Outcome.ERROR.value else []
    if not tried:
        return True
    pause_s = min(FIRST_PAUSE_S * 2.0 ** min(len(tried) - 1, 20), LONGEST_PAUSE_S)
    return now() - tried[-1].at >= timedelta(seconds=pause_s)
