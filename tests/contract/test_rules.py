"""Random operations, each answered as the model of lakeFS's rules says, and nothing else changed by it."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.contract import rules
from tests.contract.harness import Lakefs, success

RUNS = int(os.environ.get("GATE_TEST_RULES", "12"))
NAMES = ["main", "a", "b"]
# A few in one folder, so that both sides of a merge meet; some that must not be taken for one another.
PATHS = ["t/1", "t/2", "t/2/x", "t//2", "a b%2F+é", "/lead", "\U0001f600", "z" * 1024]
branches = st.sampled_from(NAMES)
paths = st.sampled_from(PATHS)
strategies = st.sampled_from(["", "", "source-wins", "dest-wins"])


class Machine(RuleBasedStateMachine):
    """One repository and its model."""

    lakefs: Lakefs
    """Which server; set by the test."""

    @initialize()
    def begin(self) -> None:
        self.repo = self.lakefs.create_repository()
        self.state = rules.first_state(self.repo)
        self.contents = 0

    def known(self, name: str) -> str:
        """Return a branch that there is."""
        return name if name in self.state.branches else "main"

    def a_commit(self, number: int) -> str | None:
        """Return one of the commits that were made here, if there are any."""
        found = list(self.state.commits)[2:]
        return found[number % len(found)] if found else None

    def a_content(self) -> str:
        self.contents += 1
        return f"{self.repo.name} {self.contents}"

    def do(self, step: rules.Step) -> None:
        step.send(self.repo)
        made = step.commits_on if step.status < 400 else ""
        commit_id = self.repo.head(made) if made else ""
        self.state = step.after(self.state, commit_id)
        if made:
            assert tuple(self.repo.get_commit(made)["parents"]) == self.state.commits[commit_id].parents
        assert rules.told(self.repo) == rules.expected(self.state), step

    @rule(branch=branches, path=paths)
    def upload(self, branch: str, path: str) -> None:
        self.do(rules.upload(self.state, self.known(branch), path, self.a_content()))

    @rule(branch=branches, path=paths)
    def stage(self, branch: str, path: str) -> None:
        branch = self.known(branch)
        place = ("branches", branch, "staging", "backing")
        address = success(self.repo.request("GET", *place, params={"path": path}))
        claimed = rules.checksum(self.a_content())
        self.do(rules.stage(self.state, branch, path, address, claimed))

    @rule(branch=branches, path=paths)
    def delete(self, branch: str, path: str) -> None:
        self.do(rules.delete(self.state, self.known(branch), path))

    @rule(branch=branches)
    def commit(self, branch: str) -> None:
        self.do(rules.commit(self.state, self.known(branch)))

    @rule(branch=branches, path=paths)
    def upload_and_commit(self, branch: str, path: str) -> None:
        self.upload(branch, path)
        self.commit(branch)

    @rule(name=branches, source=branches)
    def create_branch(self, name: str, source: str) -> None:
        self.do(rules.create_branch(self.state, name, self.known(source)))

    @rule(name=branches)
    def delete_branch(self, name: str) -> None:
        self.do(rules.delete_branch(self.state, name))

    @rule(name=st.sampled_from(["t1", "t2"]), source=branches)
    def create_tag(self, name: str, source: str) -> None:
        self.do(rules.create_tag(self.state, name, self.known(source)))

    @rule(name=st.sampled_from(["t1", "t2"]))
    def delete_tag(self, name: str) -> None:
        self.do(rules.delete_tag(self.state, name))

    @rule(source=branches, destination=branches, strategy=strategies)
    def merge(self, source: str, destination: str, strategy: str) -> None:
        source, destination = self.known(source), self.known(destination)
        base = rules.merge_base(self.state, self.repo, source, destination)
        self.do(rules.merge(self.state, source, destination, base, strategy))

    @rule(branch=branches, number=st.integers(0, 99))
    def revert(self, branch: str, number: int) -> None:
        if commit_id := self.a_commit(number):
            self.do(rules.revert(self.state, self.known(branch), commit_id))

    @rule(branch=branches)
    def revert_the_last(self, branch: str) -> None:
        branch = self.known(branch)
        head = self.state.branches[branch].head
        if self.a_commit(0) and head != list(self.state.commits)[1]:
            self.do(rules.revert(self.state, branch, head))

    @rule(branch=branches, number=st.integers(0, 99))
    def cherry_pick(self, branch: str, number: int) -> None:
        if commit_id := self.a_commit(number):
            self.do(rules.cherry_pick(self.state, self.known(branch), commit_id))

    @rule(branch=branches)
    def reset(self, branch: str) -> None:
        self.do(rules.reset(self.state, self.known(branch)))

    @rule(branch=branches, path=st.sampled_from(["", "t", "t/", "t/2", "nothing"]))
    def reset_prefix(self, branch: str, path: str) -> None:
        self.do(rules.reset_under(self.state, self.known(branch), path, prefix=True))

    @rule(branch=branches, path=paths)
    def reset_path(self, branch: str, path: str) -> None:
        self.do(rules.reset_under(self.state, self.known(branch), path, prefix=False))

    @rule(branch=branches, number=st.integers(0, 99))
    def hard_reset(self, branch: str, number: int) -> None:
        if commit_id := self.a_commit(number):
            self.reset(branch)  # else what was staged is looked at against another commit
            self.do(rules.hard_reset(self.state, self.known(branch), commit_id))


@pytest.mark.behaviour("C4", "C5", "R4", "R5")
def test_random_operations_follow_the_rules(lakefs: Lakefs) -> None:
    class OnThisServer(Machine):
        pass

    OnThisServer.lakefs = lakefs
    run_state_machine_as_test(
        OnThisServer,
        settings=settings(
            max_examples=RUNS,
            # No shrinking: commits are named by their second, so no run is like another.
            phases=[Phase.generate],
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
