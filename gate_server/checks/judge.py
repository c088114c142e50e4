"""The product in one place: resolve, plan, evaluate, decide, remember."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from gate_server.checks.lent import lent_key
from gate_server.checks.policies import KnownPolicies
from gate_server.checks.remembering import remember
from gate_server.checks.repository_policies import RepositoryPolicies
from gate_server.errors import CouldNotTell, GateError
from gate_server.lakefs.changes import ChangeFinder, held_at
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.listings import Listings
from gate_server.lakefs.objects import read_heads
from gate_server.lakefs.taken_back import taken_back
from gate_server.model import (
    Candidate,
    Check,
    DeclaredOutcome,
    Evaluation,
    EvaluationTask,
    Plan,
    Policy,
    Problem,
    Verdict,
)
from gate_server.policy.decide import could_not_tell, decide
from gate_server.policy.declared import partly_reverted
from gate_server.policy.document import PolicyErrors
from gate_server.policy.globs import covering_prefixes, matches
from gate_server.policy.plan import (
    GATE_FILES,
    applied_rules,
    compared_with,
    looked_into,
    make_plan,
    policy_files,
)
from gate_server.policy.requirements import HEAD_BYTES
from gate_server.policy.tasks import tasks_left
from gate_server.store.store import Store
from gate_server.store.times import now
from gate_server.telemetry import traces
from gate_server.telemetry.requests import working_for

TELL_EVERY_S = 1.0

log = structlog.get_logger()


class Evaluator(Protocol):
    """Evaluates obligations, wherever it does so; never raises for bad data."""

    def __call__(
        self, repository: str, tasks: Sequence[EvaluationTask], told: Callable[[int], object] = ...
    ) -> Sequence[Evaluation]:
        """Return an evaluation for each task, in order; `told` hears how many are done, as they are."""


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
    lends
        Whether what rules say runs elsewhere is left to workers there, or evaluated here as well.
    """

    def __init__(
        self,
        lakefs: LakeFS,
        store: Store,
        policies: KnownPolicies,
        evaluate: Evaluator,
        engine_version: str,
        *,
        lends: bool = True,
    ) -> None:
        self._lakefs = lakefs
        self._store = store
        self._policies = policies
        self._evaluate = evaluate
        self._engine_version = engine_version
        self._lends = lends
        self._commits = Commits(lakefs)
        self._listings = listings = Listings(lakefs)
        self._listings = listings
        self._changes = ChangeFinder(lakefs, self._commits, listings, covering_prefixes(GATE_FILES))
        self._in_repository = RepositoryPolicies(lakefs, listings, store.policies)

    def judge(self, check: Check) -> Verdict | None:
        """Judge `check` and remember what came out; whatever goes wrong is an ERROR, never a pass.

        None: what is left of it waits for a worker elsewhere.

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
            traces.note(outcome=verdict.outcome.value if verdict else "elsewhere")
            return verdict

    def _judge(self, check: Check) -> Verdict | None:
        started, calls = time.monotonic(), self._lakefs.calls
        plan: Plan | None = None
        evaluations: Mapping[int, Evaluation] = {}
        failure: Problem | None = None
        try:
            policy = self._policies.of(check.policy_digest)
            candidate = self._resolve(check)
            plan = self._plan(candidate, policy, check.source_name)
            evaluations, is_lent = self._evaluations(check, plan, policy)
            if is_lent:
                made = self._lakefs.calls - calls
                written = self._store.lent.hand_over(check, plan, evaluations, made)
                log.info("check waits for a worker elsewhere", written=written)
                return None
            with traces.span("decide"):
                waivers = self._store.waivers.holding(check.repository, check.destination)
                verdict = decide(plan, evaluations, policy, now(), waivers)
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
            written = remember(
                self._store.checks,
                check,
                verdict,
                plan=plan,
                evaluations=evaluations,
                failure=failure,
                lakefs_calls=self._lakefs.calls - calls,
                duration_s=time.monotonic() - started,
            )
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
    def _plan(self, candidate: Candidate, policy: Policy, source_name: str) -> Plan:
        applied = applied_rules(policy, candidate.repository, candidate.destination)
        own = policy_files(policy)
        changes = self._changes.of(candidate, applied.prefixes, covering_prefixes(own))
        wanted = compared_with(applied.rules, changes)
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
            missing=self._taken_back(candidate, source_name),
            references=held_at(self._commits, self._listings, candidate.repository, wanted),
            heads=read_heads(
                self._lakefs, candidate.repository, looked_into(applied.rules, changes), HEAD_BYTES
            ),
        )

    def _taken_back(self, candidate: Candidate, source_name: str) -> Sequence[DeclaredOutcome]:
        """Return that a revert took back what the source's line holds: the merge would not bring it again."""
        repository, destination = candidate.repository, candidate.destination
        reverts = self._store.reverts.verified(repository, destination)
        if candidate.source is None or not reverts:
            return ()
        found = taken_back(
            self._commits, self._listings, repository, candidate.base, candidate.source, reverts
        )
        if found is None:
            return ()
        source = f"lakefs://{repository}/{source_name or candidate.source.id}"
        return [partly_reverted(found.merge.id, found.revert.id, source, destination)]

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
    def _evaluations(self, check: Check, plan: Plan, policy: Policy) -> tuple[dict[int, Evaluation], bool]:
        """Return what is known or was evaluated here, and whether there is more for a worker elsewhere."""
        rules = {rule.name: rule for rule in policy.rules}
        keys = {item.number: [item.key] for item in plan.obligations}
        for item in plan.obligations:
            if rules[item.rule].runs == "elsewhere":
                keys[item.number].append(lent_key(check, item))
        cached = self._store.evaluations.find([key for some in keys.values() for key in some if key])
        found = {
            number: next(cached[key] for key in some if key in cached)
            for number, some in keys.items()
            if any(key in cached for key in some)
        }
        tasks = tasks_left(plan, policy, found)
        mine = [task for task in tasks if task.rule.runs == "here" or not self._lends]
        places: dict[tuple[str, ...], int] = {}  # what reads the same objects is read together
        mine.sort(
            key=lambda task: places.setdefault(
                tuple(item.path for item in task.obligation.objects), len(places)
            )
        )
        evaluated = self._evaluate(check.repository, mine, self._told(check, len(found), len(tasks)))
        for task, evaluation in zip(mine, evaluated, strict=True):
            self._store.evaluations.keep(task.obligation.key, evaluation)
            found[task.obligation.number] = evaluation
        return found, len(mine) < len(tasks)

    def _told(self, check: Check, known: int, tasks: int) -> Callable[[int], None]:
        """Return what writes how far `check` is, at most every `TELL_EVERY_S`: a short one writes nothing."""
        last = time.monotonic()

        def told(done: int) -> None:
            nonlocal last
            if time.monotonic() - last >= TELL_EVERY_S:
                last = time.monotonic()
                with suppress(SQLAlchemyError):  # for people alone: the verdict's own writing will tell
                    self._store.checks.progressed(check, known + tasks, known + done)

        return told
