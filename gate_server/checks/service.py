"""What the door calls: ask for a judgement, wait for it, answer it. No heavy work here (D6)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog

from gate_server.checks.active import ActivePolicy
from gate_server.checks.policies import kept_policy
from gate_server.checks.remembering import answer_of
from gate_server.checks.repository_policies import RepositoryPolicies
from gate_server.errors import CouldNotTell, NotFound
from gate_server.lakefs.candidates import candidate_of_event, predict
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import FULL_ID, Commits
from gate_server.lakefs.listings import Listings
from gate_server.model import Candidate, Check, Commit, Event, Outcome, Policy, Problem, Verdict, dump
from gate_server.policy.decide import could_not_tell, decide
from gate_server.store.records import Answer, Kind
from gate_server.store.store import Store
from gate_server.store.times import now
from gate_server.telemetry.requests import request_id
from gate_server.telemetry.traces import note

log = structlog.get_logger()

TRIED_AGAIN_WITHIN_S = 600.0  # how long a verdict waits for who was told to merge again


@dataclass(frozen=True)
class Asked:
    """An ask on its way. ``verdict`` is there when it was known at once; else ``check`` is awaited.

    It is answered under ``policy``, whichever the gate asks by meanwhile.
    """

    ask_id: str
    check: Check | None
    verdict: Verdict | None
    policy: Policy | None = None


class CheckService:
    """Takes asks, finds known verdicts, joins open checks, answers."""

    def __init__(self, lakefs: LakeFS, store: Store, active: ActivePolicy) -> None:
        self.store = store
        self.active = active
        self._commits = Commits(lakefs)
        self._in_repository = RepositoryPolicies(lakefs, Listings(lakefs), store.policies)

    def ask_by_hook(self, event: Event, principal: str) -> Asked:
        """Ask for the candidate of a pre-merge event."""
        details = dump(event)
        active = self.active.policy  # one and the same for this ask, whenever it is reloaded
        try:
            candidate = self._candidate(event, active)
            if self._is_own_merge(candidate):
                return self._asked("hook", principal, details, None, Verdict(Outcome.PASS, True))
            policy = self._in_repository.governing(
                candidate.repository, candidate.destination, candidate.base, active
            )
            if candidate.is_prediction and policy.judge != "source":
                raise CouldNotTell("the event names no commit to judge", "its repository's policy wants one")
        except CouldNotTell as error:
            return self._unknown("hook", principal, details, error)
        return self._ask("hook", principal, details, candidate, policy, event.merge_source)

    def ask_ahead(
        self,
        kind: Kind,
        principal: str,
        repository: str,
        source: str,
        destination: str,
        *,
        worker: str = "",
    ) -> Asked:
        """Ask what merging `source` into `destination` would be judged as; raises `NotFound` for names.

        With a `worker` the check is that worker's at once: who asks judges it himself.
        """
        details = {"repository": repository, "source": source, "destination": destination}
        try:
            candidate = predict(self._commits, repository, source, destination)
            policy = self._in_repository.governing(
                repository, destination, candidate.base, self.active.policy
            )
        except CouldNotTell as error:
            return self._unknown(kind, principal, details, error)
        return self._ask(kind, principal, details, candidate, policy, source, worker)

    def verdict_of(self, check: Check, policy: Policy | None = None) -> Verdict | None:
        """Return the verdict of a check, None while it is not done.

        It is decided as of now under `policy`, or the active one, where the check was asked with that, or
        under the repository's own; one of another policy is as it was decided then.
        """
        if check.state != "done":
            return None
        policy = policy or self._policy_of(check)
        if check.failure is None and check.plan is not None and check.policy_digest == policy.digest:
            waivers = self.store.waivers.holding(check.repository, check.destination)
            return decide(check.plan, check.evaluations, policy, now(), waivers)
        if check.verdict is None:
            return could_not_tell(Problem("no_verdict", "the check ended without a verdict", "ask again"))
        return check.verdict

    def asked_by(self, repository: str, branch: str) -> tuple[Commit, Policy]:
        """Return a branch's head, and the policy by which a merge into it would be judged now.

        Raises
        ------
        NotFound
            When there is no such branch.
        CouldNotTell
            When lakeFS does not answer, or the policy that the repository keeps is wrong.
        """
        head = self._commits.head(repository, branch)
        return head, self._in_repository.governing(repository, branch, head, self.active.policy)

    def answered(self, asked: Asked, verdict: Verdict | None) -> None:
        """Record what an ask was answered; None is "still running"."""
        if asked.verdict is None:
            said = answer_of(verdict) if verdict else Answer(503, "", "still running")
            self.store.asks.answered(asked.ask_id, said)

    def get(self, check_id: str) -> Check:
        """Return a check; raises `NotFound`."""
        check = self.store.checks.get(check_id)
        if check is None:
            raise NotFound(
                f"there is no check {check_id}", "`gate checks list` and GET /api/v1/checks list them"
            )
        return check

    def suites_of(self, check: Check) -> dict[str, str]:
        """Return the suite of each rule, as the policy of the check has them."""
        active = self.active.policy
        if check.policy_digest == active.digest:
            return {rule.name: rule.suite for rule in active.rules}
        kept = self.store.policies.get(check.policy_digest)
        return {rule["name"]: rule["suite"] for rule in kept.content["rules"]} if kept else {}

    def policy_content(self, check: Check) -> Mapping[str, Any] | None:
        """Return what the policy of the check says, as it is kept; None where nobody knows it any more."""
        kept = self.store.policies.get(check.policy_digest)
        return kept.content if kept else None

    def _policy_of(self, check: Check) -> Policy:
        """Return the policy of the repository that `check` was asked with, else the active one."""
        active = self.active.policy
        if check.policy_digest != active.digest and active.in_repository:
            with suppress(CouldNotTell):
                kept, _ = kept_policy(self.store.policies, check.policy_digest)
                return kept if kept.path == active.in_repository else active
        return active

    def _candidate(self, event: Event, active: Policy) -> Candidate:
        if event.commit_id or active.judge == "result":
            return candidate_of_event(self._commits, event)
        if not FULL_ID.fullmatch(event.source_ref):
            raise CouldNotTell(
                "the event names no commit as its source", "lakeFS sends `source_ref` as an id"
            )
        try:  # an older lakeFS sends no commit_id, and the policy says to judge what it would make
            return predict(self._commits, event.repository, event.source_ref, event.destination)
        except NotFound as error:
            raise CouldNotTell(error.message, error.hint) from error

    def _is_own_merge(self, candidate: Candidate) -> bool:
        return candidate.source is not None and self.store.reverts.is_own_merge(
            candidate.repository, candidate.destination, candidate.base.id, candidate.source.id
        )

    def _ask(
        self,
        kind: Kind,
        principal: str,
        details: Mapping[str, Any],
        candidate: Candidate,
        policy: Policy,
        source_name: str,
        worker: str = "",
    ) -> Asked:
        checks, digest = self.store.checks, policy.digest
        # A prediction answers who asks ahead, never a merge.
        is_merge = kind == "hook" and candidate.is_prediction
        known = None if is_merge else checks.known(candidate, digest)
        joined = known or (None if worker else checks.open_for(candidate, digest))
        if joined is None and kind == "hook":
            awaited = self._awaited(candidate, digest)
            if awaited:
                asked = self._asked(kind, principal, details, awaited, None, policy)
                verdict = self.verdict_of(awaited, policy)
                self.answered(asked, verdict)
                return replace(asked, verdict=verdict)
        check = joined or checks.create(
            candidate,
            source_name,
            digest,
            worker=worker,
            request_id=request_id(),
            person=details.get("committer") or principal,
        )
        if check.ahead and check.state != "done":
            checks.awaited(check.id)
        verdict = self.verdict_of(known, policy) if known else None
        return self._asked(kind, principal, details, check, verdict, policy)

    def _awaited(self, candidate: Candidate, policy_digest: str) -> Check | None:
        """Return the check that just ended for who was told "still running, merge again", and told to nobody.

        What is never used again (D3, D5) reaches him so, once.
        """
        check = self.store.checks.just_ended(candidate, policy_digest, TRIED_AGAIN_WITHIN_S)
        asks = [ask for ask in self.store.asks.of_check(check.id) if ask.kind == "hook"] if check else []
        return check if asks and not any(ask.outcome for ask in asks) else None

    def _unknown(self, kind: Kind, principal: str, details: Mapping[str, Any], error: CouldNotTell) -> Asked:
        verdict = could_not_tell(Problem(error.code, error.message, error.hint))
        return self._asked(kind, principal, details, None, verdict)

    def _asked(
        self,
        kind: Kind,
        principal: str,
        details: Mapping[str, Any],
        check: Check | None,
        verdict: Verdict | None,
        policy: Policy | None = None,
    ) -> Asked:
        # A verdict that is known at once is recorded with its ask: one write, not two.
        said = answer_of(verdict) if verdict else None
        check_id = check.id if check else None
        details = {**details, "request_id": request_id()}
        ask_id = None
        if check_id and verdict is None and kind == "hook":  # a long poll, once more (D9)
            ask_id = self.store.asks.running(kind, principal, details, check_id)
        ask_id = ask_id or self.store.asks.create(kind, principal, details, check_id, said)
        note(ask=ask_id, check=check_id or "", known=int(verdict is not None))
        log.info("asked", ask=ask_id, check=check_id, known=verdict is not None)
        return Asked(ask_id, check, verdict, policy)
