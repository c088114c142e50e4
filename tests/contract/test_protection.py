"""Protected branches: what is refused there, and what is not."""

import pytest

from tests.contract.harness import Lakefs, Repository, eventually, refused, success

WRITE = "cannot write to protected branch"


@pytest.fixture(scope="module")
def protected(lakefs: Lakefs) -> Repository:
    """`main` holds a and is protected."""
    repo = lakefs.create_repository(files={"a": "1"})
    repo.protect("main")
    return repo


@pytest.mark.behaviour("H7")
@pytest.mark.parametrize("force", [False, True])
def test_writes_are_refused(protected: Repository, force: bool) -> None:
    assert refused(protected.try_upload("main", "b", "1", params={"force": force}), 403) == WRITE
    assert refused(protected.try_commit("main", allow_empty=True, force=force), 403) == (
        "cannot commit to protected branch"
    )


@pytest.mark.behaviour("H7")
def test_other_ways_to_write_are_refused(protected: Repository) -> None:
    address = protected.stat("main", "a")["physical_address"]
    staged = {"physical_address": address, "checksum": "c", "size_bytes": 1}
    objects = ("branches", "main", "objects")
    for response in (
        protected.request("DELETE", *objects, params={"path": "a"}),
        protected.request("PUT", *objects, params={"path": "b"}, json=staged),
        protected.request("POST", *objects, "copy", params={"dest_path": "b"}, json={"src_path": "a"}),
        protected.request("PUT", "branches", "main", json={"type": "reset"}),
    ):
        assert refused(response, 403) == WRITE
    metarange = {"source_metarange": protected.get_commit("main")["meta_range_id"]}
    assert refused(protected.try_commit("main", params=metarange), 403) == "cannot commit to protected branch"
    assert protected.paths("main") == ["a"]


@pytest.mark.behaviour("H7")
def test_deleting_many_answers_200_with_errors(protected: Repository) -> None:
    response = protected.request("POST", "branches", "main", "objects", "delete", json={"paths": ["a"]})
    assert success(response) == {"errors": [{"message": WRITE, "path": "a", "status_code": 403}]}


@pytest.mark.behaviour("H7")
def test_hard_reset_is_refused(protected: Repository) -> None:
    response = protected.request("PUT", "branches", "main", "hard_reset", params={"ref": "main~1"})
    assert refused(response, 403) == "protected branch"


@pytest.mark.behaviour("H7", "R1")
def test_merge_revert_and_cherry_pick_are_not(lakefs: Lakefs) -> None:
    repo = lakefs.create_repository(files={"a": "1"})
    repo.protect("main")
    repo.create_branch("work")
    repo.commit_files("work", {"b": "2"})
    merge = repo.merge("work")
    repo.revert("main", merge, 1)
    assert repo.paths("main") == ["a"]
    repo.commit_files("work", {"c": "3"})
    success(repo.request("POST", "branches", "main", "cherry-pick", json={"ref": "work"}))
    assert repo.paths("main") == ["a", "c"]


@pytest.mark.behaviour("H7")
def test_a_protected_branch_that_is_not_the_default_can_be_replaced(lakefs: Lakefs) -> None:
    repo = lakefs.create_repository(files={"a": "1"})
    repo.create_branch("release", "main~1")
    repo.protect("release")
    repo.delete_branch("release")
    repo.create_branch("release")
    assert repo.paths("release") == ["a"]
    assert repo.write_is_refused("release")


@pytest.mark.behaviour("R3")
def test_patterns(lakefs: Lakefs) -> None:
    repo = lakefs.create_repository()
    for name in ("release-1", "stable-1", "stable-12", "work"):
        repo.create_branch(name)
    repo.protect("release-*", "stable-?")
    refusing = {
        name: repo.write_is_refused(name) for name in ("main", "release-1", "stable-1", "stable-12", "work")
    }
    assert [name for name, refused_there in refusing.items() if refused_there] == ["release-1", "stable-1"]


@pytest.mark.behaviour("R3")
def test_rules_can_be_taken_back(lakefs: Lakefs) -> None:
    repo = lakefs.create_repository()
    assert success(repo.request("GET", "settings", "branch_protection")) == []
    repo.protect("main")
    assert success(repo.request("GET", "settings", "branch_protection")) == [{"pattern": "main"}]
    repo.protect()
    assert success(repo.request("GET", "settings", "branch_protection")) == []
    eventually(lambda: not repo.write_is_refused("main"))
    repo.commit_files("main", {"a": "1"})


def test_rules_as_a_compare_and_set(lakefs: Lakefs) -> None:
    repo = lakefs.create_repository()
    rules = ("settings", "branch_protection")
    success(repo.request("PUT", *rules, json=[{"pattern": "one"}]))
    tag = repo.request("GET", *rules).headers["etag"]
    success(repo.request("PUT", *rules, json=[{"pattern": "two"}], headers={"if-match": tag}))
    late = repo.request("PUT", *rules, json=[{"pattern": "three"}], headers={"if-match": tag})
    assert refused(late, 412) == "Precondition failed"
    assert success(repo.request("GET", *rules)) == [{"pattern": "two"}]


def test_empty_pattern(repo: Repository) -> None:
    assert refused(repo.request("PUT", "settings", "branch_protection", json=[{"pattern": ""}]), 400)
