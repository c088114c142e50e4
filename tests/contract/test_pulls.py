"""Pull requests: made, listed, changed, and merged through the hooks."""

from typing import Any

import pytest

from tests.contract.action_files import FOLDER, action, lua, refusal
from tests.contract.harness import Json, Lakefs, Repository, refused, success

NOWHERE = "0" * 20  # the form of an id, and of none that is


@pytest.fixture
def worked(lakefs: Lakefs) -> Repository:
    """Return a repository whose branch `work` adds `new`."""
    repo = lakefs.create_repository(files={"a": "1"})
    repo.create_branch("work")
    repo.commit_files("work", {"new": "new"})
    return repo


def try_open(repo: Repository, source: str = "work", destination: str = "main", **body: Any) -> Any:
    asked = {"title": "a wish", "source_branch": source, "destination_branch": destination} | body
    return repo.request("POST", "pulls", json=asked)


def opened(repo: Repository, source: str = "work", destination: str = "main", **body: Any) -> str:
    response = try_open(repo, source, destination, **body)
    assert response.status_code == 201
    assert set(response.json()) == {"id"}
    return str(response.json()["id"])


def pull(repo: Repository, pull_id: str) -> Json:
    found: Json = success(repo.request("GET", "pulls", pull_id))
    return found


def change(repo: Repository, pull_id: str, **changes: str) -> None:
    assert repo.request("PATCH", "pulls", pull_id, json=changes).status_code == 204


def try_merge(repo: Repository, pull_id: str) -> Any:
    return repo.request("PUT", "pulls", pull_id, "merge")


def test_a_pull_request_from_beginning_to_end(worked: Repository) -> None:
    before = worked.head()
    pull_id = opened(worked, description="why")
    made = pull(worked, pull_id)
    assert made.pop("creation_date") > "2020"
    assert made == {
        "id": pull_id,
        "status": "open",
        "title": "a wish",
        "description": "why",
        "author": worked.get_commit("work")["committer"],
        "source_branch": "work",
        "destination_branch": "main",
    }
    merge = success(try_merge(worked, pull_id))
    assert merge == {"reference": worked.head()}
    commit = worked.get_commit("main")
    assert (commit["message"], commit["parents"]) == (
        "Merge 'work' into 'main'",
        [before, worked.head("work")],
    )
    merged = pull(worked, pull_id)
    assert (merged["status"], merged["merged_commit_id"]) == ("merged", commit["id"])
    assert merged["closed_date"] > merged["creation_date"]
    assert refused(try_merge(worked, pull_id), 400) == "bad pull request status"


def test_changes(worked: Repository) -> None:
    pull_id = opened(worked, description="why")
    change(worked, pull_id)
    change(worked, pull_id, title="other", description="")
    made = pull(worked, pull_id)
    assert (made["title"], made["description"], made["status"]) == ("other", "", "open")
    assert "closed_date" not in made
    change(worked, pull_id, status="closed")
    closed = pull(worked, pull_id)
    assert (closed["status"], closed["title"]) == ("closed", "other")
    assert refused(try_merge(worked, pull_id), 400) == "bad pull request status"
    change(worked, pull_id, status="open")
    assert pull(worked, pull_id) == closed | {"status": "open"}
    success(try_merge(worked, pull_id))
    # nothing keeps anybody from saying otherwise
    change(worked, pull_id, status="open")
    assert pull(worked, pull_id)["merged_commit_id"] == worked.head()
    assert refused(try_merge(worked, pull_id), 400) == "update branch main: no changes"
    assert refused(worked.request("PATCH", "pulls", pull_id, json={"status": "huh"}), 400)
    assert refused(worked.request("PATCH", "pulls", pull_id), 400)


def test_pages(worked: Repository) -> None:
    first, closed, merged, last = (opened(worked, title=f"wish {number}") for number in range(4))
    change(worked, closed, status="closed")
    success(try_merge(worked, merged))
    listed = worked.pages("pulls", amount=3)
    assert sorted(item["id"] for item in listed) == sorted([first, closed, merged, last])
    assert {item["status"] for item in listed} == {"open", "closed", "merged"}
    assert not any("description" in item or "merged_commit_id" in item for item in listed)
    assert {item["id"] for item in worked.pages("pulls", amount=1, status="open")} == {first, last}
    assert {item["id"] for item in worked.pages("pulls", amount=1, status="closed")} == {closed, merged}
    assert [item["title"] for item in worked.pages("pulls", prefix=last)] == ["wish 3"]
    assert worked.pages("pulls", after="zz") == worked.pages("pulls", prefix="zz") == []
    assert refused(worked.request("GET", "pulls", params={"status": "merged"}), 400)


@pytest.mark.parametrize(
    ("source", "destination", "status", "message"),
    [
        ("main", "main", 400, "source and destination branches are the same: same branch validation error"),
        ("nope", "nope", 400, "source and destination branches are the same: same branch validation error"),
        ("nope", "main", 404, "branch not found"),
        ("work", "nope", 404, "branch not found"),
        ("a b", "main", 400, "argument src: branch id: invalid value: validation error"),
        ("a b", "a/b", 400, "argument dest: branch id: invalid value: validation error"),
        ("", "main", 500, "argument src: required value: validation error"),
    ],
)
def test_what_cannot_be_asked_for(
    worked: Repository, source: str, destination: str, status: int, message: str
) -> None:
    assert refused(try_open(worked, source, destination), status) == message
    assert worked.pages("pulls") == []


def test_a_commit_is_no_branch(worked: Repository) -> None:
    assert refused(try_open(worked, worked.head("work")), 404) == "branch not found"
    no_title = {"source_branch": "work", "destination_branch": "main"}
    assert 'property "title" is missing' in refused(worked.request("POST", "pulls", json=no_title), 400)


@pytest.mark.parametrize(
    ("method", "more"), [("GET", []), ("PATCH", []), ("PUT", ["merge"])], ids=["get", "update", "merge"]
)
def test_what_is_not_there(worked: Repository, method: str, more: list[str]) -> None:
    body = {"json": {"title": "x"}} if method == "PATCH" else {}
    assert refused(worked.request(method, "pulls", NOWHERE, *more, **body), 404) == "pull request not found"
    for pull_id in ("nope", "d" * 20, NOWHERE + "0"):
        message = refused(worked.request(method, "pulls", pull_id, *more, **body), 400)
        assert message == "argument pullRequestID: pull request id: invalid value: validation error"


def test_merges_that_cannot_be(worked: Repository) -> None:
    """The request stays open, and can be merged once that is mended."""
    pull_id = opened(worked)
    worked.upload("main", "staged")
    assert refused(try_merge(worked, pull_id), 400) == "uncommitted changes (dirty branch)"
    worked.delete("main", "staged")
    worked.commit_files("main", {"new": "other"})
    assert refused(try_merge(worked, pull_id), 409) == "update branch main: conflict found"
    worked.commit_files("work", {"new": "other"})
    success(try_merge(worked, pull_id))
    again = opened(worked)
    assert refused(try_merge(worked, again), 400) == "update branch main: no changes"
    worked.delete_branch("work")
    message = refused(try_merge(worked, again), 404)
    assert message == "update branch main: get commit by ref work: not found"
    assert pull(worked, again)["status"] == "open"


@pytest.mark.behaviour("H1", "K2")
def test_a_merge_passes_through_the_hooks(worked: Repository) -> None:
    gate = action("gate", ["pre-merge"], lua("ask_lua", "require('hook').fail('bad data')"))
    worked.commit_files("work", {FOLDER + "gate.yaml": gate})
    pull_id, before = opened(worked), worked.head()
    message = refused(try_merge(worked, pull_id), 412)
    [run] = worked.runs()
    reason = refusal("pre-merge", "ask_lua", "bad data", run_id=run["run_id"])
    assert message == f"update branch main: {reason}"
    assert (worked.head(), pull(worked, pull_id)["status"]) == (before, "open")
    worked.delete("work", FOLDER + "gate.yaml")
    worked.commit("work")
    success(try_merge(worked, pull_id))


def test_a_read_only_repository(lakefs: Lakefs) -> None:
    repo = lakefs.create_repository(read_only=True)
    success(repo.request("POST", "branches", json={"name": "work", "source": "main", "force": True}))
    assert refused(try_merge(repo, opened(repo)), 403) == "read-only repository"
