"""What the door calls: ask for a judgement, wait for it, answer it. No heavy work here (D6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from gate_server.errors import CouldNotTell, NotFound
from gate_server.lakefs.candidates import candidate_of_event, predict
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import FULL_ID, Commits
from gate_server.model import Candidate, Check, Event, Outcome, Policy, Problem, Verdict, dump
from gate_server.policy.decide import answer, could_not_tell, decide
from gate_server.store.records import Answer, Kind
from gate_server.store.store import Store
from gate_server.store.times import now
from gate_server.telemetry.requests import request_id
from gate_server.telemetry.traces import note

log = structlog.get_logger()


@dataclass(frozen=True)
class Asked:
    """An ask on its way. ``verdict`` is there when it was known at once; else ``check`` is awaited."""

    ask_id: str
    check: Check | None
    verdict: Verdict | None


class CheckService:
    """Takes asks, finds known verdicts, joins open checks, answers."""

    def __init__(self, lakefs: LakeFS, store: Store, policy: Policy) -> None:
        self.store = store
        self.policy = policy
        self._commits = Commits(lakefs)

    def ask_by_hook(self, event: Event, principal: str) -> Asked:
        """Ask for the candidate of a pre-merge event."""
        details = dump(event)
        try:
            candidate = self._candidate(event)
        except CouldNotTell as error:
            return self._unknown("hook", principal, details, error)
        if self._is_own_merge(candidate):
            return self._asked("hook", principal, details, None, Verdict(Outcome.PASS, True))
        return self._ask("hook", principal, details, candidate, event.merge_source)

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
        except CouldNotTell as error:
            return self._unknown(kind, principal, details, error)
        return self._ask(kind, principal, details, candidate, source, worker)

    def verdict_of(self, check: Check) -> Verdict | None:
        """Return the verdict of a check as of now, None while it is not done."""
        if check.state != "done":
            return None
        if check.failure is None and check.plan is not None and check.policy_digest == self.policy.digest:
            return decide(check.plan, check.evaluations, self.policy, now())
        if check.verdict is None:
            return could_not_tell(Problem("no_verdict", "the check ended without a verdict", "ask again"))
        return check.verdict

    def answered(self, asked: Asked, verdict: Verdict | None) -> None:
        """Record what an ask was answered; None is "still running"."""
        if asked.verdict is None:
            said = _answer(verdict) if verdict else Answer(503, "", "still running")
            self.store.asks.answered(asked.ask_id, said)

    def get(self, check_id: str) -> Check:
        """Return a check; raises `NotFound`."""
        check = self.store.checks.get(check_id)
        if check is None:
            raise NotFound(f"there is no check {check_id}", "`gate check` and GET /api/v1/checks list them")
        return check

    def _candidate(self, event: Event) -> Candidate:
        if event.commit_id or self.policy.judge == "result":
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
        source_name: str,
        worker: str = "",
    ) -> Asked:
        checks, digest = self.store.checks, self.policy.digest
        known = checks.known(candidate, digest)
        joined = known or (None if worker else checks.open_for(candidate, digest))
        check = joined or checks.create(
            candidate, source_name, digest, worker=worker, request_id=request_id()
        )
        return self._asked(kind, principal, details, check, self.verdict_of(known) if known else None)

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
    ) -> Asked:
        # A verdict that is known at once is recorded with its ask: one write, not two.
        said = _answer(verdict) if verdict else None
        check_id = check.id if check else None
        details = {**details, "request_id": request_id()}
        ask_id = None
        if check_id and verdict is None and kind == "hook":  # a long poll, once more (D9)
            ask_id = self.store.asks.running(kind, principal, details, check_id)
        ask_id = ask_id or self.store.asks.create(kind, principal, details, check_id, said)
        note(ask=ask_id, check=check_id or "", known=int(verdict is not None))
        log.info("asked", ask=ask_id, check=check_id, known=verdict is not None)
        return Asked(ask_id, check, verdict)


def _answer(verdict: Verdict) -> Answer:
    return Answer(answer(verdict)[0], verdict.outcome.value, verdict.summary)
