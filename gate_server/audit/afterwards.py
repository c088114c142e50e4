"""Judging afterwards what came in unjudged: a check like any other, of a commit against its parent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import structlog

from gate_server.audit.line import Step
from gate_server.audit.walk import Audit
from gate_server.checks.remembering import answer_of
from gate_server.checks.repository_policies import RepositoryPolicies
from gate_server.errors import CouldNotTell
from gate_server.model import Ask, Candidate, Check, Outcome, Policy, Problem, Verdict
from gate_server.policy.decide import could_not_tell, decide
from gate_server.reverts.context import RevertContext
from gate_server.store.ledger import Entry
from gate_server.store.times import now

PRINCIPAL = "gate audit"  # no token is called that: their names hold no spaces
FIRST_PAUSE_S, LONGEST_PAUSE_S = 10.0, 3600.0

log = structlog.get_logger()


class Afterwards:
    """Judges commits of guarded branches."""

    def __init__(self, context: RevertContext) -> None:
        self._context = context
        self._store = context.store
        self._in_repository = RepositoryPolicies(context.lakefs, context.listings, context.store.policies)

    def judge(self, found: Audit, step: Step, entries: Sequence[Entry], policy: Policy) -> bool:
        """Have a commit judged, or tell what came of that; return False where it is not time to try again."""
        waiting = self._waiting(found, step)
        if waiting is not None:
            check = self._store.checks.get(waiting.check_id or "")
            if check is None:
                gone = could_not_tell(Problem("no_check", "the check is gone", "it is judged again"))
                self._store.asks.answered(waiting.id, answer_of(gone))
            elif check.state == "done":
                verdict = self._verdict(check, self.policy_of(found, step, policy))
                self._store.asks.answered(waiting.id, answer_of(verdict))
                log.info("judged afterwards", commit=step.commit.id, check=check.id, outcome=verdict.outcome)
            return True
        if not self._is_due(entries):
            return False
        details = {
            "repository": found.repository,
            "destination": found.branch,
            "commit_id": step.commit.id,
        }
        try:
            governing = self.policy_of(found, step, policy)
        except CouldNotTell as error:
            verdict = could_not_tell(Problem(error.code, error.message, error.hint))
            self._store.asks.create("audit", PRINCIPAL, details, None, answer_of(verdict))
            return True
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
        return True

    def policy_of(self, found: Audit, step: Step, policy: Policy) -> Policy:
        """Return the policy that holds for a commit: of its first parent, as for a merge.

        Raises
        ------
        CouldNotTell
            When the repository's own is wrong.
        """
        base = self._context.commits.get(found.repository, step.commit.parents[0])
        return self._in_repository.governing(found.repository, found.branch, base, policy)

    def waived(self, found: Audit, step: Step, policy: Policy) -> bool:
        """Whether a failing commit is waived by now; then that is recorded."""
        check = self._store.checks.get(step.check) if step.check else None
        if check is None:
            return False
        verdict = self._verdict(check, policy)
        if verdict.outcome is not Outcome.WARN:
            return False
        details = {
            "repository": found.repository,
            "destination": found.branch,
            "commit_id": step.commit.id,
        }
        self._store.asks.create("audit", PRINCIPAL, details, check.id, answer_of(verdict))
        return True

    def _verdict(self, check: Check, policy: Policy) -> Verdict:
        if check.failure is None and check.plan is not None and check.policy_digest == policy.digest:
            waivers = self._store.waivers.holding(check.repository, check.destination)
            return decide(check.plan, check.evaluations, policy, now(), waivers)
        return check.verdict or could_not_tell(Problem("no_verdict", "the check ended without a verdict"))

    def _waiting(self, found: Audit, step: Step) -> Ask | None:
        wanted = (found.repository, found.branch, step.commit.id)
        for ask in self._store.asks.unanswered("audit"):
            event = ask.event
            if (event["repository"], event["destination"], event["commit_id"]) == wanted:
                return ask
        return None

    def _is_due(self, entries: Sequence[Entry]) -> bool:
        """Whether it is time to judge again what could not be told before: longer each time."""
        tried = [
            entry for entry in entries if entry.kind == "ask.answered" and entry.content["kind"] == "audit"
        ]
        if not tried:
            return True
        pause_s = min(FIRST_PAUSE_S * 2.0 ** min(len(tried) - 1, 20), LONGEST_PAUSE_S)
        return now() - tried[-1].at >= timedelta(seconds=pause_s)
