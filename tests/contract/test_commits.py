"""Commits and their log."""

from typing import Any

import pytest

from tests.contract.harness import Lakefs, Repository, refused, success


def messages(repo: Repository, ref: str = "main", **params: Any) -> list[str]:
    return [commit["message"] for commit in repo.log(ref, **params)]


def test_commit(repo: Repository) -> None:
    parent = repo.head()
    repo.upload("main", "a", "1")
    response = repo.try_commit(
        "main", "the message", metadata={"k": "v", "::lakefs::X::url[url:ui]": "http://x"}
    )
    assert response.status_code == 201
    commit = response.json()
    assert commit["message"] == "the message"
    assert commit["metadata"] == {"k": "v", "::lakefs::X::url[url:ui]": "http://x"}
    assert commit["parents"] == [parent]
    assert commit["committer"]
    assert commit["generation"] == 2
    assert len(commit["id"]) == len(commit["meta_range_id"]) == 64
    assert repo.get_commit(commit["id"]) == commit
    assert repo.head() == commit["id"]
    assert repo.uncommitted("main") == []


def test_nothing_to_commit(repo: Repository) -> None:
    assert refused(repo.try_commit("main"), 400) == "commit: no changes"
    repo.commit_files("main", {"a": "1"})
    repo.upload("main", "a", "2")
    repo.upload("main", "a", "1")
    assert refused(repo.try_commit("main"), 400) == "commit: no changes"


def test_empty_commit_when_allowed(repo: Repository) -> None:
    first = repo.commit_files("main", {"a": "1"})
    empty = repo.commit("main", "empty", allow_empty=True)
    assert empty["parents"] == [first["id"]]
    assert empty["meta_range_id"] == first["meta_range_id"]


def test_equal_commits_have_different_ids(repo: Repository) -> None:
    first, second = repo.commit("main", allow_empty=True), repo.commit("main", allow_empty=True)
    assert first["id"] != second["id"]


def test_date(repo: Repository) -> None:
    assert repo.commit("main", date=12345, allow_empty=True)["creation_date"] == 12345


def test_unknown_branch(repo: Repository) -> None:
    assert refused(repo.try_commit("nope"), 404)


def test_message_is_required(repo: Repository) -> None:
    response = repo.request("POST", "branches", "main", "commits", json={})
    assert "message" in refused(response, 400)


def test_uncommitted_changes(repo: Repository) -> None:
    repo.commit_files("main", {"a": "1", "b": "1", "c": "1"})
    repo.upload("main", "a", "2")
    repo.upload("main", "c", "1")  # the same again
    repo.delete("main", "b")
    repo.upload("main", "x/1", "1")
    repo.upload("main", "x/2", "1")
    expected = [("changed", "a"), ("removed", "b"), ("added", "x/1"), ("added", "x/2")]
    assert repo.uncommitted("main") == expected
    found = repo.pages("branches", "main", "diff", amount=1)
    assert [(entry["type"], entry["path"]) for entry in found] == expected
    folded = repo.pages("branches", "main", "diff", delimiter="/")
    assert [(entry["type"], entry["path_type"], entry["path"]) for entry in folded] == [
        ("changed", "object", "a"),
        ("removed", "object", "b"),
        ("prefix_changed", "common_prefix", "x/"),
    ]
    assert repo.commit("main")["id"] == repo.head()
    assert repo.uncommitted("main") == []
    assert refused(repo.request("GET", "branches", "nope", "diff"), 404) == "branch not found"


@pytest.mark.behaviour("R2")
def test_commit_of_another_metarange(repo: Repository) -> None:
    good = repo.commit_files("main", {"a": "1"})
    head = repo.commit_files("main", {"a": "2", "b": "2"})
    params = {"source_metarange": good["meta_range_id"]}
    commit = repo.commit("main", params=params)
    assert commit["parents"] == [head["id"]]
    assert commit["meta_range_id"] == good["meta_range_id"]
    assert repo.contents("main") == {"a": b"1"}
    repo.upload("main", "dirty", "1")
    message = refused(repo.try_commit("main", params=params), 400)
    assert message == "cannot use source MetaRange on a branch with uncommitted changes"


@pytest.fixture
def history(repo: Repository) -> Repository:
    """main: Repository created, one, two, the merge of side (which holds beside), three."""
    repo.commit_files("main", {"a": "1"}, "one")
    repo.create_branch("side")
    repo.commit_files("side", {"s/1": "1"}, "beside")
    repo.commit_files("main", {"b": "1"}, "two")
    repo.merge("side", message="merged")
    repo.commit_files("main", {"a": "2"}, "three")
    return repo


@pytest.mark.parametrize("amount", [1, 2, 1000])
def test_log(history: Repository, amount: int) -> None:
    found = messages(history, amount=amount)
    assert found[:2] == ["three", "merged"]
    assert sorted(found[2:4]) == ["beside", "two"]
    assert found[4:] == ["one", "Repository created"]


@pytest.mark.behaviour("R6")
@pytest.mark.parametrize("amount", [1, 1000])
def test_log_by_first_parents(history: Repository, amount: int) -> None:
    found = messages(history, first_parent=True, amount=amount)
    assert found == ["three", "merged", "two", "one", "Repository created"]


def test_log_of_a_commit_and_after(history: Repository) -> None:
    line = history.log("main", first_parent=True)
    assert messages(history, line[3]["id"]) == ["one", "Repository created"]
    assert messages(history, "main~3") == ["one", "Repository created"]
    after = messages(history, "main", first_parent=True, after=line[1]["id"])
    assert after == ["two", "one", "Repository created"]


def test_log_of_some_objects(history: Repository) -> None:
    assert messages(history, objects=["a"]) == ["three", "one"]
    assert messages(history, prefixes=["s/"]) == ["beside"]
    assert messages(history, prefixes=["s/"], first_parent=True) == []  # merge commits are passed over
    assert messages(history, objects=["nope"]) == []


def test_log_bounds(history: Repository) -> None:
    stop = history.log("main", first_parent=True)[2]["id"]
    assert messages(history, first_parent=True, stop_at=stop) == ["three", "merged", "two"]
    assert messages(history, since="2999-01-01T00:00:00Z") == []
    limited = success(history.request("GET", "refs", "main", "commits", params={"amount": 1, "limit": True}))
    assert len(limited["results"]) == 1
    assert limited["pagination"]["has_more"] is False


def test_log_of_nothing(repo: Repository) -> None:
    assert refused(repo.request("GET", "refs", "nope", "commits"), 404) == "ref: not found"
    assert refused(repo.request("GET", "commits", "0" * 64), 404) == "commit not found"


@pytest.mark.parametrize("kind", ["meta_range", "range"])
def test_where_ranges_would_lie(lakefs: Lakefs, repo: Repository, kind: str) -> None:
    answer = repo.request("GET", "metadata", kind, "abc", follow_redirects=False)
    assert (answer.status_code, answer.json()) == (200, {"location": "_lakefs/abc"})
    assert answer.headers["location"] == "_lakefs/abc"
    missing = lakefs.http.get(f"/repositories/none-of-this-name/metadata/{kind}/abc")
    assert refused(missing, 404) == "repository not found"
