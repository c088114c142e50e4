"""How the ways by which commits came can be told apart, and which of them can pretend to be another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gate_server.audit.arrivals import CHERRY_PICK, STRATEGY, arrival_of
from gate_server.lakefs.commits import parse_commit
from tests.contract.harness import Repository, refused, success
from tests.contract.test_cherry_pick import pick
from tests.contract.test_imports import start


@pytest.fixture
def forked(repo: Repository) -> Repository:
    """`work` has a commit that `main` has not."""
    repo.commit_files("main", {"a": "1"})
    repo.create_branch("work")
    repo.commit_files("work", {"b": "2"}, "brings b")
    return repo


def _merge(repo: Repository) -> None:
    repo.merge("work")


def _fast_forward(repo: Repository) -> None:
    """Merge where nothing was committed to main since: lakeFS makes a commit of two parents for that too."""
    repo.merge("work", message="Revert something")


def _squash(repo: Repository) -> None:
    repo.merge("work", squash_merge=True)


def _squash_by_source(repo: Repository) -> None:
    repo.merge("work", squash_merge=True, strategy="source-wins")


def _import(repo: Repository) -> None:
    assert start(repo, ("object", repo.stat("work", "b")["physical_address"], "c"))["completed"]


def _plain_revert(repo: Repository) -> None:
    repo.revert("main", repo.merge("work"), 1)


def _pick(repo: Repository) -> None:
    pick(repo, "work")


def _commit(repo: Repository) -> None:
    repo.commit_files("main", {"d": "1"})


def _commit_as_another(repo: Repository) -> None:
    repo.upload("main", "d", "1")
    repo.commit("main", "Revert nothing", metadata={CHERRY_PICK: "0" * 64, STRATEGY: "source-wins"})


@pytest.mark.behaviour("H7", "H5")
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_merge, "a merge"),
        (_fast_forward, "a merge"),
        (_squash, "looks like a squash merge"),
        (_squash_by_source, "looks like an import, or a squash merge"),
        (_import, "looks like an import, or a squash merge"),
        (_pick, "looks like a cherry-pick"),
        (_plain_revert, "looks like a revert by other means than the gate"),
        (_commit, "looks like a direct commit"),
        (_commit_as_another, "looks like a cherry-pick"),  # why it is only said to look like one
    ],
)
def test_how_a_commit_came(forked: Repository, make: Callable[[Repository], None], said: str) -> None:
    before = forked.head()
    make(forked)
    commit = parse_commit(forked.get_commit("main"))
    assert str(arrival_of(commit, source_asks=None)) == said
    assert before in [commit.parents[0], *parse_commit(forked.get_commit(commit.parents[0])).parents]


def test_a_reset_and_a_branch_made_anew_leave_the_line(forked: Repository) -> None:
    seen = forked.head()
    forked.commit_files("main", {"e": "1"})
    answer = forked.request("PUT", "branches", "main", "hard_reset", params={"ref": seen})
    assert answer.status_code == 204
    assert forked.head() == seen
    forked.create_branch("guarded")
    forked.commit_files("guarded", {"f": "1"})
    seen = forked.head("guarded")
    forked.delete_branch("guarded")
    forked.create_branch("guarded", "work")
    line = [commit["id"] for commit in forked.log("guarded", first_parent=True, stop_at=seen)]
    assert seen not in line
    assert line[0] == forked.head("work")


@pytest.mark.behaviour("H7")
def test_a_reset_of_a_protected_branch_is_refused(forked: Repository) -> None:
    forked.protect("main")
    answer = forked.request("PUT", "branches", "main", "hard_reset", params={"ref": "main~1"})
    refused(answer, 403)


def test_a_commits_first_parents_end_where_they_are_to(forked: Repository) -> None:
    merged = forked.merge("work")
    line = forked.log("main", first_parent=True, stop_at=forked.get_commit("main")["parents"][0])
    assert [commit["id"] for commit in line] == [merged, forked.get_commit(merged)["parents"][0]]
    assert success(forked.request("GET", "commits", merged))["parents"][0] == line[1]["id"]
