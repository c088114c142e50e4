"""Objects by the S3 gateway: put, get, ranges, head, metadata, copy, delete, conditions, refusals."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.contract.harness import Repository, success
from tests.contract.s3 import S3, code
from tests.contract.test_objects import ODD_KEYS

HELLO_MD5 = hashlib.md5(b"hello").hexdigest()
DELETE = '<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{}</Delete>'


@pytest.fixture(scope="module")
def s3(lakefs: Any) -> S3:
    """A repository that the tests of this module share, each under keys of its own."""
    return S3(lakefs, lakefs.create_repository(files={"first": "1"}))


def delete_many(s3: S3, *keys: str, more: str = "") -> str:
    objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    response = s3.call("POST", None, DELETE.format(objects + more).encode(), delete="")
    assert response.status_code == 200, response.text
    return response.text


def test_what_was_put_by_one_door_is_got_by_the_other(s3: S3) -> None:
    put = s3.put("main/put/a.txt", b"hello", **{"content-type": "text/plain", "x-amz-meta-Owner": "me"})
    assert put.headers["etag"] == f'"{HELLO_MD5}"'
    stats = s3.repository.stat("main", "put/a.txt")
    assert (stats["checksum"], stats["size_bytes"], stats["content_type"]) == (HELLO_MD5, 5, "text/plain")
    assert stats["metadata"] == {"X-Amz-Meta-owner": "me"}
    assert s3.repository.read("main", "put/a.txt") == b"hello"
    s3.repository.upload("main", "put/b", "by the API")
    assert s3.call("GET", "main/put/b").content == b"by the API"


def test_headers_of_an_object(s3: S3) -> None:
    s3.put("main/headers", b"hello", **{"content-type": "text/csv"})
    for method, content in (("GET", b"hello"), ("HEAD", b"")):
        response = s3.call(method, "main/headers")
        assert (response.status_code, response.content) == (200, content)
        assert response.headers["etag"] == f'"{HELLO_MD5}"'
        assert response.headers["content-type"] == "text/csv"
        assert response.headers["content-length"] == "5"
        assert response.headers["accept-ranges"] == "bytes"
        assert response.headers["last-modified"].endswith(" GMT")
    s3.put("main/headers", b"")
    assert s3.call("HEAD", "main/headers").headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("key", [key for key in ODD_KEYS if key.strip(".")])  # clients resolve . and ..
def test_odd_keys(s3: S3, key: str) -> None:
    s3.put(f"main/{key}", key.encode())
    assert s3.repository.read("main", key) == key.encode()
    assert s3.call("GET", f"main/{key}").content == key.encode()
    listed = s3.boto.list_objects_v2(Bucket=s3.bucket, Prefix=f"main/{key}")["Contents"]
    assert f"main/{key}" in [item["Key"] for item in listed]
    assert s3.call("DELETE", f"main/{key}").status_code == 204
    assert s3.call("HEAD", f"main/{key}").status_code == 404


def test_long_keys(s3: S3) -> None:
    s3.put("main/" + "k" * 1024, b"x")
    assert s3.call("GET", "main/" + "k" * 1024).content == b"x"
    for method in ("PUT", "GET", "DELETE"):
        assert code(s3.call(method, "main/" + "k" * 1025), 500) == "InternalError"


@pytest.mark.parametrize(
    ("asked", "content", "told"),
    [
        ("bytes=0-1", b"he", "bytes 0-1/5"),
        ("bytes=1-", b"ello", "bytes 1-4/5"),
        ("bytes=-2", b"lo", "bytes 3-4/5"),
        ("bytes=-9", b"hello", "bytes 0-4/5"),
        ("bytes=3-99", b"lo", "bytes 3-4/5"),
    ],
)
def test_ranges(s3: S3, asked: str, content: bytes, told: str) -> None:
    s3.put("main/ranges", b"hello")
    got = s3.call("GET", "main/ranges", headers={"range": asked})
    assert (got.status_code, got.content, got.headers["content-range"]) == (206, content, told)
    head = s3.call("HEAD", "main/ranges", headers={"range": asked})
    assert (head.status_code, head.headers["content-range"]) == (206, told)
    assert head.headers["content-length"] == str(len(content))


@pytest.mark.parametrize(
    "asked", ["bytes=2-1", "bytes=0-1,3-4", "bytes=x", "lines=0-1", "bytes=-", "bytes=0-99999999999999999999"]
)
def test_what_is_no_range_gets_the_whole(s3: S3, asked: str) -> None:
    s3.put("main/ranges", b"hello")
    got = s3.call("GET", "main/ranges", headers={"range": asked})
    assert (got.status_code, got.content) == (200, b"hello")
    assert s3.call("HEAD", "main/ranges", headers={"range": asked}).status_code == 200


@pytest.mark.parametrize("asked", ["bytes=5-", "bytes=9-10", "bytes=-0"])
def test_ranges_beyond_the_end(s3: S3, asked: str) -> None:
    s3.put("main/ranges", b"hello")
    assert code(s3.call("GET", "main/ranges", headers={"range": asked}), 416) == "InvalidRange"
    assert s3.call("HEAD", "main/ranges", headers={"range": asked}).status_code == 416


def test_ranges_of_nothing(s3: S3) -> None:
    s3.put("main/nothing")
    assert code(s3.call("GET", "main/nothing", headers={"range": "bytes=0-"}), 416) == "InvalidRange"
    assert code(s3.call("GET", "main/nothing", headers={"range": "bytes=-5"}), 500) == "InternalError"
    assert s3.call("GET", "main/nothing").content == b""


def test_metadata(s3: S3) -> None:
    given = {
        "x-amz-meta-My_Key": "under",
        "x-amz-meta-dots.and-dashes": "two",
        "x-amz-meta-word": "=?utf-8?q?Z=C3=BCrich?=",
        "x-amz-meta-empty": "",
    }
    s3.put("main/meta", b"x", **given)
    assert s3.repository.stat("main", "meta")["metadata"] == {
        "X-Amz-Meta-my_key": "under",
        "X-Amz-Meta-dots.and-dashes": "two",
        "X-Amz-Meta-word": "Zürich",
        "X-Amz-Meta-empty": "",
    }
    head = s3.boto.head_object(Bucket=s3.bucket, Key="main/meta")
    assert head["Metadata"] == {
        "My_key": "under",
        "Dots.and-Dashes": "two",
        "Word": "=?utf-8?q?Z=C3=BCrich?=",
        "Empty": "",
    }
    s3.put("main/meta", b"x", **{"x-amz-meta-long": "y" * 2000})
    assert s3.repository.stat("main", "meta")["metadata"] == {"X-Amz-Meta-long": "y" * 2000}
    assert code(s3.call("PUT", "main/meta", b"x", {"x-amz-meta-k": "y" * 2048}), 400) == "MetadataTooLarge"


def test_conditions(s3: S3) -> None:
    assert s3.call("PUT", "main/once", b"1", {"if-none-match": "*"}).status_code == 200
    assert code(s3.call("PUT", "main/once", b"2", {"if-none-match": "*"}), 412) == "PreconditionFailed"
    assert s3.repository.read("main", "once") == b"1"
    for condition in ({"if-match": f'"{HELLO_MD5}"'}, {"if-none-match": '"x"'}):
        assert code(s3.call("PUT", "main/once", b"3", condition), 501) == "NotImplemented"
    assert s3.call("GET", "main/once", headers={"if-none-match": "*"}).status_code == 200


def test_what_is_not_there(s3: S3) -> None:
    assert code(s3.call("GET", "main/missing"), 404) == "NoSuchKey"
    assert code(s3.call("GET", "no-branch/missing"), 404) == "NoSuchKey"
    assert code(s3.call("GET", "bad ref/missing"), 500) == "InternalError"
    assert s3.call("HEAD", "main/missing").status_code == 404
    assert s3.call("GET", "main").status_code == 404
    assert s3.call("DELETE", "main/missing").status_code == 204
    assert s3.call("DELETE", "no-branch/missing").status_code == 204


def test_only_branches_are_written(s3: S3) -> None:
    success(s3.repository.request("POST", "tags", json={"id": "v1", "ref": "main"}))
    commit = s3.repository.head()
    for ref in ("v1", commit, "no-branch"):
        assert code(s3.call("PUT", f"{ref}/a", b"x"), 404) == "NoSuchBucket"
        assert code(s3.call("POST", f"{ref}/a", uploads=""), 404) == "NoSuchBucket"
    assert code(s3.call("PUT", "bad$name/a", b"x"), 500) == "InternalError"
    assert s3.call("DELETE", "v1/first").status_code == 204
    assert s3.call("GET", "v1/first").content == b"1"
    for ref in ("v1", commit, commit[:12], "main@", "main~0"):
        assert s3.call("GET", f"{ref}/first").content == b"1"


def test_staged_and_committed(s3: S3) -> None:
    s3.put("main/staged", b"x")
    assert s3.call("HEAD", "main@/staged").status_code == 404
    assert ("added", "staged") in s3.repository.uncommitted("main")


def test_a_protected_branch(repo: Repository) -> None:
    s3 = S3(repo.lakefs, repo)
    repo.commit_files("main", {"a": "1"})
    repo.create_branch("work")
    repo.protect("main")
    upload = s3.call("POST", "main/b", uploads="")
    assert upload.status_code == 200
    protected = "ErrWriteToProtectedBranch"
    assert code(s3.call("PUT", "main/b", b"x"), 403) == protected
    assert code(s3.call("DELETE", "main/a"), 403) == protected
    assert f"<Code>{protected}</Code>" in delete_many(s3, "main/a")
    copied = s3.call("PUT", "main/b", headers={"x-amz-copy-source": f"{s3.bucket}/main/a"})
    assert code(copied, 400) == "InvalidRequest"
    assert "cannot write to protected branch" in copied.text
    assert s3.put("work/b", b"x")
    assert repo.paths("main") == ["a"]


def test_a_read_only_repository(s3: S3) -> None:
    repo = s3.lakefs.create_repository(read_only=True)
    other = S3(s3.lakefs, repo)
    for method, query in (("PUT", {}), ("DELETE", {}), ("POST", {"uploads": ""})):
        assert code(other.call(method, "main/a", b"", **query), 403) == "ErrReadOnlyRepository"
    body = DELETE.format("<Object><Key>main/a</Key></Object>").encode()
    assert code(other.call("POST", None, body, delete=""), 403) == "ErrReadOnlyRepository"


def test_copy(s3: S3) -> None:
    s3.put("main/from here", b"hello", **{"x-amz-meta-a": "1", "content-type": "text/csv"})
    for source in (f"{s3.bucket}/main/from%20here", f"/{s3.bucket}/main/from+here"):
        copied = s3.call("PUT", "main/copied", headers={"x-amz-copy-source": source})
        assert copied.status_code == 200, copied.text
        assert f"<ETag>&#34;{HELLO_MD5}&#34;</ETag>" in copied.text
        stats = s3.repository.stat("main", "copied")
        assert stats["metadata"] == {"X-Amz-Meta-a": "1"}
        assert stats["content_type"] == "text/csv"
        assert stats["physical_address"] != s3.repository.stat("main", "from here")["physical_address"]
    headers = {"x-amz-metadata-directive": "REPLACE", "x-amz-meta-b": "2", "content-type": "text/plain"}
    source = {"x-amz-copy-source": f"{s3.bucket}/main/from%20here"}
    assert s3.call("PUT", "main/copied", headers=source | headers).status_code == 200
    stats = s3.repository.stat("main", "copied")
    assert (stats["metadata"], stats["content_type"]) == ({"X-Amz-Meta-b": "2"}, "text/csv")
    elsewhere = S3(s3.lakefs, s3.lakefs.create_repository())
    assert elsewhere.call("PUT", "main/there", headers=source).status_code == 200
    assert elsewhere.repository.read("main", "there") == b"hello"


def test_copies_that_cannot_be(s3: S3) -> None:
    def copy(source: str) -> Any:
        return s3.call("PUT", "main/copied", headers={"x-amz-copy-source": source})

    assert code(copy("no-bucket/main/a"), 404) == "NoSuchKey"
    assert code(copy(f"{s3.bucket}/main/missing"), 404) == "NoSuchKey"
    assert code(copy(f"{s3.bucket}/no-branch/a"), 404) == "NoSuchKey"
    assert code(copy("nothing"), 400) == "InvalidArgument"
    assert code(copy(f"{s3.bucket}/main"), 400) == "InvalidArgument"


def test_delete_many(s3: S3) -> None:
    for key in ("many/1", "many/2", "many/&3"):
        s3.put(f"main/{key}", b"x")
    answer = delete_many(s3, "main/many/1", "main/many/missing", "main/many/&amp;3")
    assert answer.count("<Deleted>") == 3
    assert s3.repository.paths("main", prefix="many/") == ["many/2"]
    assert delete_many(s3, "main/many/2", more="<Quiet>true</Quiet>").endswith('/"></DeleteResult>')
    assert s3.repository.paths("main", prefix="many/") == []
    assert "<Deleted><Key>no-branch/a</Key>" in delete_many(s3, "no-branch/a", "main/many/2")


def test_delete_many_of_what_cannot_be_deleted(s3: S3) -> None:
    s3.put("main/kept", b"x")
    # Spark deletes `main/`; a whole batch with such a key deletes nothing and says that it did.
    assert "<Deleted><Key>main/</Key>" in delete_many(s3, "main/kept", "main/")
    assert s3.call("GET", "main/kept").content == b"x"
    assert "branch id: invalid value" in delete_many(s3, "bad$/x")
    assert "required value" in delete_many(s3, "")
    mixed = delete_many(s3, "main/kept", "no-branch/a", "main/" + "x" * 1025)
    assert (mixed.count("<Deleted>"), mixed.count("<Error>")) == (2, 1)
    assert "above maximum length" in mixed
    assert s3.call("HEAD", "main/kept").status_code == 404


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"", "BadRequest"),
        (b"no XML", "BadRequest"),
        (b"<Delete><Object>", "BadRequest"),
        (b"<Delete/>", "MalformedXML"),
        (b"<Delete><Quiet>perhaps</Quiet><Object><Key>main/a</Key></Object></Delete>", "BadRequest"),
        (
            b'<!DOCTYPE D [<!ENTITY a "aaaa">]><Delete><Object><Key>main/&a;</Key></Object></Delete>',
            "BadRequest",
        ),
        (DELETE.format("<Object><Key>main/a</Key></Object>" * 1001).encode(), "MalformedXML"),
    ],
)
def test_malformed_lists_of_keys(s3: S3, body: bytes, answer: str) -> None:
    assert code(s3.call("POST", None, body, delete=""), 400) == answer


def test_what_is_not_supported(s3: S3) -> None:
    s3.put("main/here", b"x")
    for method, key, query in (
        ("GET", "main/here", "acl"),
        ("PUT", "main/here", "tagging"),
        ("DELETE", "main/here", "tagging"),
        ("POST", "main/here", "restore"),
        ("GET", None, "policy"),
        ("PUT", None, "versioning"),
        ("DELETE", None, "x"),
        ("POST", None, "x"),
    ):
        assert code(s3.call(method, key, **{query: ""}), 405) == "ERRLakeFSNotSupported"
    assert s3.call("POST", "main/here").status_code == 405
    assert s3.call("GET", "main/here", tagging="").text.endswith("<TagSet></TagSet></Tagging>")
