"""Reverts of one commit."""

import pytest

from tests.contract.harness import Repository, refused

BUTTON = "::lakefs::Gate::url[url:ui]"


@pytest.fixture
def history(repo: Repository) -> Repository:
    """`main`: a=1 and b=1, then a=2, then c added."""
    repo.commit_files("main", {"a": "1", "b": "1"})
    repo.commit_files("main", {"a": "2"})
    repo.commit_files("main", {"c": "3"})
    return repo


@pytest.mark.behaviour("R4")
def test_it_undoes_one_commit_by_a_new_one(history: Repository) -> None:
    before = history.head()
    response = history.try_revert("main", "main~1")
    assert (response.status_code, response.content) == (204, b"")
    commit = history.get_commit("main")
    assert commit["parents"] == [before]
    assert commit["message"] == "Revert main~1"
    assert commit["metadata"] == {}
    assert history.contents("main") == {"a": b"1", "b": b"1", "c": b"3"}


@pytest.mark.behaviour("R4", "R10")
def test_overrides(history: Repository) -> None:
    metadata = {"k": "v", BUTTON: "http://gate.example/reverts/1"}
    overrides = {"message": "the message", "metadata": metadata}
    commit = history.revert("main", "main", commit_overrides=overrides)
    assert commit["message"] == "the message"
    assert commit["metadata"] == metadata
    assert history.contents("main") == {"a": b"2", "b": b"1"}


@pytest.mark.behaviour("R4")
def test_a_dirty_branch_is_refused(history: Repository) -> None:
    history.upload("main", "dirty", "x")
    assert refused(history.try_revert("main", "main"), 400) == "uncommitted changes (dirty branch)"


@pytest.mark.behaviour("R5")
def test_nothing_to_change(history: Repository) -> None:
    undone, before = history.get_commit("main~1")["id"], history.get_commit("main")
    history.revert("main", undone)
    assert refused(history.try_revert("main", undone), 400) == "update branch: no changes"
    commit = history.revert("main", undone, allow_empty=True)
    assert commit["meta_range_id"] == history.get_commit("main~1")["meta_range_id"] != before["meta_range_id"]


def test_conflict(history: Repository) -> None:
    changed = history.get_commit("main~1")["id"]
    before = history.commit_files("main", {"a": "3"})["id"]
    assert refused(history.try_revert("main", changed), 409) == "update branch: conflict found"
    assert history.head() == before


def test_unknown(history: Repository) -> None:
    assert refused(history.try_revert("main", "nope"), 404) == "get commit from ref nope: not found"
    assert refused(history.try_revert("nope", "main"), 404) == "branch not found"
    response = history.request("POST", "branches", "main", "revert", json={"ref": "main"})
    assert "parent_number" in refused(response, 400)


@pytest.mark.behaviour("R4")
def test_parent_numbers(history: Repository) -> None:
    message = refused(history.try_revert("main", "main", 2), 400)
    assert message == "given commit does not have the given parent number: parent 2"
    history.revert("main", "main", 1)
    assert history.paths("main") == ["a", "b"]


@pytest.mark.behaviour("R4")
def test_merge_commits_need_a_parent_number(history: Repository) -> None:
    history.create_branch("work")
    history.commit_files("work", {"w": "1"})
    history.commit_files("main", {"m": "1"})
    merge = history.merge("work")
    message = refused(history.try_revert("main", merge), 409)
    assert message == "must specify 1-based parent number for reverting merge commit"
    assert refused(history.try_revert("main", merge, 3), 400)
    history.create_branch("other")
    history.revert("main", merge, 1)
    assert history.paths("main") == ["a", "b", "c", "m"]
    history.revert("other", merge, 2)
    assert history.paths("other") == ["a", "b", "c", "w"]


@pytest.mark.behaviour("R9")
def test_a_reverted_merge_is_not_brought_back_by_merging_again(history: Repository) -> None:
    history.create_branch("work")
    history.commit_files("work", {"first": "one"})
    history.revert("main", history.merge("work"), 1)
    assert refused(history.try_merge("work"), 400) == "update branch main: no changes"
    history.commit_files("work", {"second": "two"})
    history.merge("work")
    assert history.paths("main") == ["a", "b", "c", "second"]


def test_the_first_commit(repo: Repository) -> None:
    assert refused(repo.try_revert("main", repo.head()), 400) == "update branch: no changes"
