"""Addresses: staging and linking objects that were written another way, and what identity covers."""

import hashlib

import httpx
import pytest

from tests.contract.harness import Json, Repository, refused, success

MD5_OF_GOOD = hashlib.md5(b"good").hexdigest()


def backing(repo: Repository, path: str) -> Json:
    address: Json = success(
        repo.request("GET", "branches", "main", "staging", "backing", params={"path": path})
    )
    return address


def try_link(
    repo: Repository, path: str, address: Json, *, branch: str = "main", **body: object
) -> httpx.Response:
    return repo.request(
        "PUT",
        "branches",
        branch,
        "staging",
        "backing",
        params={"path": path},
        json={"staging": address, "checksum": "claimed", "size_bytes": 5} | body,
    )


def link(repo: Repository, path: str, address: Json, **body: object) -> Json:
    stats: Json = success(try_link(repo, path, address, **body))
    return stats


@pytest.mark.behaviour("C1")
def test_staged_object_carries_what_the_client_claims(repo: Repository) -> None:
    address = repo.upload("main", "source", "0123456789")["physical_address"]
    response = repo.request(
        "PUT",
        "branches",
        "main",
        "objects",
        params={"path": "staged"},
        json={
            "physical_address": address,
            "checksum": "claimed",
            "size_bytes": 3,
            "mtime": 123,
            "metadata": {"k": "v"},
            "content_type": "text/x",
        },
    )
    assert response.status_code == 201
    stats = repo.stat("main", "staged")
    assert (stats["checksum"], stats["size_bytes"], stats["mtime"]) == ("claimed", 3, 123)
    assert (stats["metadata"], stats["content_type"]) == ({"k": "v"}, "text/x")
    ranged = repo.try_read("main", "staged", headers={"range": "bytes=0-9"})
    assert ranged.content == b"012"  # a short claim is served short; without a range it may break off


@pytest.mark.behaviour("C1")
def test_link(repo: Repository) -> None:
    first, second = backing(repo, "linked"), backing(repo, "linked")
    assert first["physical_address"] != second["physical_address"]
    stats = link(repo, "linked", first)
    assert (stats["checksum"], stats["size_bytes"]) == ("claimed", 5)
    assert repo.uncommitted("main") == [("added", "linked")]


def test_links_that_are_refused(repo: Repository) -> None:
    given = backing(repo, "linked")["physical_address"]
    # lakeFS's local storage tells a path, which anybody may link: what is in the namespace is signed.
    signed = f"local://{repo.name}/data/{given.rpartition('/data/')[2]}"
    unsigned, _, signature = signed.rpartition(",")
    for address, status, message in (
        (unsigned, 400, "address is not signed: link address invalid"),
        (f"{unsigned},forged", 400, "invalid address signature: invalid address"),
        (f"{unsigned}x,{signature}", 400, "invalid address signature: invalid address"),
    ):
        assert refused(try_link(repo, "linked", {"physical_address": address}), status) == message
    right = {"physical_address": signed}
    for path, branch in (("other", "main"), ("linked", "none")):
        message = refused(try_link(repo, path, right, branch=branch), 400)
        assert message == "invalid address signature: invalid address"
    assert refused(try_link(repo, "linked", right, checksum=""), 400) == "checksum is required"
    path_alone = {"physical_address": given}
    assert refused(try_link(repo, "linked", path_alone, branch="none"), 404) == "branch not found"
    assert repo.uncommitted("main") == []
    link(repo, "linked", right)


def test_data_that_is_not_there_is_gone(repo: Repository) -> None:
    link(repo, "linked", backing(repo, "linked"))
    assert refused(repo.try_read("main", "linked"), 410) == "No data"


def test_address_of_another_kind_of_storage(repo: Repository) -> None:
    body = {"physical_address": "s3://bucket/key", "checksum": "c", "size_bytes": 1}
    response = repo.request("PUT", "branches", "main", "objects", params={"path": "a"}, json=body)
    assert "physical address is not valid for block adapter" in refused(response, 400)


@pytest.mark.behaviour("C1", "C8")
def test_other_bytes_under_an_equal_identity_are_not_seen(repo: Repository) -> None:
    repo.commit_files("main", {"data": "good", "elsewhere": "evil"})
    before = repo.get_commit("main")
    repo.create_branch("work")
    evil = repo.stat("work", "elsewhere")["physical_address"]
    repo.delete("work", "data")
    repo.commit("work", "delete")
    repo.stage(
        "work",
        "data",
        address=evil,
        checksum=MD5_OF_GOOD,
        size_bytes=4,
        content_type="application/octet-stream",
    )
    repo.commit("work", "put back")
    assert repo.diff("main", "work") == []
    assert repo.get_commit("work")["meta_range_id"] != before["meta_range_id"]
    assert repo.read("work", "data") == b"evil"
    merge = repo.merge("work")
    assert repo.diff(f"{merge}~1", merge) == []
    assert repo.read("main", "data") == b"evil"


@pytest.mark.behaviour("C1")
def test_staging_an_equal_identity_over_a_key_keeps_its_address(repo: Repository) -> None:
    repo.commit_files("main", {"data": "good", "elsewhere": "evil"})
    good = repo.stat("main", "data")["physical_address"]
    evil = repo.stat("main", "elsewhere")["physical_address"]
    repo.stage(
        "main",
        "data",
        address=evil,
        checksum=MD5_OF_GOOD,
        size_bytes=4,
        content_type="application/octet-stream",
    )
    refused(repo.try_commit("main"), 400)
    assert repo.stat("main@", "data")["physical_address"] == good
    assert repo.read("main@", "data") == b"good"


@pytest.mark.behaviour("C1", "C8")
def test_an_honest_delete_and_upload_moves_the_address_too(repo: Repository) -> None:
    first = repo.commit_files("main", {"data": "good"})
    address = repo.stat("main", "data")["physical_address"]
    repo.delete("main", "data")
    repo.commit("main", "delete")
    again = repo.commit_files("main", {"data": "good"})
    assert repo.stat("main", "data")["physical_address"] != address
    assert repo.diff(first["id"], again["id"]) == []
    assert first["meta_range_id"] != again["meta_range_id"]


@pytest.mark.behaviour("C1")
@pytest.mark.parametrize("headers", [{"content-type": "text/csv"}, {"x-lakefs-meta-k": "v"}])
def test_identity_covers_content_type_and_metadata(repo: Repository, headers: dict[str, str]) -> None:
    first = repo.commit_files("main", {"data": "good"})["id"]
    repo.upload("main", "data", "good", headers=headers)
    second = repo.commit("main")["id"]
    assert repo.diff(first, second) == [("changed", "data")]


@pytest.mark.behaviour("C8")
def test_same_entries_make_the_same_metarange(repo: Repository) -> None:
    first = repo.commit_files("main", {"a": "1"})
    second = repo.commit_files("main", {"b": "1"})
    repo.delete("main", "b")
    third = repo.commit("main")
    assert third["meta_range_id"] == first["meta_range_id"] != second["meta_range_id"]
    assert third["id"] != first["id"]
