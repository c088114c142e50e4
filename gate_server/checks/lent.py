"""Checks that are lent to a worker elsewhere: the gate plans and decides, the worker evaluates its tasks.

The worker holds a lease by a token of one attempt at one check. What it hands in is the evaluation of exactly
the tasks that it was given; the verdict is made here, as of a local child's.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from gate_server.checks.policies import kept_policy
from gate_server.checks.remembering import died_too_often, give_up, remember
from gate_server.engine.version import ENGINE_VERSION
from gate_server.errors import AccessDenied, Conflict, CouldNotTell
from gate_server.model import (
    Check,
    Evaluation,
    EvaluationTask,
    Obligation,
    Plan,
    Policy,
    Problem,
    Suite,
    Verdict,
    digest,
)
from gate_server.policy.decide import could_not_tell, decide
from gate_server.policy.tasks import tasks_left
from gate_server.store.store import Store
from gate_server.store.times import now

log = structlog.get_logger()


@dataclass(frozen=True)
class Lease:
    """A check that was just lent, and the token that holds it; its text is nowhere else."""

    check: Check
    token: str


@dataclass(frozen=True)
class Work:
    """What the holder of a lease is to evaluate; ``digest`` names it when the results come."""

    check: Check
    plan: Plan
    policy: Policy
    tasks: tuple[EvaluationTask, ...]
    digest: str


class LentChecks:
    """Lends checks, and takes in what workers elsewhere found.

    Parameters
    ----------
    lease_s
        How long a lease lasts that is not renewed, seconds of the database's clock.
    most_attempts
        How often a check is lent whose workers die; then it is an ERROR.
    """

    def __init__(self, store: Store, *, lease_s: float, most_attempts: int) -> None:
        self.lease_s = lease_s
        self._store = store
        self._most_attempts = most_attempts

    def waiting(self, repository: str, limit: int) -> list[Check]:
        """Return what waits for a worker elsewhere, oldest first, without plans."""
        return self._store.lent.waiting(repository, limit)

    def lend(self, check_id: str, who: str) -> Lease:
        """Lend a check that waits.

        Raises
        ------
        Conflict
            When it does not wait for a worker elsewhere, or was lent too often already.
        """
        token = f"gate_lease_{secrets.token_hex(32)}"
        check = self._store.lent.lend(check_id, f"elsewhere@{who}", self.lease_s, _digest(token))
        if check is None:
            raise Conflict(
                f"check {check_id} does not wait for a worker elsewhere",
                "it is done, is judged here, or another worker has it; GET /api/v1/leases lists what waits",
            )
        tries = check.attempt - check.handed_back
        if tries > self._most_attempts:
            give_up(self._store.checks, check, died_too_often(self._most_attempts))
            raise Conflict(f"check {check_id} was given up after {self._most_attempts} attempts", "ask again")
        log.info("check lent", check=check.id, attempt=check.attempt, to=who)
        return Lease(check, token)

    def held_by(self, check_id: str, token: str) -> Check:
        """Return the check whose lease this token holds; raises `AccessDenied` for every other."""
        # Ids are letters and digits; PostgreSQL refuses to look for a NUL.
        check = self._store.lent.held(check_id, _digest(token)) if check_id.isalnum() else None
        if check is None:
            raise _over()
        return check

    def work(self, check: Check) -> Work:
        """Return what the holder of the lease of `check` is to evaluate; raises `CouldNotTell`."""
        if check.plan is None:
            raise CouldNotTell(f"check {check.id} has no plan", "ask again")
        policy, _ = kept_policy(self._store.policies, check.policy_digest)
        tasks = tuple(tasks_left(check.plan, policy, check.evaluations))
        named = digest("work-1", check.id, check.attempt, check.policy_digest, tasks)
        return Work(check, check.plan, policy, tasks, named)

    def renew(self, check: Check) -> None:
        """Let a lease last anew; raises `AccessDenied` when it is over."""
        if not self._store.checks.renew({check.id: check.attempt}, self.lease_s):
            raise _over()

    def hand_back(self, check: Check) -> None:
        """End a lease whose holder did no harm; the check waits for the next."""
        if not self._store.checks.hand_back({check.id: check.attempt}):
            raise _over()
        log.info("check handed back", check=check.id, attempt=check.attempt)

    def hand_in(
        self, check: Check, work_digest: str, engine_version: str, evaluations: Mapping[int, Evaluation]
    ) -> Verdict:
        """End `check` with what its holder found, and its lease.

        What is not exactly its tasks, or of another engine, is an ERROR, never a pass.

        Raises
        ------
        Conflict
            When these are results of other work; nothing is written.
        AccessDenied
            When the lease ended meanwhile.
        """
        work = self.work(check)
        if work_digest != work.digest:
            raise Conflict(
                f"these are results of other work than attempt {check.attempt} at check {check.id}",
                "hand in what was found under this lease",
            )
        found = {**check.evaluations, **evaluations}
        failure = _fault(work, engine_version, evaluations)
        if failure is None:
            waivers = self._store.waivers.holding(check.repository, check.destination)
            verdict = decide(work.plan, found, work.policy, now(), waivers)
        else:
            verdict, found = could_not_tell(failure), dict(check.evaluations)
        written = remember(
            self._store.checks,
            check,
            verdict,
            plan=work.plan,
            evaluations=found,
            failure=failure,
            lakefs_calls=check.lakefs_calls or 0,
        )
        if not written:
            raise _over()
        if failure is None:
            for task in work.tasks:
                number = task.obligation.number
                self._store.evaluations.keep(lent_key(check, task.obligation), evaluations[number])
        log.info("results handed in", check=check.id, attempt=check.attempt, outcome=verdict.outcome.value)
        return verdict


def lent_key(check: Check, obligation: Obligation) -> str:
    """Digest that a worker elsewhere's evaluation is kept under, empty where it must not be.

    It speaks for the source commit that it was made for, into the same branch, and for nothing else: a worker
    that lies spoils no other check.
    """
    if not obligation.key or not check.source_commit:
        return ""
    return digest("lent-1", check.repository, check.destination, check.source_commit, obligation.key)


def _fault(work: Work, engine_version: str, evaluations: Mapping[int, Evaluation]) -> Problem | None:
    """Return why the results cannot be decided by."""
    if engine_version != ENGINE_VERSION:
        return Problem(
            "other_engine",
            f"the worker elsewhere judges by another engine than this gate ({ENGINE_VERSION})",
            "install the gate's version there, with its requirements.lock; then ask again",
        )
    given = {task.obligation.number: task for task in work.tasks}
    if evaluations.keys() != given.keys():
        return Problem(
            "other_tasks",
            f"the worker elsewhere was given {len(given)} tasks and handed in results of "
            f"{len(evaluations.keys() & given.keys())} of them, and of "
            f"{len(evaluations.keys() - given.keys())} others",
            "the log of that worker says more; then ask again",
        )
    for number, evaluation in evaluations.items():
        suite = given[number].suite
        if evaluation.results and _asked(suite) != _answered(evaluation):
            return Problem(
                "other_results",
                f"the worker elsewhere handed in other results than suite {suite.name} asks for",
                "the log of that worker says more; then ask again",
            )
    return None


def _asked(suite: Suite) -> Sequence[tuple[int, str, str]]:
    expectations = suite.content["expectations"]
    return [
        (number, item["type"], item.get("severity") or "critical") for number, item in enumerate(expectations)
    ]


def _answered(evaluation: Evaluation) -> Sequence[tuple[int, str, str]]:
    return [(result.number, result.expectation, result.severity) for result in evaluation.results]


def _over() -> AccessDenied:
    return AccessDenied(
        "this lease is over, or was never one of this check",
        "its results were handed in, its time ran out, or another worker has the check; take a new lease",
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
