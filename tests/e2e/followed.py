"""Following step by step, in the test's own process: what a look finds, and what a worker then judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gate_server.audit.automatic import AutomaticReverts
from gate_server.audit.follow import Follows
from gate_server.audit.line import Step
from gate_server.audit.walk import Audit, audit
from gate_server.checks.active import ActivePolicy
from gate_server.checks.judge import Judge
from gate_server.checks.policies import KnownPolicies, keep_policy
from gate_server.checks.service import CheckService
from gate_server.checks.watching import Watcher
from gate_server.model import (
    Evaluation,
    EvaluationTask,
    Event,
    Format,
    Policy,
    Problem,
    Result,
    Revert,
    Rule,
    Suite,
)
from gate_server.policy.digests import policy_digest
from gate_server.reverts import RevertContext
from gate_server.store.records import Answer
from tests.contract.harness import Repository

LEASE_S = 60.0
ASKS = Rule("all", ("**.csv",), "suite", Format("csv"))


def policy_of(*rules: Rule, **more: Any) -> Policy:
    """Return a policy that takes back what is failing."""
    suites = {"suite": Suite("suite", {"expectations": []})}
    policy = Policy(rules or (ASKS,), suites, **{"on_unverified_fail": "revert", **more})
    return replace(policy, digest=policy_digest(policy))


def evaluate(_repository: str, tasks: Sequence[EvaluationTask], _told: object = None) -> Sequence[Evaluation]:
    """Evaluate by name: what is called bad is bad, what is called odd cannot be told."""
    return [_evaluated(task.obligation.target) for task in tasks]


def _evaluated(path: str) -> Evaluation:
    if "odd" in path:
        return Evaluation("error", problem=Problem("test", "nobody can tell"))
    good = "bad" not in path
    result = Result(0, "expect_it", good, "it holds" if good else "it does not hold")
    return Evaluation("answered", (result,), rows=1)


class Followed:
    """A guarded main that is followed whenever the test says so."""

    def __init__(self, context: RevertContext, repository: Repository, *, most_an_hour: int = 100) -> None:
        self.context, self.store, self.repository = context, context.store, repository
        self.policy = policy_of()
        self.installed = repository.head()
        self.install()
        reverts = AutomaticReverts(context, most_an_hour=most_an_hour)
        self.follow = Follows(context, self._active, reverts)
        self.watch = Watcher(context.lakefs, self.store, self._active, evaluate, reverts.take_back_watched)
        policies = KnownPolicies(self.store.policies, lambda _: ())
        self._judge = Judge(context.lakefs, self.store, policies, evaluate, "1")

    def install(self) -> None:
        """Record that the gate was installed on main, as it is now."""
        self.store.installations.record(self.repository.name, "main", {}, self.repository.head())

    def audit(self) -> Audit:
        """Audit main."""
        return audit(self.context, self.repository.name, "main")

    def _active(self) -> Policy:
        keep_policy(self.store.policies, self.policy)
        return self.policy

    def commit(self, *paths: str, branch: str = "main", content: str = "x\n") -> str:
        """Commit objects directly; their names say what they are."""
        return str(self.repository.commit_files(branch, dict.fromkeys(paths, content))["id"])

    def judge(self) -> int:
        """Judge all that waits; return how many there were."""
        done = 0
        while (check := self.store.checks.claim("worker", LEASE_S)) is not None:
            self._judge.judge(check)
            done += 1
        return done

    def look(self, times: int = 1) -> None:
        """Look at the branches, and judge what that asks for."""
        for _ in range(times):
            self.follow()
            self.judge()

    def steps(self, branch: str = "main") -> dict[str, Step]:
        """Return what an audit says, by commit."""
        found = audit(self.context, self.repository.name, branch)
        return {step.commit.id: step for step in found.line.steps}

    def states(self, *commits: str) -> list[str]:
        """Return what an audit says of `commits`."""
        steps = self.steps()
        return [steps[commit].state.value for commit in commits]

    def made(self) -> list[Revert]:
        """Return the reverts that made a commit, newest first."""
        return [item for item in self.store.reverts.listed(repository=self.repository.name) if item.commit_id]

    def told(self, commit: str, kind: str = "audit.held_back") -> list[Mapping[str, Any]]:
        """Return what the ledger holds of a kind about a commit."""
        return [item.content for item in self.store.ledger.of_subject(commit) if item.kind == kind]

    def paths(self) -> set[str]:
        """Return what main holds."""
        return set(self.repository.contents("main"))

    def judge_by_hook(self, commit: str) -> None:
        """Have a commit judged as lakeFS's hook asks, by the policy of its base, and told."""
        event = Event("pre-merge", self.repository.name, "main", "", "main", commit)
        active = ActivePolicy(self._active(), self.store.policies, self._active)
        service = CheckService(self.context.lakefs, self.store, active)
        asked = service.ask_by_hook(event, "lakeFS")
        self.judge()
        assert asked.check is not None
        check = self.store.checks.get(asked.check.id)
        assert check is not None
        service.answered(asked, check.verdict)

    def post_event(self, commit: str, outcome: str) -> None:
        """Record what the hook would answer about a commit to whoever has its token."""
        event = {"repository": self.repository.name, "destination": "main", "commit_id": commit}
        answer = Answer(200 if outcome == "PASS" else 412, outcome, "")
        self.store.asks.create("hook", "somebody", event, "a check", answer)
