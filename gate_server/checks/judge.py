"""The product in one place: resolve, plan, evaluate, decide, remember."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import structlog

from gate_server.errors import CouldNotTell, GateError
from gate_server.lakefs.changes import ChangeFinder
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.listings import Listings
from gate_server.model import (
    Candidate,
    Check,
    Evaluation,
    EvaluationTask,
    Outcome,
    Plan,
    Policy,
    Problem,
    Verdict,
)
from gate_server.policy.decide import could_not_tell, decide
from gate_server.policy.globs import covering_prefixes
from gate_server.policy.plan import GATE_FILES, applied_rules, make_plan
from gate_server.store.store import Store
from gate_server.store.times import now
from gate_server.telemetry import metrics, traces
from gate_server.telemetry.requests import working_for

log = structlog.get_logger()


class Evaluator(Protocol):
    """Evaluates obligations, wherever it does so; never raises for bad data."""

    def __call__(self, repository: str, tasks: Sequence[EvaluationTask]) -> Sequence[Evaluation]:
        """Return an evaluation for each task, in order."""


class Judge:
    """Judges checks under one policy.

    Parameters
    ----------
    evaluate
        What reads the data, in a child that can be killed.
    engine_version
        Part of each evaluation's cache key.
    """

    def __init__(
        self, lakefs: LakeFS, store: Store, policy: Policy, evaluate: Evaluator, engine_version: str
    ) -> None:
        self._lakefs = lakefs
        self._store = store
        self.policy = policy
        self._evaluate = evaluate
        self._engine_version = engine_version
        self._commits = Commits(lakefs)
        self._changes = ChangeFinder(lakefs, self._commits, Listings(lakefs), covering_prefixes(GATE_FILES))

    def judge(self, check: Check) -> Verdict:
        """Judge `check` and remember what came out; whatever goes wrong is an ERROR, never a pass."""
        with (
            working_for(check.request_id, check=check.id),
            traces.span("check", check=check.id, repository=check.repository, destination=check.destination),
        ):
            verdict = self._judge(check)
            traces.note(outcome=verdict.outcome.value)
            return verdict

    def _judge(self, check: Check) -> Verdict:
        started, calls = time.monotonic(), self._lakefs.calls
        plan: Plan | None = None
        evaluations: Mapping[int, Evaluation] = {}
        failure: Problem | None = None
        try:
            candidate = self._resolve(check)
            plan = self._plan(candidate)
            evaluations = self._evaluations(candidate.repository, plan)
            with traces.span("decide"):
                verdict = decide(plan, evaluations, self.policy, now())
        except GateError as error:
            failure = Problem(error.code, error.message, error.hint)
            verdict = could_not_tell(failure)
            log.warning("check could not tell", reason=error.message)
        except Exception as error:
            failure = Problem(
                "defect", f"the gate failed ({type(error).__name__})", "the gate's log says more"
            )
            verdict = could_not_tell(failure)
            log.exception("check failed")
        with traces.span("remember"):
            written = self._store.checks.finish(
                check,
                verdict=verdict,
                plan=plan,
                evaluations=evaluations,
                failure=failure,
                reusable=plan is not None and _is_reusable(plan, evaluations.values()),
                lakefs_calls=self._lakefs.calls - calls,
            )
        if written:
            _count(verdict, time.monotonic() - started)
        log.info("check done", outcome=verdict.outcome.value, written=written)
        return verdict

    @traces.span("resolve")
    def _resolve(self, check: Check) -> Candidate:
        if check.policy_digest != self.policy.digest:
            raise CouldNotTell("the policy changed since the check was asked for", "ask again")
        base, judged, source, merge_base = (
            self._commits.get(check.repository, commit_id) if commit_id else None
            for commit_id in (check.base_commit, check.judged_commit, check.source_commit, check.merge_base)
        )
        if base is None:
            raise CouldNotTell("the check names no base")
        return Candidate(check.repository, check.destination, base, judged, source, merge_base)

    @traces.span("plan")
    def _plan(self, candidate: Candidate) -> Plan:
        applied = applied_rules(self.policy, candidate.repository, candidate.destination)
        changes = self._changes.of(candidate, applied.prefixes)
        registered = candidate.source is not None and self._store.installations.is_registered(
            candidate.repository, candidate.base.id, candidate.source.id
        )
        return make_plan(
            self.policy, candidate, changes, engine_version=self._engine_version, registered=registered
        )

    @traces.span("evaluate")
    def _evaluations(self, repository: str, plan: Plan) -> dict[int, Evaluation]:
        rules = {rule.name: rule for rule in self.policy.rules}
        cached = self._store.evaluations.find([item.key for item in plan.obligations if item.key])
        found = {item.number: cached[item.key] for item in plan.obligations if item.key in cached}
        tasks = [
            EvaluationTask(rules[item.rule], self.policy.suites[rules[item.rule].suite], item)
            for item in plan.obligations
            if item.number not in found
        ]
        for task, evaluation in zip(tasks, self._evaluate(repository, tasks), strict=True):
            self._store.evaluations.keep(task.obligation.key, evaluation)
            found[task.obligation.number] = evaluation
        return found


def _count(verdict: Verdict, duration_s: float) -> None:
    metrics.checks.labels(verdict.outcome.value).observe(duration_s)
    strongest = {reason.rule: reason.outcome for reason in reversed(verdict.reasons)}
    for rule in verdict.rules:
        metrics.rules.labels(rule, strongest.get(rule, Outcome.PASS).value).inc()


def _is_reusable(plan: Plan, evaluations: Iterable[Evaluation]) -> bool:
    """Whether the known-verdict shortcut may answer from what was found (D5)."""
    never = ("gate_files", "canary", "linked")
    return (
        all(item.key for item in plan.obligations)
        and not any(item.kind in never for item in plan.declared)
        and all(evaluation.is_lasting for evaluation in evaluations)
    )
