"""Cherry-picks."""

import pytest

from tests.contract.harness import Json, Repository, refused, success


def pick(repo: Repository, ref: str, **body: object) -> Json:
    commit: Json = success(repo.request("POST", "branches", "main", "cherry-pick", json={"ref": ref} | body))
    return commit


@pytest.fixture
def forked(repo: Repository) -> Repository:
    """`work` has two commits, b and then c, that `main` has not."""
    repo.commit_files("main", {"a": "1"})
    repo.create_branch("work")
    repo.commit_files("work", {"b": "2"}, "brings b")
    repo.commit_files("work", {"c": "3"}, "brings c")
    repo.commit_files("main", {"d": "4"})
    return repo


@pytest.mark.behaviour("H7")
def test_it_brings_one_commit(forked: Repository) -> None:
    before, origin = forked.head(), forked.get_commit("work")
    commit = pick(forked, "work")
    assert commit["id"] == forked.head()
    assert commit["parents"] == [before]
    assert commit["message"] == "brings c"
    assert commit["metadata"] == {
        "cherry-pick-committer": origin["committer"],
        "cherry-pick-origin": origin["id"],
    }
    assert forked.paths("main") == ["a", "c", "d"]


def test_overrides(forked: Repository) -> None:
    commit = pick(forked, "work", commit_overrides={"message": "other", "metadata": {"k": "v"}})
    assert commit["message"] == "other"
    assert commit["metadata"]["k"] == "v"
    assert commit["metadata"]["cherry-pick-origin"] == forked.head("work")


def test_conflict_and_unknown(forked: Repository) -> None:
    forked.commit_files("main", {"c": "other"})
    response = forked.request("POST", "branches", "main", "cherry-pick", json={"ref": "work"})
    assert refused(response, 409) == "update branch: conflict found"
    response = forked.request("POST", "branches", "main", "cherry-pick", json={"ref": "nope"})
    assert refused(response, 404) == "get commit from ref nope: not found"


def test_merge_commits_need_a_parent_number(forked: Repository) -> None:
    forked.create_branch("side", "main~1")
    forked.merge("main", "side", allow_empty=True)
    forked.merge("work", "side")
    response = forked.request("POST", "branches", "main", "cherry-pick", json={"ref": "side"})
    assert "must specify 1-based parent number" in refused(response, 400)
    response = forked.request(
        "POST", "branches", "main", "cherry-pick", json={"ref": "side", "parent_number": 3}
    )
    assert refused(response, 400) == "parent 3: given commit does not have the given parent number"
    pick(forked, "side", parent_number=1)
    assert forked.paths("main") == ["a", "b", "c", "d"]
