"""Watches: a policy's rules held against all that a branch holds, after each merge or at intervals.

A look is no merge: nothing is let through by it, and no merge is ever answered by it. What was evaluated
before, by a merge or an earlier look, comes from the cache, so a look again costs what is new.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from gate_server.checks.judge import Evaluator
from gate_server.checks.remembering import answer_of
from gate_server.checks.repository_policies import RepositoryPolicies
from gate_server.engine.version import ENGINE_VERSION
from gate_server.errors import GateError, NotFound
from gate_server.lakefs.changes import held_at, listed
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.listings import Listings
from gate_server.lakefs.objects import read_heads
from gate_server.model import (
    Candidate,
    Change,
    ChangeKind,
    Changes,
    Commit,
    Evaluation,
    Outcome,
    Plan,
    Policy,
    Problem,
    StoredObject,
    Verdict,
    Watch,
)
from gate_server.policy.decide import could_not_tell, decide
from gate_server.policy.globs import literal_prefix
from gate_server.policy.plan import applied_rules, compared_with, looked_into, make_plan
from gate_server.policy.requirements import HEAD_BYTES
from gate_server.policy.tasks import tasks_left
from gate_server.policy.watches import watched_rules
from gate_server.store.store import Store
from gate_server.store.times import now
from gate_server.store.watches import Look
from gate_server.telemetry import metrics

AGAIN_AFTER_S = 60.0  # what could not be told is looked at again
PRINCIPAL = "watch"
GOOD = (Outcome.PASS, Outcome.WARN)

TakeBack = Callable[[str, str, Commit, Callable[[], str], str], None]

log = structlog.get_logger()


@dataclass(frozen=True)
class _Found:
    """What came of holding rules against all that a commit holds."""

    verdict: Verdict
    plan: Plan | None
    evaluations: Mapping[int, Evaluation]
    failure: Problem | None


class Watcher:
    """Does what is due of a policy's watches.

    The branches are those that the gate was installed on, and those that a watch names without a pattern.

    Parameters
    ----------
    active
        Gives the policy that is asked by now.
    evaluate
        What reads the data, in a child that can be killed.
    take_back
        Puts a branch back from its head to the commit that its argument finds, at which all is in order, and
        says why; it decides itself whether that may be, and is called as long as the head stays bad.
    """

    def __init__(
        self,
        lakefs: LakeFS,
        store: Store,
        active: Callable[[], Policy],
        evaluate: Evaluator,
        take_back: TakeBack,
    ) -> None:
        self._store = store
        self._active = active
        self._evaluate = evaluate
        self._take_back = take_back
        self._no_better: dict[tuple[str, ...], float] = {}  # where it would not go back to, and since when
        self._lakefs = lakefs
        self._commits = Commits(lakefs)
        self._listings = Listings(lakefs)
        self._in_repository = RepositoryPolicies(lakefs, self._listings, store.policies)

    def __call__(self) -> None:
        """Look at each branch where a look is due; what goes wrong at one does not keep from the others."""
        active = self._active()
        for repository, branch in sorted(
            set(self._store.installations.places()) | set(named_branches(active))
        ):
            try:
                self._look_at_branch(active, repository, branch)
            except (OperationalError, InterfaceError):
                raise  # the database is away: nothing can be told of any
            except GateError as error:
                log.warning(
                    "watch could not look", repository=repository, branch=branch, reason=error.message
                )
            except Exception:
                log.exception("watch could not look", repository=repository, branch=branch)

    def _look_at_branch(self, active: Policy, repository: str, branch: str) -> None:
        if not active.watch and not active.in_repository:
            return
        try:
            head = self._commits.head(repository, branch)
        except NotFound:
            return  # deleted, or not there yet
        policy = self._in_repository.governing(repository, branch, head, active)
        for watch in policy.watch:
            rules = watched_rules(policy, watch, repository, branch)
            last = self._store.watches.last(watch.name, repository, branch)
            watched = replace(policy, rules=rules)
            if rules and is_due(watch, last, head, policy):
                self._look(watch, watched, repository, branch, head, last)
            elif (
                rules
                and last is not None
                and watch.on_fail == "revert"
                and self._is_still_bad(last, watched, repository, branch, head)
            ):
                self._revert(watch, watched, repository, branch, head, last.check_id, last)

    def _look(
        self, watch: Watch, policy: Policy, repository: str, branch: str, head: Commit, last: Look | None
    ) -> None:
        found = self._found(policy, repository, branch, head)
        verdict = found.verdict
        check_id = self._record(watch, policy, Candidate(repository, branch, head, None, head), found)
        self._store.watches.looked(
            watch.name,
            repository,
            branch,
            commit_id=head.id,
            policy_digest=policy.digest,
            outcome=verdict.outcome.value,
            check_id=check_id,
            passed=verdict.outcome in GOOD,
        )
        metrics.watched.labels(watch.name, verdict.outcome.value).inc()
        tell = log.info if verdict.outcome in GOOD else log.error
        tell(
            "watched",
            watch=watch.name,
            repository=repository,
            branch=branch,
            head=head.id,
            outcome=verdict.outcome.value,
            summary=verdict.summary,
            check=check_id,
            was=last.outcome if last else "",
        )
        if verdict.outcome is Outcome.FAIL and watch.on_fail == "revert":
            self._revert(watch, policy, repository, branch, head, check_id, last)

    def _is_still_bad(self, last: Look, policy: Policy, repository: str, branch: str, head: Commit) -> bool:
        """Whether a head that was found bad is so still: what was to be done then may not have been."""
        if last.outcome != Outcome.FAIL.value or last.commit_id != head.id:
            return False
        check = self._store.checks.get(last.check_id)
        if check is None or check.plan is None:
            return False
        waivers = self._store.waivers.holding(repository, branch)
        return decide(check.plan, check.evaluations, policy, now(), waivers).outcome is Outcome.FAIL

    def _revert(
        self,
        watch: Watch,
        policy: Policy,
        repository: str,
        branch: str,
        head: Commit,
        check_id: str,
        last: Look | None,
    ) -> None:
        def good() -> str:
            """Return where the branch was in order, if it is so by what is held against it now."""
            then = last.passed_commit if last else ""
            key = (watch.name, repository, branch, then)
            if not then or time.monotonic() - self._no_better.get(key, -AGAIN_AFTER_S) < AGAIN_AFTER_S:
                return ""
            # By the policy of today, and its waivers, it may be no better than the head.
            commit = self._commits.get(repository, then)
            if self._found(policy, repository, branch, commit).verdict.outcome in GOOD:
                return then
            self._no_better[key] = time.monotonic()
            return ""

        why = f"watch {watch.name} found bad data (check {check_id})"
        self._take_back(repository, branch, head, good, why)

    def _found(self, policy: Policy, repository: str, branch: str, head: Commit) -> _Found:
        plan: Plan | None = None
        evaluations: Mapping[int, Evaluation] = {}
        try:
            changes = self._everything(policy, repository, branch, head)
            candidate = Candidate(repository, branch, head, None, head)
            wanted = compared_with(applied_rules(policy, repository, branch).rules, changes)
            references = held_at(self._commits, self._listings, repository, wanted)
            plan = make_plan(
                policy,
                candidate,
                changes,
                engine_version=ENGINE_VERSION,
                references=references,
                heads=read_heads(self._lakefs, repository, looked_into(policy.rules, changes), HEAD_BYTES),
            )
            evaluations = self._evaluations(repository, plan, policy)
        except GateError as error:
            failure = Problem(error.code, error.message, error.hint)
            return _Found(could_not_tell(failure), plan, evaluations, failure)
        waivers = self._store.waivers.holding(repository, branch)
        return _Found(decide(plan, evaluations, policy, now(), waivers), plan, evaluations, None)

    def _everything(self, policy: Policy, repository: str, branch: str, head: Commit) -> Changes:
        """Return all that the head holds under the rules, as if it was new.

        What is compared with the destination is compared with what the branch held one commit before, as it
        was when that was judged.
        """
        prefixes = applied_rules(policy, repository, branch).prefixes
        result = listed(self._listings, repository, head, prefixes)
        base: Mapping[str, StoredObject] = {}
        if head.parents and any(suite.compares for suite in policy.suites.values()):
            base = listed(
                self._listings, repository, self._commits.get(repository, head.parents[0]), prefixes
            )
        every = tuple(Change(path, ChangeKind.ADDED, None, item) for path, item in sorted(result.items()))
        return Changes(under_rules=every, result=result, base=base)

    def _evaluations(self, repository: str, plan: Plan, policy: Policy) -> dict[int, Evaluation]:
        kept = self._store.evaluations
        cached = kept.find([item.key for item in plan.obligations if item.key])
        found = {item.number: cached[item.key] for item in plan.obligations if item.key in cached}
        tasks = tasks_left(plan, policy, found)
        for task, evaluation in zip(tasks, self._evaluate(repository, tasks), strict=True):
            kept.keep(task.obligation.key, evaluation)
            found[task.obligation.number] = evaluation
        return found

    def _record(self, watch: Watch, policy: Policy, candidate: Candidate, found: _Found) -> str:
        """Keep a check for its page, and the ask; nothing finds them as a merge's verdict."""
        checks = self._store.checks
        check = checks.create(candidate, f"watch {watch.name}", policy.digest, worker=PRINCIPAL)
        checks.finish(
            check,
            verdict=found.verdict,
            plan=found.plan,
            evaluations=found.evaluations,
            failure=found.failure,
            reusable=False,
            lakefs_calls=0,
        )
        # Not as `commit_id`: to the record that says that the commit was judged as it came in.
        event = {
            "watch": watch.name,
            "repository": candidate.repository,
            "destination": candidate.destination,
            "head": candidate.base.id,
        }
        self._store.asks.create("watch", PRINCIPAL, event, check.id, answer_of(found.verdict))
        return check.id


def is_due(watch: Watch, last: Look | None, head: Commit, policy: Policy) -> bool:
    """Whether a watch is to look at a branch with this head again, after its last look."""
    if last is None or last.policy_digest != policy.digest:
        return True
    if last.outcome == Outcome.ERROR.value:
        return last.age_s >= AGAIN_AFTER_S
    if watch.after_merge and last.commit_id != head.id:
        return True
    return watch.every_s is not None and last.age_s >= watch.every_s


def named_branches(policy: Policy) -> Iterable[tuple[str, str]]:
    """Return the branches that watches name without a pattern, each with its repository."""
    for watch in policy.watch:
        for repository in watch.repositories:
            for branch in watch.branches:
                if literal_prefix(repository) == repository and literal_prefix(branch) == branch:
                    yield repository, branch
