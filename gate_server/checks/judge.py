"""The product in one place: resolve, plan, evaluate, decide, remember."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from gate_server.checks.policies import KnownPolicies
from gate_server.checks.repository_policies import RepositoryPolicies
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
from gate_server.policy.document import PolicyErrors
from gate_server.policy.globs import covering_prefixes, matches
from gate_server.policy.plan import GATE_FILES, applied_rules, make_plan, policy_files
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
    """Judges each check under the policy that it was asked with.

    Parameters
    ----------
    policies
        Where that policy is found.
    evaluate
        What reads the data, in a child that can be killed.
    engine_version
        Part of each evaluation's cache key.
    """

    def __init__(
        self,
        lakefs: LakeFS,
        store: Store,
        policies: KnownPolicies,
        evaluate: Evaluator,
        engine_version: str,
    ) -> None:
        self._lakefs = lakefs
        self._store = store
        self._policies = policies
        self._evaluate = evaluate
        self._engine_version = engine_version
        self._commits = Commits(lakefs)
        listings = Listings(lakefs)
        self._changes = ChangeFinder(lakefs, self._commits, listings, covering_prefixes(GATE_FILES))
        self._in_repository = RepositoryPolicies(lakefs, listings, store.policies)

    def judge(self, check: Check) -> Verdict:
        """Judge `check` and remember what came out; whatever goes wrong is an ERROR, never a pass.

        Raises
        ------
        SQLAlchemyError
            When the database does not do its part; the check stays as it is.
        """
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
            policy = self._policies.of(check.policy_digest)
            candidate = self._resolve(check)
            plan = self._plan(candidate, policy)
            evaluations = self._evaluations(candidate.repository, plan, policy)
            with traces.span("decide"):
                verdict = decide(plan, evaluations, policy, now())
        except GateError as error:
            failure = Problem(error.code, error.message, error.hint)
            verdict = could_not_tell(failure)
            log.warning("check could not tell", reason=error.message)
        except (OperationalError, InterfaceError):
            raise  # the database is away, full or locked: nothing is told that cannot be written
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
        base, judged, source, merge_base = (
            self._commits.get(check.repository, commit_id) if commit_id else None
            for commit_id in (check.base_commit, check.judged_commit, check.source_commit, check.merge_base)
        )
        if base is None:
            raise CouldNotTell("the check names no base")
        return Candidate(check.repository, check.destination, base, judged, source, merge_base)

    @traces.span("plan")
    def _plan(self, candidate: Candidate, policy: Policy) -> Plan:
        applied = applied_rules(policy, candidate.repository, candidate.destination)
        own = policy_files(policy)
        changes = self._changes.of(candidate, applied.prefixes, covering_prefixes(own))
        registered = candidate.source is not None and self._store.installations.is_registered(
            candidate.repository, candidate.base.id, candidate.source.id
        )
        brings_policy = registered and any(matches(path, own) for path in changes.gate_files)
        return make_plan(
            policy,
            candidate,
            changes,
            engine_version=self._engine_version,
            registered=registered,
            findings=self._findings(candidate, policy.in_repository) if brings_policy else (),
        )

    def _findings(self, candidate: Candidate, path: str) -> Sequence[str]:
        """Return what is wrong with the policy that `candidate` would bring: it would refuse all after it."""
        commit = candidate.judged or candidate.source
        assert commit is not None  # noqa: S101 - for the type checker: a prediction has a source
        try:
            brought = self._in_repository.of(candidate.repository, commit, path)
        except PolicyErrors as error:
            return error.findings
        return self._policies.look_at(brought) if brought else ()

    @traces.span("evaluate")
    def _evaluations(self, repository: str, plan: Plan, policy: Policy) -> dict[int, Evaluation]:
        rules = {rule.name: rule for rule in policy.rules}
        cached = self._store.evaluations.find([item.key for item in plan.obligations if item.key])
        found = {item.number: cached[item.key] for item in plan.obligations if item.key in cached}
        tasks = [
            EvaluationTask(rules[item.rule], policy.suites[rules[item.rule].suite], item)
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
