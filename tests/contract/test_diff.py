"""Differences between references."""

import pytest

from tests.contract.harness import Repository, refused, success


@pytest.fixture
def changed(repo: Repository) -> Repository:
    """On `work`: a changed, b removed, new/1 and new/2 added; on `main`, later: late added."""
    repo.commit_files("main", {"a": "1", "b": "1", "c": "1"})
    repo.create_branch("work")
    repo.upload("work", "a", "other")
    repo.delete("work", "b")
    repo.commit_files("work", {"new/1": "one", "new/2": "two"})
    repo.commit_files("main", {"late": "1"})
    return repo


CHANGES = [("changed", "a"), ("removed", "b"), ("added", "new/1"), ("added", "new/2")]


@pytest.mark.behaviour("C2")
@pytest.mark.parametrize("amount", [1, 3, 1000])
def test_two_dot(changed: Repository, amount: int) -> None:
    expected = sorted([*CHANGES, ("removed", "late")], key=lambda change: change[1])
    assert changed.diff("main", "work", amount=amount) == expected
    flipped = {"added": "removed", "removed": "added", "changed": "changed"}
    assert changed.diff("work", "main", amount=amount) == [(flipped[kind], path) for kind, path in expected]


@pytest.mark.behaviour("C2")
@pytest.mark.parametrize("amount", [1, 3, 1000])
def test_three_dot(changed: Repository, amount: int) -> None:
    assert changed.diff("main", "work", type="three_dot", amount=amount) == CHANGES
    assert changed.diff("work", "main", type="three_dot", amount=amount) == [("added", "late")]


def test_three_dot_is_the_default(changed: Repository) -> None:
    page = success(changed.request("GET", "refs", "main", "diff", "work"))
    assert [(entry["type"], entry["path"]) for entry in page["results"]] == CHANGES


def test_three_dot_names_conflicts(changed: Repository) -> None:
    changed.commit_files("main", {"a": "third", "b": "kept"})
    found = changed.diff("main", "work", type="three_dot")
    assert found[:2] == [("conflict", "a"), ("conflict", "b")]


@pytest.mark.behaviour("C2")
def test_entries(changed: Repository) -> None:
    [entry] = changed.pages("refs", "main", "diff", "work", type="two_dot", prefix="a")
    assert entry == {"type": "changed", "path": "a", "path_type": "object", "size_bytes": len("other")}


def test_prefix_after_and_delimiter(changed: Repository) -> None:
    assert changed.diff("main", "work", prefix="new/") == [("added", "new/1"), ("added", "new/2")]
    assert changed.diff("main", "work", after="late") == [("added", "new/1"), ("added", "new/2")]
    folded = changed.diff("main", "work", delimiter="/")
    assert folded == [("changed", "a"), ("removed", "b"), ("removed", "late"), ("prefix_changed", "new/")]
    assert changed.diff("main", "work", delimiter="/", amount=1) == folded


@pytest.mark.behaviour("C2")
def test_pages(changed: Repository) -> None:
    page = success(
        changed.request("GET", "refs", "main", "diff", "work", params={"type": "two_dot", "amount": 2})
    )
    assert page["pagination"] == {"has_more": True, "max_per_page": 1000, "next_offset": "b", "results": 2}
    assert refused(changed.request("GET", "refs", "main", "diff", "work", params={"amount": 1001}), 400)


@pytest.mark.behaviour("C2", "H3")
def test_merge_commit_against_its_first_parent_shows_the_change(changed: Repository) -> None:
    merge = changed.merge("work")
    first = changed.get_commit(merge)["parents"][0]
    assert changed.diff(first, merge) == CHANGES


@pytest.mark.behaviour("C4")
def test_what_is_staged_is_no_part_of_it(changed: Repository) -> None:
    changed.upload("work", "staged", "x")
    assert changed.diff("main", "work", prefix="staged") == []


def test_odd_keys(repo: Repository) -> None:
    keys = sorted(["a b", "%41", "a//b", "/lead", "é", "日本", "a"], key=str.encode)
    before = repo.head()
    repo.commit_files("main", dict.fromkeys(keys, "x"))
    assert repo.diff(before, "main", amount=2) == [("added", key) for key in keys]


def test_many_changes_among_many_objects(repo: Repository) -> None:
    files = {f"p/{number:04}": str(number) for number in range(150)}
    before = repo.commit_files("main", files)["id"]
    repo.upload("main", "p/0007", "changed")
    repo.delete("main", "p/0080")
    repo.commit_files("main", {"p/0149x": "new"})
    assert repo.diff(before, "main") == [("changed", "p/0007"), ("removed", "p/0080"), ("added", "p/0149x")]


def test_the_same_and_the_unknown(repo: Repository) -> None:
    assert repo.diff("main", "main") == []
    for left, right in (("main", "nope"), ("nope", "main")):
        assert refused(repo.request("GET", "refs", left, "diff", right), 404)
    response = repo.request("GET", "refs", "main", "diff", "main", params={"type": "x"})
    assert 'parameter "type"' in refused(response, 400)
