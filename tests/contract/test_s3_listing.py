"""Listing by the S3 gateway: buckets, branches as the top of one, pages, delimiters, both versions."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.contract.s3 import S3, code

FILES = ("a", "d/", "d/1", "d/2", "d/e/3", "f", "space é&<>")


@pytest.fixture(scope="module")
def s3(lakefs: Any) -> S3:
    repo = lakefs.create_repository(files=dict.fromkeys(FILES, "x"))
    repo.create_branch("work")
    repo.create_branch("other")
    return S3(lakefs, repo)


def fields(text: str, name: str) -> list[str]:
    return re.findall(f"<{name}>([^<]*)</{name}>", text)


def listing(s3: S3, version: str, **query: str) -> str:
    named = {name.replace("_", "-"): value for name, value in query.items()}
    response = s3.call("GET", None, **({"list-type": "2"} if version == "2" else {}), **named)
    assert response.status_code == 200, response.text
    return response.text


def walk(s3: S3, version: str, amount: int, **query: str) -> list[str]:
    """Return keys and common prefixes of all pages."""
    found: list[str] = []
    operation = "list_objects_v2" if version == "2" else "list_objects"
    pages = s3.boto.get_paginator(operation).paginate(
        Bucket=s3.bucket, PaginationConfig={"PageSize": amount}, **query
    )
    for page in pages:
        entries = [item["Key"] for item in page.get("Contents", [])]
        entries += [item["Prefix"] for item in page.get("CommonPrefixes", [])]
        assert len(entries) <= amount
        found += entries
    return found


def test_buckets(s3: S3) -> None:
    found = {bucket["Name"]: bucket for bucket in s3.boto.list_buckets()["Buckets"]}
    assert s3.bucket in found
    assert s3.boto.head_bucket(Bucket=s3.bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert s3.call("HEAD").status_code == 200
    assert s3.boto.get_bucket_location(Bucket=s3.bucket)["LocationConstraint"] is None
    assert "Status" not in s3.boto.get_bucket_versioning(Bucket=s3.bucket)


def test_buckets_are_not_made_here(s3: S3) -> None:
    assert code(s3.call("PUT"), 409) == "BucketAlreadyExists"
    assert code(s3.send(s3.signed("PUT", f"{s3.lakefs.url}/no-such-bucket")), 501) == "NotImplemented"
    assert code(s3.send(s3.signed("GET", f"{s3.lakefs.url}/no-such-bucket")), 404) == "NoSuchBucket"
    assert code(s3.send(s3.signed("GET", f"{s3.lakefs.url}/Bad_Name")), 500) == "InternalError"


@pytest.mark.parametrize("version", ["1", "2"])
def test_branches_are_the_top(s3: S3, version: str) -> None:
    for query in ({}, {"delimiter": "/"}):
        text = listing(s3, version, **query)
        assert fields(text, "Prefix") == ["", "main/", "other/", "work/"]
        assert fields(text, "KeyCount") == ["3" if version == "2" else "0"]
    assert fields(listing(s3, version, prefix="ma"), "Prefix") == ["ma", "main/"]
    assert sorted(walk(s3, version, 1, Delimiter="/")) == ["main/", "other/", "work/"]


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("amount", [1, 2, 1000])
def test_pages(s3: S3, version: str, amount: int) -> None:
    whole = [f"main/{path}" for path in sorted(FILES)]
    assert walk(s3, version, amount, Prefix="main/") == whole
    assert walk(s3, version, amount, Prefix="main/d/") == [key for key in whole if "/d/" in key]
    folded = {"main/a", "main/d/", "main/f", "main/space é&<>"}
    assert set(walk(s3, version, amount, Prefix="main/", Delimiter="/")) == folded
    assert set(walk(s3, version, amount, Prefix="main/d/", Delimiter="/")) == {
        "main/d/",
        "main/d/1",
        "main/d/2",
        "main/d/e/",
    }


def test_the_type_of_answers(s3: S3) -> None:
    for accept, type_ in (
        (None, "application/xml"),
        ("text/xml, */*", "text/xml"),
        ("*/*", "text/xml; charset=utf-8"),
    ):
        headers = {"accept": accept} if accept else {}
        request = s3.signed("GET", s3.url(prefix="main/"), headers=headers)
        assert s3.send(request).headers["content-type"] == type_


@pytest.mark.parametrize("version", ["1", "2"])
def test_what_a_listing_tells(s3: S3, version: str) -> None:
    text = listing(s3, version, prefix="main/d", delimiter="/", max_keys="2", encoding_type="url")
    assert fields(text, "Prefix") == ["main/d", "main/d/"]
    assert (fields(text, "Name"), fields(text, "MaxKeys")) == ([s3.bucket], ["2"])
    assert (fields(text, "Delimiter"), fields(text, "KeyCount")) == (["/"], ["1"])
    assert fields(text, "IsTruncated") == ["false"]
    text = listing(s3, version, prefix="main/space", encoding_type="url")  # which lakeFS does not heed
    assert fields(text, "Key") == ["main/space é&amp;&lt;&gt;"]
    assert fields(text, "ETag") == ["&#34;9dd4e461268c8034f5c8564e155c67a6&#34;"]
    assert (fields(text, "Size"), fields(text, "StorageClass")) == (["1"], ["STANDARD"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields(text, "LastModified")[0])


def test_where_to_go_on(s3: S3) -> None:
    first = listing(s3, "2", prefix="main/", max_keys="1")
    assert fields(first, "NextContinuationToken") == ["main/a"]
    second = listing(s3, "2", prefix="main/", max_keys="1", continuation_token="main/a")
    assert fields(second, "ContinuationToken") == ["main/a"]
    assert fields(second, "Key") == ["main/d/"]
    both = listing(s3, "2", prefix="main/", continuation_token="main/d/2", start_after="main/f")
    assert fields(both, "Key")[0] == "main/d/e/3"
    assert fields(listing(s3, "2", prefix="main/", start_after="main/f"), "Key")[0].startswith("main/space")
    folded = listing(s3, "2", prefix="main/", delimiter="/", continuation_token="main/d/")
    assert fields(folded, "Prefix") == ["main/"]
    marked = listing(s3, "1", prefix="main/", delimiter="/", max_keys="1", marker="main/a")
    assert (fields(marked, "Marker"), fields(marked, "NextMarker")) == (["main/a"], ["main/d/"])
    assert fields(listing(s3, "1", prefix="main/", max_keys="1"), "NextMarker") == []


def test_while_objects_come_and_go(s3: S3) -> None:
    for number in range(5):
        s3.put(f"work/moving/{number}", b"x")
    first = listing(s3, "2", prefix="work/moving/", max_keys="2")
    token = fields(first, "NextContinuationToken")[0]
    for number in (1, 2):
        s3.call("DELETE", f"work/moving/{number}")
    assert fields(listing(s3, "2", prefix="work/moving/", continuation_token=token), "Key") == [
        "work/moving/3",
        "work/moving/4",
    ]


@pytest.mark.parametrize("version", ["1", "2"])
def test_how_many(s3: S3, version: str) -> None:
    for asked, told, found in (("0", "0", 0), ("-1", "-1", 7), ("x", "1000", 7), ("5000", "5000", 7)):
        text = listing(s3, version, prefix="main/", max_keys=asked)
        assert (fields(text, "MaxKeys"), len(fields(text, "Key"))) == ([told], found)
    assert fields(listing(s3, version, prefix="main/", max_keys="0"), "IsTruncated") == ["true"]


@pytest.mark.parametrize("version", ["1", "2"])
def test_references(s3: S3, version: str) -> None:
    head = s3.repository.head()
    for ref in (head, head[:12], "main@", "main~0"):
        assert fields(listing(s3, version, prefix=f"{ref}/d/e"), "Key") == [f"{ref}/d/e/3"]


def test_what_cannot_be_listed(s3: S3) -> None:
    assert fields(listing(s3, "1", prefix="no-branch/"), "Key") == []
    for query in (
        {"list-type": "2", "prefix": "no-branch/"},
        {"list-type": "2", "prefix": "main/", "start-after": "a"},
        {"list-type": "2", "prefix": "main/", "continuation-token": "work/a"},
        {"prefix": "main/", "marker": "a"},
        {"prefix": "bad ref/"},
        {"prefix": "main/" + "x" * 1025},
        {"list-type": "3"},
    ):
        assert code(s3.call("GET", None, **query), 400) == "BadRequest"
