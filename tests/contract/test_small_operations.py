"""Operations that clients hardly see: what they may do, repository metadata, older calls for protection."""

from __future__ import annotations

import pytest

from gate_server.lakefs.metaranges import ranges_of
from tests.contract.harness import Json, Lakefs, Repository, eventually, refused, success


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


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("POST", "/metadata", {"json": {"metadata": {"a": "b"}}}),
        ("DELETE", "/metadata", {"json": {"keys": ["a"]}}),
        ("GET", "/settings/branch_protection", {}),
        ("GET", "/branch_protection", {}),
        ("GET", "/tags", {}),
        ("GET", "/refs/main/merge/main", {}),
        ("GET", "/branches/main/staging/backing", {"params": {"path": "a"}}),
        ("GET", "/actions/runs/none/hooks", {}),
        ("DELETE", "/branches/main/import", {"params": {"id": "none"}}),
    ],
)
def test_of_a_repository_that_is_not_there(lakefs: Lakefs, method: str, path: str, options: Json) -> None:
    answer = lakefs.http.request(method, f"/repositories/none-of-this-name{path}", **options)
    assert refused(answer, 404) == "repository not found"


def test_of_a_reference_that_is_not_there(repo: Repository) -> None:
    for source, destination, side in (("none", "main", "branch"), ("main", "none", "ref")):
        answer = repo.request("GET", "refs", source, "merge", destination)
        assert refused(answer, 404) == f"get commit by {side} none: not found"


def test_no_more_than_a_thousand_are_deleted_at_once(repo: Repository) -> None:
    paths = [f"path-{number}" for number in range(1001)]
    answer = repo.request("POST", "branches", "main", "objects", "delete", json={"paths": paths})
    assert refused(answer, 400) == "request size exceeded, max paths is set to 1000"


def test_hooks_of_a_run_that_is_not_there(repo: Repository) -> None:
    assert repo.hook_runs("none") == []


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ({}, 200, {"content-length": "4"}),
        ({"range": "bytes=1-2"}, 206, {"content-length": "2", "content-range": "bytes 1-2/4"}),
        ({"range": "bytes=4-"}, 416, {}),
        ({"if-none-match": '"81dc9bdb52d04dc20036dbd8313ed055"'}, 200, {"content-length": "4"}),
    ],
)
def test_head_of_an_object(
    repo: Repository, asked: dict[str, str], status: int, expected: dict[str, str]
) -> None:
    repo.upload("main", "a", "1234", headers={"content-type": "text/csv"})
    answer = repo.request("HEAD", "refs", "main", "objects", params={"path": "a"}, headers=asked)
    assert (answer.status_code, answer.content) == (status, b"")
    alike = {
        "accept-ranges": "bytes",
        "cache-control": "no-store, must-revalidate",
        "content-type": "text/csv",
        "etag": '"81dc9bdb52d04dc20036dbd8313ed055"',
        "expires": "0",
    }
    dropped = {"date", "server", "connection", "last-modified", "x-request-id"}
    if status == 416:
        dropped.add("content-length")  # of an answer without a body; some servers leave it out
    told = {name: value for name, value in answer.headers.items() if name not in dropped}
    assert told == alike | expected


def test_head_of_what_is_not_there(repo: Repository) -> None:
    for ref, path in (("main", "none"), ("none", "a")):
        answer = repo.request("HEAD", "refs", ref, "objects", params={"path": path})
        assert (answer.status_code, answer.content) == (404, b"")
        assert "content-type" not in answer.headers
    assert repo.request("HEAD", "refs", "main", "objects", params={"path": ""}).status_code == 400


def test_head_is_answered_for_objects_alone(lakefs: Lakefs, repo: Repository) -> None:
    assert lakefs.http.head("/repositories").status_code == 404
    assert repo.request("HEAD", "branches", "main").status_code == 404


@pytest.mark.behaviour("C8")
def test_a_metarange_says_which_ranges_it_has(repo: Repository) -> None:
    repo.commit_files("main", {"a": "1", "b/1": "2", "ü": "3"})
    identity = success(repo.request("GET", "commits", "main"))["meta_range_id"]
    answer = repo.request("GET", "metadata", "object", "meta_range", identity)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/octet-stream")
    ranges = ranges_of(answer.content)
    assert (ranges[0].first, ranges[-1].last, sum(item.count for item in ranges)) == ("a", "ü", 3)
    # One more object at the end: what lies in ranges before it keeps their ids.
    repo.commit_files("main", {"ü": "4"})
    other = success(repo.request("GET", "commits", "main"))["meta_range_id"]
    after = ranges_of(repo.request("GET", "metadata", "object", "meta_range", other).content)
    assert [item.id for item in after[:-1]] == [item.id for item in ranges[:-1]]
    assert after[-1].id != ranges[-1].id
    missing = repo.request("GET", "metadata", "object", "meta_range", "none")
    assert refused(missing, 410) == "No data"
    presigned = repo.request("GET", "metadata", "object", "meta_range", identity, params={"presign": "true"})
    assert refused(presigned, 400) == "local adapter presigned URL: operation not supported"
    assert repo.request("GET", "metadata", "object", "other", identity).status_code == 400
