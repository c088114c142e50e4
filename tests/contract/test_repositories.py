"""Repositories."""

import pytest

from tests.contract.harness import Lakefs, Repository, eventually, refused, success


def test_new_repository(lakefs: Lakefs, repo: Repository) -> None:
    found = success(lakefs.http.get(f"/repositories/{repo.name}"))
    assert found["id"] == repo.name
    assert found["default_branch"] == "main"
    assert found["storage_namespace"] == f"local://{repo.name}"
    assert found["read_only"] is False
    assert isinstance(found["creation_date"], int)


def test_first_commit(repo: Repository) -> None:
    [first] = repo.log("main")
    assert first["message"] == "Repository created"
    assert first["parents"] == []
    assert first["meta_range_id"] == ""
    assert first["generation"] == 1
    assert repo.paths("main") == []


def test_other_default_branch(lakefs: Lakefs) -> None:
    repo = lakefs.create_repository(default_branch="trunk")
    assert [branch["id"] for branch in repo.pages("branches")] == ["trunk"]


def test_name_taken(lakefs: Lakefs, repo: Repository) -> None:
    body = {"name": repo.name, "storage_namespace": f"local://{repo.name}-other"}
    message = refused(lakefs.http.post("/repositories", json=body), 409)
    assert message == "error creating repository: not unique"


@pytest.mark.parametrize("name", ["", "ab", "Upper", "under_score", "-dash", "dot.ted", "x" * 64])
def test_invalid_names(lakefs: Lakefs, name: str) -> None:
    body = {"name": name, "storage_namespace": "local://invalid-name"}
    assert refused(lakefs.http.post("/repositories", json=body), 400)


@pytest.mark.parametrize("missing", ["name", "storage_namespace"])
def test_required_fields(lakefs: Lakefs, missing: str) -> None:
    body = {"name": "some-name", "storage_namespace": "local://some-name"}
    del body[missing]
    assert missing in refused(lakefs.http.post("/repositories", json=body), 400)


def test_unknown_repository(lakefs: Lakefs) -> None:
    for path in (
        "",
        "/branches",
        "/branches/main",
        "/refs/main/objects/ls",
        "/refs/main/commits",
        "/actions/runs",
    ):
        assert refused(lakefs.http.get(f"/repositories/no-such-one{path}"), 404) == "repository not found"


def test_deleted_repository(lakefs: Lakefs) -> None:
    name = lakefs.create_repository().name
    assert lakefs.http.delete(f"/repositories/{name}").status_code == 204
    assert refused(lakefs.http.delete(f"/repositories/{name}"), 404) == "repository not found"
    eventually(lambda: lakefs.http.get(f"/repositories/{name}").status_code == 404)  # cached for some seconds


def test_pages_and_prefix(lakefs: Lakefs) -> None:
    names = sorted(lakefs.create_repository().name for _ in range(3))

    params: dict[str, str | int] = {"prefix": "contract-", "amount": 1, "after": names[0]}
    first = success(lakefs.http.get("/repositories", params=params))
    assert len(first["results"]) == 1
    assert first["results"][0]["id"] > names[0]
    assert first["pagination"]["has_more"] is True
    assert first["pagination"]["next_offset"] == first["results"][0]["id"]
    assert (
        success(lakefs.http.get("/repositories", params={"prefix": names[0]}))["results"][0]["id"] == names[0]
    )
    assert success(lakefs.http.get("/repositories", params={"prefix": "no-such"}))["results"] == []


@pytest.mark.parametrize("amount", ["1001", "-2", "many"])
def test_amount_out_of_bounds(lakefs: Lakefs, amount: str) -> None:
    message = refused(lakefs.http.get("/repositories", params={"amount": amount}), 400)
    assert message.startswith('parameter "amount" in query has an error')
