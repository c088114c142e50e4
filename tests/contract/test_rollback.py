"""Putting a branch back to an earlier commit: the ways, and what each gets wrong."""

import pytest

from tests.contract.action_files import FOLDER, ready_to_merge, webhook
from tests.contract.harness import Json, Lakefs, Repository, refused
from tests.contract.webhooks import Receiver


def way_a(
    repo: Repository, target: str, keep: dict[str, str] | None = None, strategy: str | None = None
) -> Json:
    """R1: `main` merged into a branch at the target, and that merge reverted on `main`."""
    repo.create_branch("back", target, hidden=True)
    if keep:
        repo.commit_files("back", keep)
    merge = repo.merge("main", "back", **({"strategy": strategy} if strategy else {}))
    commit = repo.revert("main", merge, 1)
    repo.delete_branch("back")
    return commit


def stand_in(repo: Repository, target: str, keep: dict[str, str] | None = None) -> Json:
    """As R1, but what stands for `main` is a commit of its metarange (R2), not a merge."""
    repo.create_branch("back", target, hidden=True)
    if keep:
        repo.commit_files("back", keep)
    metarange = repo.get_commit("main")["meta_range_id"]
    reverted = repo.commit("back", params={"source_metarange": metarange})["id"]
    commit = repo.revert("main", reverted, 1)
    repo.delete_branch("back")
    return commit


@pytest.fixture
def spoilt(repo: Repository) -> tuple[Repository, Json]:
    """Return the repository and its good commit, which bad commits and a bad merge followed."""
    good = repo.commit_files("main", {"a": "good", "b": "good", "d/1": "good"})
    repo.commit_files("main", {"a": "bad", "bad/1": "bad"})
    repo.delete("main", "b")
    repo.commit_files("main", {"bad/2": "bad"})
    repo.create_branch("work")
    repo.commit_files("work", {"d/1": "bad"})
    repo.merge("work")
    return repo, good


@pytest.mark.behaviour("R1", "C8")
@pytest.mark.parametrize("protected", [False, True])
def test_way_a(spoilt: tuple[Repository, Json], protected: bool) -> None:
    repo, good = spoilt
    if protected:
        repo.protect("main")
    before, length = repo.head(), len(repo.log("main", first_parent=True))
    commit = way_a(repo, good["id"])
    assert commit["parents"] == [before]
    assert commit["meta_range_id"] == good["meta_range_id"]
    assert len(repo.log("main", first_parent=True)) == length + 1
    assert repo.contents("main") == {"a": b"good", "b": b"good", "d/1": b"good"}


@pytest.mark.behaviour("R1")
def test_way_a_and_back_again(spoilt: tuple[Repository, Json]) -> None:
    repo, good = spoilt
    bad = repo.get_commit("main")
    way_a(repo, good["id"])
    assert way_a(repo, bad["id"])["meta_range_id"] == bad["meta_range_id"]
    assert repo.diff(bad["id"], "main") == []


@pytest.mark.behaviour("R1")
def test_way_a_to_the_first_commit(spoilt: tuple[Repository, Json]) -> None:
    repo, _ = spoilt
    way_a(repo, repo.log("main")[-1]["id"])
    assert repo.paths("main") == []


@pytest.mark.behaviour("R5")
def test_way_a_with_nothing_to_change(repo: Repository) -> None:
    repo.commit_files("main", {"a": "1"})
    repo.create_branch("back", "main")
    assert refused(repo.try_merge("main", "back"), 400) == "update branch back: no changes"


@pytest.mark.behaviour("R5", "C8")
def test_same_content_under_another_metarange_makes_an_empty_commit(repo: Repository) -> None:
    good = repo.commit_files("main", {"a": "1"})
    repo.commit_files("main", {"a": "2"})
    same = repo.commit_files("main", {"a": "1"})
    assert same["meta_range_id"] != good["meta_range_id"]
    commit = way_a(repo, good["id"])
    assert repo.diff(same["id"], commit["id"]) == []
    assert commit["meta_range_id"] == good["meta_range_id"]


@pytest.mark.behaviour("R3")
def test_way_a_keeps_a_path(spoilt: tuple[Repository, Json]) -> None:
    repo, good = spoilt
    commit = way_a(repo, good["id"], keep={"a": "kept", "d/1": "bad"}, strategy="source-wins")
    assert repo.contents("main") == {"a": b"kept", "b": b"good", "d/1": b"bad"}
    assert repo.diff(good["id"], commit["id"]) == [("changed", "a"), ("changed", "d/1")]


@pytest.mark.behaviour("R3")
def test_way_a_conflicts_where_both_sides_changed_a_kept_path(spoilt: tuple[Repository, Json]) -> None:
    repo, good = spoilt
    repo.create_branch("back", good["id"])
    repo.commit_files("back", {"a": "kept"})
    assert repo.try_merge("main", "back").status_code == 409
    merge = repo.merge("main", "back", strategy="dest-wins")
    repo.revert("main", merge, 1)
    assert repo.read("main", "a") == b"bad"  # the destination's: main's content stays


@pytest.mark.behaviour("R3")
def test_way_a_loses_a_kept_path_that_neither_side_has(spoilt: tuple[Repository, Json]) -> None:
    repo, good = spoilt
    way_a(repo, good["id"], keep={"new": "kept"}, strategy="source-wins")
    assert "new" not in repo.paths("main")


@pytest.mark.behaviour("R3")
def test_protecting_every_branch_refuses_the_copy_not_the_rest(spoilt: tuple[Repository, Json]) -> None:
    repo, good = spoilt
    repo.protect("*")
    repo.create_branch("back", good["id"])
    assert refused(repo.try_upload("back", "a", "kept"), 403) == "cannot write to protected branch"
    assert refused(repo.try_commit("back"), 403) == "cannot commit to protected branch"
    repo.delete_branch("back")
    assert way_a(repo, good["id"])["meta_range_id"] == good["meta_range_id"]


@pytest.mark.behaviour("R2")
def test_way_b(spoilt: tuple[Repository, Json]) -> None:
    repo, good = spoilt
    repo.create_branch("back")
    repo.commit("back", params={"source_metarange": good["meta_range_id"]})
    merge = repo.get_commit(repo.merge("back"))
    assert merge["meta_range_id"] == good["meta_range_id"]
    assert repo.contents("main") == {"a": b"good", "b": b"good", "d/1": b"good"}


@pytest.mark.behaviour("R1", "R2", "R3", "C8")
@pytest.mark.parametrize("keep", [None, {"a": "kept", "new": "kept"}])
def test_stand_in_is_exact_with_kept_paths_too(
    spoilt: tuple[Repository, Json], keep: dict[str, str] | None
) -> None:
    repo, good = spoilt
    repo.protect("main")
    before = repo.head()
    commit = stand_in(repo, good["id"], keep)
    assert commit["parents"] == [before]
    kept = {path: content.encode() for path, content in (keep or {}).items()}
    assert repo.contents("main") == {"a": b"good", "b": b"good", "d/1": b"good"} | kept
    if not keep:
        assert commit["meta_range_id"] == good["meta_range_id"]


@pytest.mark.behaviour("R5")
def test_stand_in_with_nothing_to_change(repo: Repository) -> None:
    repo.commit_files("main", {"a": "1"})
    head = repo.get_commit("main")
    repo.create_branch("back", "main")
    reverted = repo.commit("back", params={"source_metarange": head["meta_range_id"]})["id"]
    assert refused(repo.try_revert("main", reverted, 1), 400) == "update branch: no changes"


@pytest.mark.behaviour("R4")
def test_a_main_that_moved_keeps_what_came_late(spoilt: tuple[Repository, Json]) -> None:
    repo, good = spoilt
    repo.create_branch("back", good["id"])
    merge = repo.merge("main", "back")
    repo.commit_files("main", {"late": "late"})
    commit = repo.revert("main", merge, 1)
    assert repo.diff(good["id"], commit["id"]) == [("added", "late")]


@pytest.mark.behaviour("R6")
def test_a_commit_of_another_line_gives_main_a_state_it_never_had(repo: Repository) -> None:
    repo.commit_files("main", {"a": "1"})
    repo.create_branch("side")
    side = repo.commit_files("side", {"s": "side"})
    repo.commit_files("main", {"a": "2"})
    repo.merge("side")
    assert side["id"] not in [commit["id"] for commit in repo.log("main", first_parent=True)]
    assert side["id"] in [commit["id"] for commit in repo.log("main")]
    way_a(repo, side["id"])
    assert repo.contents("main") == {"a": b"1", "s": b"side"}


@pytest.mark.behaviour("R6")
def test_no_ancestor_is_accepted_and_not_reached(repo: Repository) -> None:
    repo.commit_files("main", {"a": "1"})
    repo.create_branch("side")
    side = repo.commit_files("side", {"s": "side"})
    repo.commit_files("main", {"a": "2"})
    way_a(repo, side["id"])
    assert repo.contents("main") == {"a": b"1"}  # neither main's past nor the commit's content


@pytest.mark.behaviour("R8")
def test_an_action_that_a_bad_merge_removed_is_in_force_again(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint(status=412)
    repo = ready_to_merge(lakefs, webhook("ask_gate", endpoint.url))
    good = repo.head()
    repo.delete("work", FOLDER + "gate.yaml")
    repo.commit_files("work", {"a": "bad"})
    repo.merge("work")  # unasked
    way_a(repo, good)
    repo.create_branch("again")
    repo.commit_files("again", {"a": "bad"})
    assert refused(repo.try_merge("again"), 412)
    assert repo.contents("main")["a"] == b"1"


@pytest.mark.behaviour("R8")
def test_the_actions_of_the_target_come_back(repo: Repository) -> None:
    old = '{"name": "old one", "on": {"post-merge": null}, "hooks": []}'
    new = '{"name": "new one", "on": {"post-merge": null}, "hooks": []}'
    good = repo.commit_files("main", {"_lakefs_actions/gate.yaml": old, "a": "1"})
    repo.commit_files("main", {"_lakefs_actions/gate.yaml": new, "a": "2"})
    way_a(repo, good["id"])
    assert repo.read("main", "_lakefs_actions/gate.yaml") == old.encode()
