"""The calls of lakectl 1.84, command by command, as it sends them: recorded between it and a server."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.contract.action_files import FOLDER, action, lua
from tests.contract.harness import Json, Lakefs, Repository, eventually, refused, success

FORM = "--b0undary\r\nContent-Disposition: form-data; {}\r\nContent-Type: {}\r\n\r\n{}\r\n--b0undary--\r\n"
LOG = {"after": "", "amount": 1000, "first_parent": "false", "limit": "false", "stop_at": ""}


@pytest.fixture
def repo(lakefs: Lakefs) -> Repository:
    """Made as `repo create` and `branch create` make it."""
    made = lakefs.create_repository(sample_data=False)
    success(made.request("POST", "branches", json={"name": "work", "source": "main"}))
    return made


def upload(repo: Repository, path: str, content: str, *, content_type: str = "") -> Json:
    """`fs upload`: a form; with --content-type its part is named after its file."""
    name = "filename=f; name=content" if content_type else 'name="content"; filename="f"'
    form = FORM.format(name, content_type or "application/octet-stream", content)
    headers = {"content-type": "multipart/form-data; boundary=b0undary"}
    answer = repo.try_upload("work", path, form, headers=headers)
    assert answer.status_code == 201, answer.text
    stats: Json = answer.json()
    return stats


def commit(repo: Repository, message: str, **more: Any) -> Json:
    body = {"allow_empty": False, "message": message, "metadata": {}} | more
    made: Json = success(repo.request("POST", "branches", "work", "commits", json=body))
    return made


def merge(repo: Repository, message: str = "") -> Any:
    body = {"allow_empty": False, "force": False, "message": message, "metadata": {}}
    return repo.try_merge("work", **body, squash_merge=False, strategy="")


def log(repo: Repository, ref: str = "work", **more: Any) -> list[str]:
    query = urlencode(LOG | more, doseq=True)
    page = success(repo.lakefs.http.get(f"/repositories/{repo.name}/refs/{ref}/commits?{query}"))
    return [item["message"] for item in page["results"]]


def test_the_server_is_no_enterprise_one(lakefs: Lakefs) -> None:
    """Asked before every command; another context than this has lakectl print a warning."""
    config = success(lakefs.http.get("/config"))
    assert config["version_config"]["version_context"] == "lakeFS"
    assert config["storage_config"]["blockstore_type"] == "local"
    assert config["storage_config"]["import_support"] is True


def test_repo_and_branch(lakefs: Lakefs, repo: Repository) -> None:
    body = {"name": repo.name, "storage_namespace": f"local://{repo.name}-x", "sample_data": False}
    again = lakefs.http.post("/repositories", json=body | {"default_branch": "main"})
    assert refused(again, 409) == "error creating repository: not unique"
    listed = success(lakefs.http.get("/repositories?after=&amount=100&prefix=" + repo.name))
    assert [item["id"] for item in listed["results"]] == [repo.name]
    page = success(repo.request("GET", "branches", params={"after": "", "amount": 100, "prefix": ""}))
    assert [item["id"] for item in page["results"]] == ["main", "work"]
    again = repo.request("POST", "branches", json={"name": "work", "source": "main"})
    assert refused(again, 409) == "branch already exists: not unique"
    assert success(repo.request("GET", "branches", "work"))["commit_id"] == repo.head("main")
    assert repo.request("DELETE", "branches", "work").status_code == 204
    assert lakefs.http.delete(f"/repositories/{repo.name}").status_code == 204


def test_fs(repo: Repository) -> None:
    assert upload(repo, "t/f.csv", "a,b\n1,2\n")["content_type"] == "application/octet-stream"
    assert upload(repo, "t/g.csv", "x", content_type="text/csv")["content_type"] == "text/csv"
    upload(repo, "d/sub/t wo", "2\n")
    ls = ("refs", "work", "objects", "ls")
    top = success(repo.request("GET", *ls, params={"after": "", "delimiter": "/", "prefix": ""}))
    assert [(item["path"], item["path_type"]) for item in top["results"]] == [
        ("d/", "common_prefix"),
        ("t/", "common_prefix"),
    ]
    flat = {"after": "", "delimiter": "", "prefix": ""}  # ls -r
    deep = success(repo.request("GET", *ls, params=flat))
    assert [item["path"] for item in deep["results"]] == ["d/sub/t wo", "t/f.csv", "t/g.csv"]
    shown = {"presign": "false", "user_metadata": "true"}
    stats = success(repo.request("GET", *ls[:3], "stat", params={"path": "t/f.csv"} | shown))
    assert (stats["size_bytes"], stats["path_type"]) == (8, "object")
    missing = repo.request("GET", *ls[:3], "stat", params={"path": "none"} | shown)
    assert refused(missing, 404) == "not found"
    assert missing.reason_phrase == "Not Found"
    read = repo.lakefs.http.get(
        f"/repositories/{repo.name}/refs/work/objects?path=d%2Fsub%2Ft+wo&presign=false"
    )
    assert read.content == b"2\n"
    metadata = ("branches", "work", "objects", "stat", "user_metadata")
    answer = repo.request("PUT", *metadata, params={"path": "t/f.csv"}, json={"set": {"k": "v"}})
    assert answer.status_code == 204
    assert repo.stat("work", "t/f.csv")["metadata"] == {"k": "v"}
    for path in ("t/g.csv", "none"):  # rm
        removed = repo.request("DELETE", "branches", "work", "objects", params={"path": path})
        assert removed.status_code == 204
    deletion = repo.request("POST", "branches", "work", "objects", "delete", json={"paths": ["d/sub/t wo"]})
    assert success(deletion) == {"errors": []}  # rm -r, a call for each
    claim = {"checksum": "abc", "content_type": "", "metadata": {}, "size_bytes": 3}
    staged = repo.request(
        "PUT", "branches", "work", "objects", params={"path": "s"},
        json=claim | {"physical_address": "local:///not/allowed"},
    )  # fmt: skip
    assert refused(staged, 403) == "forbidden"
    assert repo.paths("work") == ["t/f.csv"]


def test_commit_diff_log_annotate(repo: Repository) -> None:
    upload(repo, "t/f.csv", "1")
    upload(repo, "d/one", "2")
    changes = success(repo.request("GET", "branches", "work", "diff", params={"after": "", "amount": 50}))
    assert [(item["type"], item["path"]) for item in changes["results"]] == [
        ("added", "d/one"),
        ("added", "t/f.csv"),
    ]
    assert commit(repo, "the first", metadata={"a": "b"})["metadata"] == {"a": "b"}
    nothing = repo.request(
        "POST", "branches", "work", "commits", json={"allow_empty": False, "message": "n", "metadata": {}}
    )
    assert refused(nothing, 400) == "commit: no changes"
    commit(repo, "empty", allow_empty=True)
    for more in ({}, {"type": "two_dot"}):
        found = success(
            repo.request("GET", "refs", "main", "diff", "work", params={"after": "", "prefix": ""} | more)
        )
        assert [item["path"] for item in found["results"]] == ["d/one", "t/f.csv"]
    everything = ["empty", "the first", "Repository created"]
    assert log(repo) == everything  # --dot asks the same
    assert log(repo, amount=1) == everything[:1]
    assert log(repo, since="2020-01-01T00:00:00Z") == everything
    assert log(repo, since="2099-01-01T00:00:00Z") == []
    assert log(repo, objects="t/f.csv") == ["the first"]
    assert log(repo, prefixes="d/", first_parent="true") == ["the first"]
    annotated = {"amount": 1, "first_parent": "false", "limit": "true", "objects": "d/one"}
    page = success(repo.request("GET", "refs", "work", "commits", params=annotated))
    assert [item["message"] for item in page["results"]] == ["the first"]
    shown = success(repo.request("GET", "commits", "work"))
    assert (shown["message"], shown["generation"]) == ("empty", 3)


def test_merge_revert_cherry_pick(repo: Repository) -> None:
    upload(repo, "a", "1")
    commit(repo, "one")
    merged = success(merge(repo, "merge it"))["reference"]
    assert refused(merge(repo), 400) == "update branch main: no changes"
    body = {"allow_empty": False, "parent_number": 1, "ref": "main"}
    assert repo.request("POST", "branches", "main", "revert", json=body).status_code == 204
    assert repo.paths("main@") == []
    wrong = repo.request("POST", "branches", "main", "revert", json=body | {"ref": "lakefs://r/main"})
    assert refused(wrong, 404) == "get commit from ref lakefs://r/main: not found"
    picked = repo.request("POST", "branches", "main", "cherry-pick", json={"ref": merged, "parent_number": 1})
    assert picked.status_code == 201
    assert (picked.json()["message"], repo.paths("main@")) == ("merge it", ["a"])


def test_branch_reset(repo: Repository) -> None:
    for body in (
        {"type": "object", "path": "t/f"},
        {"type": "common_prefix", "path": "t/"},
        {"type": "reset"},
    ):
        upload(repo, "t/f", "1")
        assert repo.request("PUT", "branches", "work", json=body).status_code == 204
        assert repo.uncommitted("work") == []


def test_tag(repo: Repository) -> None:
    head = repo.head("main")
    created = repo.request("POST", "tags", json={"id": "v1", "ref": "main"})
    assert (created.status_code, created.json()) == (201, {"id": "v1", "commit_id": head})
    again = repo.request("POST", "tags", json={"id": "v1", "ref": "main"})
    assert refused(again, 409) == "tag already exists: not unique"
    page = success(repo.request("GET", "tags", params={"after": "", "amount": 100, "prefix": ""}))
    assert page["results"] == [{"id": "v1", "commit_id": head}]
    assert success(repo.request("GET", "tags", "v1"))["commit_id"] == head
    assert repo.request("DELETE", "tags", "v1").status_code == 204
    assert repo.request("GET", "tags", "v1").status_code == 404


def test_branch_protect(repo: Repository) -> None:
    """Each change reads the rules and writes them back if nobody else did."""
    rules = ("settings", "branch_protection")
    before = repo.request("GET", *rules)
    assert before.json() == []
    assert repo.request("PUT", *rules, json=[{"pattern": "rel-*"}]).status_code == 204

    def listed() -> Json | None:
        answer = repo.request("GET", *rules)
        return {"etag": answer.headers["etag"]} if answer.json() == [{"pattern": "rel-*"}] else None

    known = eventually(listed)
    assert known is not None
    stale = repo.request("PUT", *rules, json=[], headers={"If-Match": "c3RhbGU="})
    refused(stale, 412)
    assert repo.request("PUT", *rules, json=[], headers={"If-Match": known["etag"]}).status_code == 204


def test_actions_runs(repo: Repository) -> None:
    upload(repo, FOLDER + "a.yaml", action("a one", ["pre-commit"], lua("h_one", "print(1)")))

    def ran() -> list[Json]:
        commit(repo, "again", allow_empty=True)
        page = success(repo.request("GET", "actions", "runs", params={"after": "", "amount": 100}))
        results: list[Json] = page["results"]
        return results

    run = eventually(ran)[0]  # lakeFS reads the branch's actions anew after some seconds (H1)
    described = success(repo.request("GET", "actions", "runs", run["run_id"]))
    assert (described["event_type"], described["status"]) == ("pre-commit", "completed")
    place = ("actions", "runs", run["run_id"], "hooks")
    (hook,) = success(repo.request("GET", *place, params={"after": "", "amount": 1000}))["results"]
    assert (hook["hook_id"], hook["action"], hook["status"]) == ("h_one", "a one", "completed")
    assert "1" in repo.output(run["run_id"], hook["hook_run_id"])
    missing = repo.request("GET", "actions", "runs", "none")
    assert refused(missing, 404) == "not found: not found"
