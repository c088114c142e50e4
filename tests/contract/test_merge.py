"""Merges without hooks: what they bring, conflicts, strategies, and what they lose."""

import pytest

from tests.contract.harness import Repository, refused, success

DEFAULT_STRATEGY = {".lakefs.merge.strategy": "default"}


@pytest.fixture
def forked(repo: Repository) -> Repository:
    """`main` and `work` at one commit with a, b, c and d/1."""
    repo.commit_files("main", {"a": "1", "b": "2", "c": "3", "d/1": "4"})
    repo.create_branch("work")
    return repo


@pytest.mark.behaviour("H3")
def test_merge_commit(forked: Repository) -> None:
    forked.commit_files("work", {"new": "x"})
    before, source = forked.head(), forked.head("work")
    response = forked.try_merge("work", message="the message", metadata={"k": "v"})
    assert response.status_code == 200
    merge = forked.get_commit(response.json()["reference"])
    assert merge["id"] == forked.head()
    assert merge["parents"] == [before, source]
    assert merge["message"] == "the message"
    assert merge["metadata"] == DEFAULT_STRATEGY | {"k": "v"}
    assert forked.paths("main") == ["a", "b", "c", "d/1", "new"]


def test_default_message_and_no_body(forked: Repository) -> None:
    forked.commit_files("work", {"new": "x"})
    merge = success(forked.request("POST", "refs", "work", "merge", "main"))["reference"]
    assert forked.get_commit(merge)["message"] == "Merge 'work' into 'main'"


def test_changes_of_both_sides(forked: Repository) -> None:
    forked.upload("work", "a", "of work")
    forked.delete("work", "b")
    forked.commit_files("work", {"e": "of work"})
    forked.upload("main", "c", "of main")
    forked.delete("main", "d/1")
    forked.commit_files("main", {"f": "of main"})
    forked.merge("work")
    expected = {"a": b"of work", "c": b"of main", "e": b"of work", "f": b"of main"}
    assert forked.contents("main") == expected


def test_squash_has_one_parent(forked: Repository) -> None:
    forked.commit_files("work", {"new": "x"})
    before = forked.head()
    merge = forked.merge("work", squash_merge=True)
    assert forked.get_commit(merge)["parents"] == [before]
    assert "new" in forked.paths("main")


@pytest.mark.parametrize("source", ["work~1", "the id", "a tag"])
def test_source_may_be_any_reference(forked: Repository, source: str) -> None:
    first = forked.commit_files("work", {"one": "x"})["id"]
    forked.commit_files("work", {"two": "x"})
    success(forked.request("POST", "tags", json={"id": "tagged", "ref": first}))
    forked.merge({"the id": first, "a tag": "tagged"}.get(source, source))
    assert "one" in forked.paths("main")
    assert "two" not in forked.paths("main")
    assert forked.get_commit("main")["parents"][1] == first


@pytest.mark.behaviour("R5")
def test_nothing_to_merge(forked: Repository) -> None:
    assert refused(forked.try_merge("work"), 400) == "update branch main: no changes"
    forked.commit_files("main", {"new": "x"})
    assert refused(forked.try_merge("work"), 400) == "update branch main: no changes"
    forked.commit("work", "empty", allow_empty=True)
    assert refused(forked.try_merge("work"), 400) == "update branch main: no changes"
    assert refused(forked.try_merge("main"), 400) == "update branch main: no changes"


@pytest.mark.parametrize("option", ["allow_empty", "force"])
def test_empty_merge_when_allowed(forked: Repository, option: str) -> None:
    before = forked.get_commit("main")
    reference = success(forked.try_merge("work", "main", **{option: True}))["reference"]
    merge = forked.get_commit(reference)
    assert merge["meta_range_id"] == before["meta_range_id"]
    assert merge["parents"][0] == before["id"]


@pytest.mark.behaviour("R5")
def test_both_sides_made_the_same_change(forked: Repository) -> None:
    forked.delete("work", "b")
    forked.commit_files("work", {"a": "same", "new": "same too"})
    forked.delete("main", "b")
    forked.commit_files("main", {"a": "same", "new": "same too"})
    merge = forked.merge("work")
    assert forked.diff("main~1", merge) == []
    assert forked.stat("main", "new") == forked.stat("work", "new")  # the source's address


@pytest.fixture
def conflicting(forked: Repository) -> Repository:
    """Both sides changed a; work deleted b, which main changed; main deleted c, which work changed."""
    forked.delete("work", "b")
    forked.commit_files("work", {"a": "work", "c": "work", "both": "work"})
    forked.delete("main", "c")
    forked.commit_files("main", {"a": "main", "b": "main", "both": "main"})
    return forked


@pytest.mark.behaviour("R3")
def test_conflict(conflicting: Repository) -> None:
    before, contents = conflicting.head(), conflicting.contents("main")
    response = conflicting.try_merge("work")
    assert response.status_code == 409
    assert response.json() == {"reference": ""}  # without a message
    assert conflicting.head() == before
    assert conflicting.contents("main") == contents
    found = conflicting.diff("main", "work", type="three_dot")
    assert found == [("conflict", key) for key in ("a", "b", "both", "c")]


@pytest.mark.behaviour("R3")
@pytest.mark.parametrize(
    ("strategy", "contents"),
    [
        ("source-wins", {"a": b"work", "both": b"work", "c": b"work", "d/1": b"4"}),
        ("dest-wins", {"a": b"main", "b": b"main", "both": b"main", "d/1": b"4"}),
    ],
)
def test_strategies(conflicting: Repository, strategy: str, contents: dict[str, bytes]) -> None:
    merge = conflicting.merge("work", strategy=strategy)
    assert conflicting.contents("main") == contents
    assert conflicting.get_commit(merge)["metadata"] == {".lakefs.merge.strategy": strategy}


def test_unknown_strategy(conflicting: Repository) -> None:
    message = refused(conflicting.try_merge("work", strategy="mine"), 400)
    assert message == "argument strategy: invalid value: validation error"


def test_unknown_sides(forked: Repository) -> None:
    forked.commit_files("work", {"new": "x"})
    assert refused(forked.try_merge("nope"), 404) == "update branch main: get commit by ref nope: not found"
    assert refused(forked.try_merge("work", "nope"), 404) == "branch not found"
    assert refused(forked.try_merge("work", forked.head()), 404) == "branch not found"


@pytest.mark.behaviour("C4")
def test_staged_data(forked: Repository) -> None:
    forked.commit_files("work", {"new": "x"})
    forked.upload("work", "staged", "x")
    forked.upload("main", "dirty", "x")
    assert refused(forked.try_merge("work"), 400) == "uncommitted changes (dirty branch)"
    success(forked.request("PUT", "branches", "main", json={"type": "reset"}))
    forked.merge("work")
    assert "staged" not in forked.paths("main")


def test_merge_base(forked: Repository) -> None:
    base = forked.head()
    forked.commit_files("work", {"new": "x"})
    forked.commit_files("main", {"late": "x"})
    found = success(forked.request("GET", "refs", "work", "merge", "main"))
    assert found["base_commit_id"] == base
    # Both heads are named, though under each other's name.
    assert {found["source_commit_id"], found["destination_commit_id"]} == {forked.head(), forked.head("work")}


def test_second_merge_starts_at_the_first(forked: Repository) -> None:
    forked.commit_files("work", {"one": "x"})
    forked.merge("work")
    forked.delete("main", "one")
    forked.commit("main")
    forked.commit_files("work", {"two": "y"})
    forked.merge("work")
    assert forked.paths("main") == ["a", "b", "c", "d/1", "two"]


@pytest.mark.behaviour("C3")
def test_an_added_object_can_vanish(repo: Repository) -> None:
    repo.commit_files("main", {"a": "1", "z": "the content"})
    repo.create_branch("work")
    repo.commit_files("work", {"m": "the content"})
    repo.delete("main", "z")
    repo.commit("main")
    repo.merge("work")
    assert repo.paths("work") == ["a", "m", "z"]
    assert repo.paths("main") == ["a"]  # m is lost: it looks like z, which the other side deleted


@pytest.mark.behaviour("C3")
def test_an_added_object_of_other_content_stays(repo: Repository) -> None:
    repo.commit_files("main", {"a": "1", "z": "the content"})
    repo.create_branch("work")
    repo.commit_files("work", {"m": "other content"})
    repo.delete("main", "z")
    repo.commit("main")
    repo.merge("work")
    assert repo.paths("main") == ["a", "m"]


@pytest.mark.behaviour("C3")
def test_a_conflict_can_be_missed(repo: Repository) -> None:
    repo.commit_files("main", {"a": "1", "z": "content of work"})
    repo.create_branch("work")
    repo.commit_files("work", {"m": "content of work"})
    repo.commit_files("main", {"m": "content of main"})
    repo.merge("work")
    assert repo.read("main", "m") == b"content of main"


def test_merge_among_many_objects(repo: Repository) -> None:
    files = {f"p/{number:04}": f"content {number}" for number in range(150)}
    repo.commit_files("main", files)
    repo.create_branch("work")
    repo.delete("work", "p/0010")
    repo.commit_files("work", {"p/0080": "of work", "q/1": "of work"})
    repo.delete("main", "p/0011")
    repo.commit_files("main", {"p/0140": "of main", "o/1": "of main"})
    merge = repo.merge("work")
    assert repo.diff(f"{merge}~1", merge) == [("removed", "p/0010"), ("changed", "p/0080"), ("added", "q/1")]
    changes = set(repo.diff(f"{merge}^2", merge))
    assert changes == {("added", "o/1"), ("removed", "p/0011"), ("changed", "p/0140")}
