"""Objects: upload, read, ranges, statistics, delete, copy, metadata, odd keys."""

import hashlib

import httpx
import pytest

from tests.contract.harness import Lakefs, Repository, refused, success

ODD_KEYS = [
    "a b",
    "%41",
    "a//b",
    "/lead",
    "trail/",
    "é/ü",
    "日本",
    "q?&=+#;",
    "a%2Fb",
    ".",
    "..",
    "_SUCCESS",
    "it's",
    "<&>",
]


@pytest.mark.behaviour("C1")
def test_upload_answers_what_stat_answers(repo: Repository) -> None:
    response = repo.try_upload("main", "dir/a.txt", "hello", headers={"content-type": "text/plain"})
    assert response.status_code == 201
    stats = response.json()
    assert stats["checksum"] == hashlib.md5(b"hello").hexdigest()  # computed by the server
    assert stats["size_bytes"] == 5
    assert stats["path"] == "dir/a.txt"
    assert stats["path_type"] == "object"
    assert stats["content_type"] == "text/plain"
    assert stats["physical_address"].startswith("local://")
    assert repo.stat("main", "dir/a.txt") == stats


def test_upload_as_a_form(repo: Repository) -> None:
    upload = repo.request(
        "POST",
        "branches",
        "main",
        "objects",
        params={"path": "a.csv"},
        files={"content": ("ignored.txt", b"1,2", "text/csv")},
    )
    assert success(upload)["content_type"] == "text/csv"
    assert repo.read("main", "a.csv") == b"1,2"


def test_every_upload_gets_its_own_address(repo: Repository) -> None:
    first = repo.upload("main", "a", "same")
    second = repo.upload("main", "b", "same")
    assert first["physical_address"] != second["physical_address"]


def test_upload_overwrites(repo: Repository) -> None:
    repo.upload("main", "a", "one")
    repo.upload("main", "a", "two")
    assert repo.read("main", "a") == b"two"
    assert repo.uncommitted("main") == [("added", "a")]


@pytest.mark.behaviour("C5")
@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys(repo: Repository, key: str) -> None:
    repo.commit_files("main", {key: key})
    assert repo.read("main", key) == key.encode()
    assert repo.stat("main", key)["path"] == key
    assert repo.paths("main@") == [key]
    repo.delete("main", key)
    assert repo.uncommitted("main") == [("removed", key)]


@pytest.mark.behaviour("C5")
def test_keys_are_flat_and_in_byte_order(repo: Repository) -> None:
    keys = [
        "a",
        "a/",
        "a//b",
        "a/b",
        "a0",
        "B",
        "é",
        "z",
        "_SUCCESS",
        "日本",
        "a\u0001",
        "\U0001f600",
        "\uffee",
    ]
    repo.commit_files("main", dict.fromkeys(keys, ""))
    assert repo.paths("main") == sorted(keys, key=str.encode)
    assert repo.contents("main")["a//b"] == b""


def try_metadata(repo: Repository, branch: str, path: str, **metadata: str) -> httpx.Response:
    place = ("branches", branch, "objects", "stat", "user_metadata")
    return repo.request("PUT", *place, params={"path": path}, json={"set": metadata})


def test_metadata_and_content_type(repo: Repository) -> None:
    headers = {"x-lakefs-meta-Owner": "Team A", "content-type": "text/csv; charset=utf-8"}
    repo.upload("main", "a", "1", headers=headers)
    assert repo.stat("main", "a")["metadata"] == {"owner": "Team A"}  # header names come in lower case
    assert repo.stat("main", "a")["content_type"] == "text/csv; charset=utf-8"
    without = repo.request(
        "GET", "refs", "main", "objects", "stat", params={"path": "a", "user_metadata": False}
    )
    assert success(without)["metadata"] == {}
    success(try_metadata(repo, "main", "a", owner="Team B", checked="yes"))
    assert repo.stat("main", "a")["metadata"] == {"owner": "Team B", "checked": "yes"}
    assert repo.read("main", "a") == b"1"


def test_metadata_of_what_is_not_there(lakefs: Lakefs, repo: Repository) -> None:
    assert refused(try_metadata(repo, "main", "none", a="b"), 404) == (
        f"update user metadata on {repo.name}/main/none: not found"
    )
    assert refused(try_metadata(repo, "none", "a", a="b"), 404) == "branch not found"
    nowhere = try_metadata(Repository(lakefs, "none-of-this-name"), "main", "a", a="b")
    assert nowhere.status_code == 204  # lakeFS forgets this error


@pytest.mark.behaviour("C6")
@pytest.mark.parametrize(
    ("asked", "got", "content_range"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=8-200", b"89", "bytes 8-9/10"),
    ],
)
def test_ranges(repo: Repository, asked: str, got: bytes, content_range: str) -> None:
    repo.upload("main", "a", "0123456789")
    response = repo.try_read("main", "a", headers={"range": asked})
    assert response.status_code == 206
    assert response.content == got
    assert response.headers["content-range"] == content_range
    assert response.headers["content-length"] == str(len(got))


@pytest.mark.behaviour("C6")
def test_ranges_that_cannot_be_served(repo: Repository) -> None:
    repo.upload("main", "a", "0123456789")
    beyond = repo.try_read("main", "a", headers={"range": "bytes=10-20"})
    assert refused(beyond, 416) == "Requested Range Not Satisfiable"
    assert beyond.headers["content-range"] == "bytes */10"
    assert refused(repo.try_read("main", "a", headers={"range": "bytes=x"}), 400)


def test_headers_of_a_read(repo: Repository) -> None:
    checksum = repo.upload("main", "a", "hello", headers={"content-type": "text/plain"})["checksum"]
    response = repo.try_read("main", "a")
    assert response.status_code == 200
    assert response.headers["etag"] == f'"{checksum}"'
    assert response.headers["content-length"] == "5"
    assert response.headers["content-type"] == "text/plain"
    assert response.headers["last-modified"].endswith("GMT")
    known = repo.try_read("main", "a", headers={"if-none-match": f'"{checksum}"'})
    assert (known.status_code, known.content) == (304, b"")


def test_head(repo: Repository) -> None:
    checksum = repo.upload("main", "a", "hello")["checksum"]
    response = repo.request("HEAD", "refs", "main", "objects", params={"path": "a"})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == "5"
    assert response.headers["etag"] == f'"{checksum}"'
    assert repo.request("HEAD", "refs", "main", "objects", params={"path": "b"}).status_code == 404


def test_zero_bytes(repo: Repository) -> None:
    assert repo.upload("main", "empty", "")["size_bytes"] == 0
    assert repo.read("main", "empty") == b""


def test_large_object(repo: Repository) -> None:
    content = bytes(range(256)) * 4096 * 3  # 3 MiB
    assert repo.upload("main", "large", content)["size_bytes"] == len(content)
    assert repo.read("main", "large") == content


def test_what_is_not_there(repo: Repository) -> None:
    assert refused(repo.try_read("main", "nope"), 404) == "not found"
    assert refused(repo.request("GET", "refs", "main", "objects", "stat", params={"path": "nope"}), 404)
    assert refused(repo.try_read("no-branch", "a"), 404) == "not found"
    assert refused(repo.try_upload("no-branch", "a"), 404) == "branch 'no-branch' not found"
    assert refused(repo.try_upload(repo.head(), "a"), 404)  # a commit cannot be written to
    assert refused(repo.request("DELETE", "branches", "no-branch", "objects", params={"path": "a"}), 404)


def test_path_is_required(repo: Repository) -> None:
    assert refused(repo.try_read("main", ""), 400)
    assert refused(repo.try_upload("main", ""), 400)
    assert refused(repo.request("GET", "refs", "main", "objects"), 400)


def test_only_where_nothing_is(repo: Repository) -> None:
    repo.upload("main", "a", "1")
    taken = repo.try_upload("main", "a", "2", headers={"if-none-match": "*"})
    assert refused(taken, 412) == "path already exists"
    success(repo.try_upload("main", "b", "2", headers={"if-none-match": "*"}))
    assert repo.contents("main") == {"a": b"1", "b": b"2"}


def test_delete(repo: Repository) -> None:
    repo.commit_files("main", {"a": "1", "b": "1", "c": "1"})
    response = repo.request("DELETE", "branches", "main", "objects", params={"path": "a"})
    assert response.status_code == 204
    assert repo.paths("main") == ["b", "c"]
    assert repo.paths("main@") == ["a", "b", "c"]
    many = repo.request("POST", "branches", "main", "objects", "delete", json={"paths": ["b", "c", "nope"]})
    assert success(many) == {"errors": []}
    assert repo.paths("main") == []


def test_delete_of_what_is_not_there(repo: Repository) -> None:
    repo.commit_files("main", {"a": "1"})
    assert repo.request("DELETE", "branches", "main", "objects", params={"path": "nope"}).status_code == 204
    assert repo.uncommitted("main") == []


def test_copy(repo: Repository) -> None:
    repo.commit_files("main", {"a": "1"})
    copy = {"src_path": "a", "src_ref": "main@"}
    response = repo.request(
        "POST", "branches", "main", "objects", "copy", params={"dest_path": "b"}, json=copy
    )
    assert response.status_code == 201
    assert repo.read("main", "b") == b"1"
    missing = repo.request(
        "POST", "branches", "main", "objects", "copy", params={"dest_path": "b"}, json={"src_path": "nope"}
    )
    assert refused(missing, 404) == "not found"


@pytest.mark.behaviour("C4")
def test_a_branch_name_reads_what_is_staged(repo: Repository) -> None:
    commit = repo.commit_files("main", {"a": "committed", "gone": "1"})["id"]
    repo.upload("main", "a", "staged")
    repo.upload("main", "new", "staged")
    repo.delete("main", "gone")
    assert repo.contents("main") == {"a": b"staged", "new": b"staged"}
    for committed in ("main@", commit, commit[:16]):
        assert repo.contents(committed) == {"a": b"committed", "gone": b"1"}
    assert refused(repo.try_read("main", "gone"), 404)
    assert refused(repo.try_read("main@", "new"), 404)
