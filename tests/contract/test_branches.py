"""Branches: names, hiding, listing, deleting, resetting."""

from typing import Any

import pytest

from tests.contract.harness import Repository, refused, success


def names(repo: Repository, **params: Any) -> list[str]:
    return [branch["id"] for branch in repo.pages("branches", **params)]


def test_created_branch_is_at_its_source(repo: Repository) -> None:
    head = repo.head()
    response = repo.request("POST", "branches", json={"name": "work", "source": "main"})
    assert response.status_code == 201
    assert response.text == head
    assert response.headers["content-type"].startswith("text/")
    assert success(repo.request("GET", "branches", "work")) == {"id": "work", "commit_id": head}


def test_source_may_be_any_reference(repo: Repository) -> None:
    first = repo.head()
    second = repo.commit_files("main", {"a": "1"})["id"]
    assert repo.create_branch("by-id", first) == first
    assert repo.create_branch("by-expression", "main~1") == first
    assert repo.create_branch("by-short-id", second[:12]) == second


def test_staged_data_stays_behind(repo: Repository) -> None:
    repo.upload("main", "staged", "x")
    repo.create_branch("work")
    assert repo.paths("work") == []
    assert repo.uncommitted("work") == []


def test_name_taken(repo: Repository) -> None:
    repo.create_branch("work")
    response = repo.request("POST", "branches", json={"name": "work", "source": "main"})
    assert refused(response, 409) == "branch already exists: not unique"


def test_unknown_source(repo: Repository) -> None:
    response = repo.request("POST", "branches", json={"name": "work", "source": "nope"})
    assert refused(response, 404) == "source reference 'nope': not found"


@pytest.mark.behaviour("C7")
@pytest.mark.parametrize("name", ["a/b", "a.b", "a b", "ü", "-a", "main~1", "a@b", "a:b"])
def test_names_hold_letters_digits_underscores_and_dashes(repo: Repository, name: str) -> None:
    response = repo.request("POST", "branches", json={"name": name, "source": "main"})
    assert "must consist of letters, digits, underscores and dashes" in refused(response, 400)


@pytest.mark.behaviour("C7")
@pytest.mark.parametrize("name", ["a", "_hidden", "A-b_1", "x" * 300, "0123abcd"])
def test_allowed_names(repo: Repository, name: str) -> None:
    repo.create_branch(name)
    assert repo.head(name) == repo.head()


def test_unknown_branch(repo: Repository) -> None:
    assert refused(repo.request("GET", "branches", "nope"), 404) == "branch not found"
    assert refused(repo.request("DELETE", "branches", "nope"), 404) == "branch not found"
    assert (
        refused(repo.request("GET", "branches", repo.head()), 404) == "branch not found"
    )  # a commit is none
    assert "invalid value" in refused(repo.request("GET", "branches", "no.pe"), 400)


@pytest.mark.behaviour("R1")
def test_hidden_branch_is_listed_only_when_asked_for(repo: Repository) -> None:
    repo.create_branch("secret", hidden=True)
    repo.create_branch("work")
    assert names(repo) == ["main", "work"]
    assert names(repo, show_hidden=True) == ["main", "secret", "work"]
    assert repo.head("secret") == repo.head()


def test_pages_prefix_and_after(repo: Repository) -> None:
    made = sorted(f"work-{number}" for number in range(5))
    for name in made:
        repo.create_branch(name)
    assert names(repo, amount=2) == ["main", *made]
    assert names(repo, prefix="work") == made
    assert names(repo, prefix="work", after="work-2") == ["work-3", "work-4"]
    page = success(repo.request("GET", "branches", params={"amount": 2}))
    assert page["pagination"] == {
        "has_more": True,
        "max_per_page": 1000,
        "next_offset": "work-0",
        "results": 2,
    }


def test_delete(repo: Repository) -> None:
    repo.create_branch("work")
    repo.upload("work", "staged", "x")
    assert repo.request("DELETE", "branches", "work").status_code == 204
    assert names(repo) == ["main"]
    repo.create_branch("work")
    assert repo.paths("work") == []  # what was staged went with the branch


def test_default_branch_cannot_be_deleted(repo: Repository) -> None:
    message = refused(repo.request("DELETE", "branches", "main"), 403)
    assert message == "cannot delete repository default branch"


def test_reset_drops_what_is_staged(repo: Repository) -> None:
    repo.commit_files("main", {"a": "1", "x/1": "1"})
    for path in ("a", "b", "x/1", "x/2"):
        repo.upload("main", path, "staged")

    def reset(**body: str) -> None:
        assert repo.request("PUT", "branches", "main", json=body).status_code == 204

    reset(type="object", path="a")
    assert [path for _, path in repo.uncommitted("main")] == ["b", "x/1", "x/2"]
    reset(type="common_prefix", path="x/")
    assert repo.uncommitted("main") == [("added", "b")]
    reset(type="reset")
    assert repo.uncommitted("main") == []
    assert repo.contents("main") == {"a": b"1", "x/1": b"1"}
    assert refused(repo.request("PUT", "branches", "main", json={"type": "all"}), 400)


@pytest.mark.behaviour("H7")
def test_hard_reset_moves_the_head(repo: Repository) -> None:
    first = repo.head()
    repo.commit_files("main", {"a": "1"})
    assert repo.request("PUT", "branches", "main", "hard_reset", params={"ref": "main~1"}).status_code == 204
    assert repo.head() == first
    response = repo.request("PUT", "branches", "main", "hard_reset", params={"ref": "nope"})
    assert refused(response, 404) == "hard-reset main to nope: not found"
