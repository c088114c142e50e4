"""Listings: pages, prefixes, delimiters."""

from typing import Any

import pytest

from tests.contract.harness import Repository, refused, success

KEYS = ["/lead", "_SUCCESS", "a", "a/1", "a/2", "a//3", "b/x/1", "b/x/2", "b/y", "c"]


@pytest.fixture
def filled(repo: Repository) -> Repository:
    """Keys half committed, half staged: a listing of the branch merges both."""
    repo.commit_files("main", dict.fromkeys(KEYS[::2], "committed"))
    for key in KEYS[1::2]:
        repo.upload("main", key, "staged")
    return repo


def entries(repo: Repository, **params: Any) -> list[tuple[str, str]]:
    return [(entry["path"], entry["path_type"]) for entry in repo.listing("main", **params)]


@pytest.mark.behaviour("C5")
@pytest.mark.parametrize("amount", [1, 3, 1000])
def test_pages_hold_everything_once_in_order(filled: Repository, amount: int) -> None:
    assert filled.paths("main", amount=amount) == sorted(KEYS)


@pytest.mark.parametrize("amount", [1, 2, 1000])
def test_delimiter_folds_what_follows_it(filled: Repository, amount: int) -> None:
    assert entries(filled, delimiter="/", amount=amount) == [
        ("/", "common_prefix"),
        ("_SUCCESS", "object"),
        ("a", "object"),
        ("a/", "common_prefix"),
        ("b/", "common_prefix"),
        ("c", "object"),
    ]
    assert entries(filled, delimiter="/", prefix="a/", amount=amount) == [
        ("a//", "common_prefix"),
        ("a/1", "object"),
        ("a/2", "object"),
    ]
    assert entries(filled, delimiter="/", prefix="b/", amount=amount) == [
        ("b/x/", "common_prefix"),
        ("b/y", "object"),
    ]


def test_prefix_need_not_end_at_a_delimiter(filled: Repository) -> None:
    assert filled.paths("main", prefix="b/x") == ["b/x/1", "b/x/2"]
    assert filled.paths("main", prefix="a") == ["a", "a//3", "a/1", "a/2"]
    assert filled.paths("main", prefix="nope") == []


def test_after_is_exclusive_and_need_not_exist(filled: Repository) -> None:
    assert filled.paths("main", after="b/x/1") == ["b/x/2", "b/y", "c"]
    assert filled.paths("main", after="b/x/") == ["b/x/1", "b/x/2", "b/y", "c"]
    assert filled.paths("main", after="zzz") == []


def test_first_page(filled: Repository) -> None:
    page = success(filled.request("GET", "refs", "main", "objects", "ls", params={"amount": 2}))
    expected = {"has_more": True, "max_per_page": 1000, "next_offset": "_SUCCESS", "results": 2}
    assert page["pagination"] == expected
    entry = page["results"][0]
    assert entry["path"] == "/lead"
    assert entry["size_bytes"] == len("committed")
    assert entry["physical_address"] == filled.stat("main", "/lead")["physical_address"]


def test_common_prefix_entry(filled: Repository) -> None:
    [_, prefix] = filled.listing("main", prefix="a", delimiter="/")[:2]
    assert (prefix["path"], prefix["path_type"], prefix["checksum"]) == ("a/", "common_prefix", "")


@pytest.mark.behaviour("C2")
def test_a_hundred_by_default_a_thousand_at_most(repo: Repository) -> None:
    for number in range(101):
        repo.upload("main", f"{number:03}")
    page = success(repo.request("GET", "refs", "main", "objects", "ls"))
    assert len(page["results"]) == 100
    assert page["pagination"]["has_more"] is True
    assert refused(repo.request("GET", "refs", "main", "objects", "ls", params={"amount": 1001}), 400)


def test_metadata_is_listed(repo: Repository) -> None:
    repo.upload("main", "a", "1", headers={"x-lakefs-meta-owner": "me"})
    [entry] = repo.listing("main")
    assert entry["metadata"] == {"owner": "me"}
    [entry] = repo.listing("main", user_metadata=False)
    assert "metadata" not in entry


def test_unknown_reference(repo: Repository) -> None:
    assert refused(repo.request("GET", "refs", "nope", "objects", "ls"), 404) == "not found"
