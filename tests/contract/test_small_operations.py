"""Operations that clients hardly see: what they may do, repository metadata, older calls for protection."""

from __future__ import annotations

import pytest

from tests.contract.harness import Lakefs, Repository, eventually, refused, success


def test_underlying_properties(repo: Repository) -> None:
    repo.upload("main", "a", "1")
    place = ("refs", "main", "objects", "underlyingProperties")
    assert success(repo.request("GET", *place, params={"path": "a"})) == {"storage_class": None}
    assert refused(repo.request("GET", *place, params={"path": "none"}), 404) == "not found"


@pytest.mark.parametrize(
    "place",
    [
        ("branches", "main", "objects", "stage_allowed"),
        ("branches", "none", "objects", "stage_allowed"),
        ("branch_protection", "set_allowed"),
    ],
)
def test_whoever_may_do_all_is_told_so(repo: Repository, place: tuple[str, ...]) -> None:
    answer = repo.request("GET", *place, params={"path": "a"} if "objects" in place else None)
    assert (answer.status_code, answer.content) == (204, b"")


def test_repository_metadata(lakefs: Lakefs, repo: Repository) -> None:
    assert success(repo.request("GET", "metadata")) == {}
    for metadata in ({"a": "1", "b": "2"}, {"b": "3"}):
        answer = repo.request("POST", "metadata", json={"metadata": metadata})
        assert (answer.status_code, answer.content) == (204, b"")
    assert success(repo.request("GET", "metadata")) == {"a": "1", "b": "3"}
    answer = repo.request("DELETE", "metadata", json={"keys": ["a", "none"]})
    assert (answer.status_code, answer.content) == (204, b"")
    assert success(repo.request("GET", "metadata")) == {"b": "3"}
    missing = lakefs.http.get("/repositories/none-of-this-name/metadata")
    assert refused(missing, 404) == "repository not found"


def test_older_calls_for_protection(repo: Repository) -> None:
    place = ("branch_protection",)
    assert success(repo.request("GET", *place)) == []
    for pattern in ("a*", "b*"):
        answer = repo.request("POST", *place, json={"pattern": pattern})
        assert (answer.status_code, answer.content) == (204, b"")
    eventually(lambda: success(repo.request("GET", *place)) == [{"pattern": "a*"}, {"pattern": "b*"}])
    answer = repo.request("DELETE", *place, json={"pattern": "a*"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert success(repo.request("GET", "settings", "branch_protection")) == [{"pattern": "b*"}]
    assert repo.request("DELETE", *place, json={"pattern": "none"}).status_code == 404


def test_garbage_collection_config(lakefs: Lakefs) -> None:
    assert set(success(lakefs.http.get("/config/garbage-collection"))) == {"grace_period"}
