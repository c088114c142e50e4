"""What can be put back: to a time, one commit, some paths, another revert; and what each refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gate_server.errors import Conflict, LakeFSError, NotFound, UsageError
from gate_server.reverts import RevertContext, apply_revert, plan_revert
from gate_server.settings import read_settings
from gate_server.store.store import Store
from local_lakefs.testing import RunningServer
from tests.contract.harness import Lakefs, Repository
from tests.e2e.reverting import change, context_of, entries, install_guards, revert, temporary_branches


def at(repo: Repository, ref: str, seconds: int = 0) -> str:
    """Return when a commit was made, as people write it."""
    made = datetime.fromtimestamp(repo.get_commit(ref)["creation_date"], UTC)
    return (made + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_back_to_a_time(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    change(repo, {"a": "bad"})
    # All of them are made within the same second or two: the last at or before is the newest of that second.
    plan = plan_revert(context, repo.name, "main", at(repo, good))
    line = repo.log("main", first_parent=True)
    newest = next(item for item in line if item["creation_date"] <= repo.get_commit(good)["creation_date"])
    assert plan.target.id == newest["id"]
    assert newest["id"] in plan.notes[0]
    assert "by the clock of who committed" in plan.notes[0]
    assert plan_revert(context, repo.name, "main", at(repo, "main", 1)).target.id == repo.head()
    with pytest.raises(Conflict, match="no commit of main is as old as"):
        plan_revert(context, repo.name, "main", "2001-01-01T00:00+01:00")
    with pytest.raises(UsageError, match="in which zone"):
        plan_revert(context, repo.name, "main", "2026-11-20T08:00")
    with pytest.raises(UsageError, match="is no time"):
        plan_revert(context, repo.name, "main", "2026-11-31T08:00Z")


def test_one_thing_is_said(context: RevertContext, repo: Repository) -> None:
    for wanted in ({}, {"to": "main", "commit": "main"}, {"commit": "main", "paths": ["a"]}):
        with pytest.raises(UsageError):
            plan_revert(context, repo.name, "main", **wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize("guarded", [True, False])
def test_one_commit_is_undone_and_what_came_later_stays(
    context: RevertContext, repo: Repository, guarded: bool
) -> None:
    if guarded:
        install_guards(repo, context)
    bad = change(repo, {"a": "bad", "dir/b": None, "new": "bad"})
    head = change(repo, {"later": "good"})
    plan = plan_revert(context, repo.name, "main", commit=bad)
    assert (plan.way, plan.added, plan.changed, plan.removed) == ("commit", 1, 1, 1)
    done = apply_revert(context, plan)
    assert (done.state, done.to_commit, done.way) == ("verified", bad, "commit")
    made = repo.get_commit("main")
    assert (made["id"], made["parents"]) == (done.commit_id, [head])
    assert made["metadata"]["gate.undone"] == bad
    files = {path: content for path, content in repo.contents("main").items() if not path.startswith("_")}
    assert files == {"a": b"good", "dir/b": b"good", "later": b"good"}
    assert temporary_branches(repo) == []
    assert apply_revert(context, plan_revert(context, repo.name, "main", commit=bad)).state == "unchanged"


def test_one_commit_is_undone_under_a_protection_of_every_branch(
    context: RevertContext, repo: Repository
) -> None:
    bad = change(repo, {"a": "bad"})
    change(repo, {"later": "good"})
    repo.protect("*")
    done = apply_revert(context, plan_revert(context, repo.name, "main", commit=bad))
    assert done.state == "verified"
    assert repo.contents("main") == {"a": b"good", "dir/b": b"good", "later": b"good"}


def test_a_commit_that_others_built_on_is_refused_by_name(context: RevertContext, repo: Repository) -> None:
    bad = change(repo, {"a": "bad", "dir/b": "bad"})
    head = change(repo, {"a": "mended"})
    with pytest.raises(Conflict, match="main changed a again since; nothing was changed"):
        plan_revert(context, repo.name, "main", commit=bad)
    assert repo.head() == head
    # What another commit put right already is no conflict.
    change(repo, {"a": "bad"})
    assert apply_revert(context, plan_revert(context, repo.name, "main", commit=bad)).state == "verified"
    assert repo.contents("main") == {"a": b"good", "dir/b": b"good"}


def test_the_first_commit_cannot_be_undone(context: RevertContext, repo: Repository) -> None:
    first = repo.log("main")[-1]["id"]
    with pytest.raises(Conflict, match="the repository's first"):
        plan_revert(context, repo.name, "main", commit=first)


def test_undoing_a_commit_keeps_paths_and_the_gates_files(context: RevertContext, repo: Repository) -> None:
    files = install_guards(repo, context)
    installed = repo.head()
    bad = change(repo, {"a": "bad", "dir/b": "kept", "dir/new": "kept"})
    plan = plan_revert(context, repo.name, "main", commit=bad, keep=["dir/**"])
    assert (plan.added, plan.changed, plan.removed) == (0, 1, 0)
    assert apply_revert(context, plan).state == "verified"
    assert repo.read("main", "a") == b"good"
    assert repo.read("main", "dir/b") == repo.read("main", "dir/new") == b"kept"
    # The merge that installed the gate is not undone by any way.
    assert (
        apply_revert(context, plan_revert(context, repo.name, "main", commit=installed)).state == "unchanged"
    )
    assert set(files) <= set(repo.paths("main"))


def test_some_paths_go_back_and_the_rest_stays(context: RevertContext, repo: Repository) -> None:
    good = change(repo, {"dir/gone": "good", "directory": "good", "dir/same": "same"})
    head = change(
        repo, {"a": "mine", "dir/b": "bad", "dir/gone": None, "dir/new": "bad", "directory": "mine"}
    )
    plan = plan_revert(context, repo.name, "main", good, paths=["dir"])
    assert (plan.way, plan.added, plan.changed, plan.removed) == ("paths", 1, 1, 1)
    done = apply_revert(context, plan)
    assert (done.state, done.paths) == ("verified", ("dir",))
    assert repo.get_commit("main")["parents"] == [head]
    assert repo.contents("main") == {
        "a": b"mine", "dir/b": b"good", "dir/gone": b"good", "dir/same": b"same", "directory": b"mine"
    }  # fmt: skip
    assert temporary_branches(repo) == []
    assert revert(context, repo, good, paths=["dir/same", "nowhere/"]).state == "unchanged"
    assert revert(context, repo, good, paths=["dir", "a", "dir/b"]).state == "verified"
    assert repo.read("main", "a") == b"good"
    assert repo.read("main", "directory") == b"mine"


def test_a_path_that_only_changed_its_address_goes_back(context: RevertContext, repo: Repository) -> None:
    """lakeFS's diff and merge do not see it, and keep the old entry (C1)."""
    good = repo.head()
    stat = repo.stat("main", "a")
    repo.upload("main", "elsewhere", "evil")
    address = repo.stat("main", "elsewhere")["physical_address"]
    repo.delete("main", "elsewhere")
    repo.delete("main", "a")
    repo.commit("main")
    repo.stage("main", "a", address=address, checksum=stat["checksum"], size_bytes=stat["size_bytes"])
    repo.commit("main")
    assert repo.read("main", "a") == b"evil"
    assert revert(context, repo, good, paths=["a"]).state == "verified"
    assert repo.read("main", "a") == b"good"


def test_kept_paths_of_the_environment_have_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE_REVERT_KEEP", "docs/**, models/current.bin,")
    assert read_settings().revert_keep == ("docs/**", "models/current.bin")
    monkeypatch.delenv("GATE_REVERT_KEEP")
    assert read_settings().revert_keep == ()


def test_settings_keep_paths_too(lakefs: Lakefs, context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    change(repo, {"a": "bad", "dir/b": "kept", "x": "kept"})
    always = context_of(lakefs, context.store, keep=("dir/**",))
    plan = plan_revert(always, repo.name, "main", good, keep=["x"])
    assert apply_revert(always, plan).state == "verified"
    assert repo.contents("main") == {"a": b"good", "dir/b": b"kept", "x": b"kept"}


def test_a_commit_beside_the_line_is_taken_exactly_where_it_is_asked_for(
    context: RevertContext, repo: Repository
) -> None:
    repo.create_branch("dev")
    side = repo.commit_files("dev", {"s": "side"})["id"]
    change(repo, {"a": "bad"})
    with pytest.raises(Conflict, match="never the state of main") as refused:
        plan_revert(context, repo.name, "main", side)
    assert "--allow-side" in refused.value.hint
    plan = plan_revert(context, repo.name, "main", side, allow_side=True)
    assert "was never the state of main" in plan.notes[0]
    assert apply_revert(context, plan).state == "verified"
    assert entries(repo, "main") == entries(repo, side)
    assert plan_revert(context, repo.name, "main", repo.head(), allow_side=True).aside is False


def test_a_preview_says_how_much_where(context: RevertContext, repo: Repository) -> None:
    good = change(repo, {"data/sales/1": "12345", "data/sales/2": "1", "data/stock/1": "123"})
    change(repo, {"data/sales/1": "12", "data/sales/2": None, "data/stock/2": "1234567", "top": "x"})
    plan = plan_revert(context, repo.name, "main", good)
    told = [(row.folder, row.added, row.changed, row.removed) for row in plan.folders]
    assert told == [("", 0, 0, 1), ("data/", 1, 1, 1)]
    assert (plan.added_bytes, plan.changed_bytes, plan.removed_bytes) == (1, 5, 8)
    below = plan_revert(context, repo.name, "main", good, paths=["data"])
    assert [row.folder for row in below.folders] == ["data/sales/", "data/stock/"]
    assert not below.cut


def test_a_revert_is_undone_and_done_again(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    change(repo, {"a": "newer", "dir/b": None, "new": "newer"})
    newer = entries(repo, "main")
    first = revert(context, repo, good)
    change(repo, {"later": "stays"})
    undone = apply_revert(context, plan_revert(context, repo.name, "main", undo=first.id))
    assert (undone.state, undone.undoes, undone.to_commit) == ("verified", first.id, first.commit_id)
    assert {path: entry for path, entry in entries(repo, "main").items() if path != "later"} == newer
    again = apply_revert(context, plan_revert(context, repo.name, "main", undo=undone.id))
    assert again.state == "verified"
    assert repo.contents("main") == {"a": b"good", "dir/b": b"good", "later": b"stays"}


def test_an_undo_that_would_lose_others_work_is_refused(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    change(repo, {"a": "newer"})
    first = revert(context, repo, good)
    head = change(repo, {"a": "somebody else's"})
    with pytest.raises(Conflict, match="main changed a again since"):
        plan_revert(context, repo.name, "main", undo=first.id)
    assert repo.head() == head
    nothing = revert(context, repo, head)
    with pytest.raises(Conflict, match="made no commit"):
        plan_revert(context, repo.name, "main", undo=nothing.id)
    with pytest.raises(NotFound, match="no revert"):
        plan_revert(context, repo.name, "main", undo="0000")
    with pytest.raises(NotFound, match="no revert"):
        plan_revert(context, repo.name, "main", undo="../x")


@pytest.mark.parametrize("way", ["to", "commit", "paths"])
def test_bytes_that_garbage_collection_took_are_told_before(
    server: RunningServer, store: Store, way: str
) -> None:
    lakefs = Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
    content = f"good {uuid4()}"
    repo = lakefs.create_repository(files={"a": content, "dir/b": "good"})
    context = context_of(lakefs, store)
    good = repo.head()
    folder = Path(repo.stat("main", "a")["physical_address"].removeprefix("local://").partition(repo.name)[0])
    bad = change(repo, {"a": "bad", "dir/b": "bad"})
    files = (file for file in folder.rglob("*") if file.is_file())
    next(file for file in files if file.read_bytes() == content.encode()).unlink()
    how: dict[str, Any] = {"commit": bad} if way == "commit" else {"to": good}
    plan = plan_revert(context, repo.name, "main", **how, paths=["a"] if way == "paths" else [])
    assert any("the bytes of a are gone from lakeFS's storage" in note for note in plan.notes), plan.notes
    assert (plan.added, plan.changed) == (0, 1 if way == "paths" else 2)
    whole = plan_revert(context, repo.name, "main", good, paths=["dir"])
    assert whole.notes == ()
    if way == "paths":  # what cannot be copied is not half put back
        with pytest.raises(LakeFSError):
            apply_revert(context, plan)
        assert repo.head() == bad
        assert temporary_branches(repo) == []
