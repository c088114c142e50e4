"""A suite over the commits that a branch already holds: how often, and on what, it would have blocked."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from gate_server.engine.version import ENGINE_VERSION
from gate_server.errors import NotFound
from gate_server.lakefs.changes import ChangeFinder, held_at
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.listings import Listings
from gate_server.lakefs.objects import read_heads
from gate_server.model import (
    Candidate,
    Commit,
    Enforcement,
    Evaluation,
    EvaluationTask,
    Plan,
    Policy,
    Verdict,
)
from gate_server.policy.decide import decide
from gate_server.policy.globs import covering_prefixes, matches
from gate_server.policy.plan import GATE_FILES, applied_rules, compared_with, looked_into, make_plan
from gate_server.policy.requirements import HEAD_BYTES
from gate_server.policy.targets import concerns
from gate_server.policy.tasks import tasks_left
from gate_server.store.times import now

Evaluate = Callable[[str, Sequence[EvaluationTask]], Sequence[Evaluation]]
MOST_COMMITS = 1_000


@dataclass(frozen=True)
class Trial:
    """One commit, as it would have been judged when it came."""

    commit: Commit
    verdict: Verdict


class History:
    """Judges past commits of a branch by rules of today, each against its first parent.

    Parameters
    ----------
    evaluate
        The runner's, as the engine runs in a child only.
    """

    def __init__(self, lakefs: LakeFS, evaluate: Evaluate) -> None:
        self._lakefs = lakefs
        self._evaluate = evaluate
        self._commits = Commits(lakefs)
        self._listings = Listings(lakefs)
        self._changes = ChangeFinder(lakefs, self._commits, self._listings, covering_prefixes(GATE_FILES))
        self._known: dict[str, Evaluation] = {}

    def trials(self, policy: Policy, repository: str, branch: str, last: int) -> Iterator[Trial]:
        """Yield the verdicts on the `last` commits that the policy's rules have something to say to.

        Newest first; at most `MOST_COMMITS` commits are looked at. Waivers do not count, and nothing is
        remembered.
        """
        found = 0
        for place, commit in enumerate(self._commits.first_parents(repository, branch)):
            if found == last or place == MOST_COMMITS or not commit.parents:
                return
            verdict = self._verdict(policy, repository, branch, commit)
            if verdict is not None:
                found += 1
                yield Trial(commit, verdict)

    def _verdict(self, policy: Policy, repository: str, branch: str, commit: Commit) -> Verdict | None:
        parent = self._commits.get(repository, commit.parents[0])
        source = self._commits.get(repository, commit.parents[1]) if len(commit.parents) > 1 else commit
        candidate = Candidate(repository, branch, parent, commit, source)
        applied = applied_rules(policy, repository, branch)
        changes = replace(self._changes.of(candidate, applied.prefixes), gate_files=())
        touched = [change.path for change in changes.under_rules]
        if not any(concerns(rule, path) for rule in applied.rules for path in touched):
            return None
        references = compared_with(applied.rules, changes)
        plan = make_plan(
            policy,
            candidate,
            changes,
            engine_version=ENGINE_VERSION,
            references=held_at(self._commits, self._listings, repository, references),
            heads=read_heads(self._lakefs, repository, looked_into(applied.rules, changes), HEAD_BYTES),
        )
        return decide(plan, self._evaluations(policy, repository, plan), policy, now())

    def _evaluations(self, policy: Policy, repository: str, plan: Plan) -> dict[int, Evaluation]:
        known = {item.number: self._known[item.key] for item in plan.obligations if item.key in self._known}
        tasks = tasks_left(plan, policy, known)
        for task, evaluation in zip(tasks, self._evaluate(repository, tasks) if tasks else (), strict=True):
            known[task.obligation.number] = evaluation
            if task.obligation.key and evaluation.is_lasting:
                self._known[task.obligation.key] = evaluation
        return known


def only(policy: Policy, suite: str, repository: str, branch: str) -> Policy:
    """Return the policy with the rules alone that use `suite` there, as if each did block.

    Raises
    ------
    NotFound
        When there is none.
    """
    rules = tuple(
        replace(rule, enforcement=Enforcement.BLOCK)
        for rule in policy.rules
        if suite in (rule.suite, rule.name)
        and matches(repository, rule.repositories)
        and matches(branch, rule.branches)
    )
    if not rules:
        known = sorted({rule.suite or rule.name for rule in policy.rules})
        near = [
            f"did you mean {name}? " for name in difflib.get_close_matches(suite, known, 1) if name != suite
        ]
        raise NotFound(
            f"no rule of {policy.path} uses a suite {suite} for {repository}/{branch}",
            f"{''.join(near)}there are: {', '.join(known)}; a rule with `enforcement: off` will do",
        )
    return replace(policy, rules=rules, waivers=(), unmatched="pass")
