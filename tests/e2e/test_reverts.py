"""A branch goes back to an earlier commit: exact or refused, over HTTP, on the embedded lakeFS.

Also on a real one when `GATE_TEST_LAKEFS_URL` and its keys are given, as for the contract suite.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gate_server.errors import Conflict, CouldNotTell, LakeFSError, NotFound
from gate_server.model import Revert
from gate_server.reverts import RevertContext, apply_revert, plan_revert, sweep
from gate_server.setup.gate_files import GUARDS
from gate_server.store.store import Store, open_store
from tests.contract.harness import Lakefs, Repository
from tests.contract.webhooks import Receiver, receiver
from tests.e2e.faults import BreakingTransport
from tests.e2e.reverting import (
    change,
    context_of,
    entries,
    install_guards,
    revert,
    temporary_branches,
)

ANOTHER_REFUSAL = """\
name: another action
on:
  {event}:
    branches: ["{branch}"]
hooks:
  - id: refuse
    type: lua
    properties:
      script: |
        require("hook").fail("not on a Friday")
"""


@pytest.fixture(scope="module")
def webhooks() -> Iterator[Receiver]:
    """Give a receiver of webhooks."""
    with receiver() as running:
        yield running


@pytest.mark.parametrize("commits", [1, 12])
def test_main_holds_the_earlier_content_exactly(
    context: RevertContext, repo: Repository, commits: int
) -> None:
    good, before = repo.head(), entries(repo, "main")
    for number in range(commits):
        repo.commit_files("main", {"a": f"bad {number}", f"new/{number}": "bad"})
    repo.delete("main", "dir/b")
    head = repo.commit("main")["id"]
    plan = plan_revert(context, repo.name, "main", good, reason="prices were doubled")
    assert (plan.added, plan.changed, plan.removed, plan.commits) == (1, 1, commits, commits + 1)
    assert not plan.unchanged
    assert repo.head() == head, "a plan changes nothing"
    done = apply_revert(context, plan, principal="tester")
    assert done.state == "verified"
    assert entries(repo, "main") == before
    made = repo.get_commit(repo.head())
    assert made["id"] == done.commit_id
    assert made["parents"] == [head]
    metadata = made["metadata"]
    assert metadata["gate.revert"] == done.id
    assert metadata["gate.principal"] == "tester"
    assert metadata["gate.reason"] == "prices were doubled"
    assert (metadata["gate.from"], metadata["gate.to"]) == (head, good)
    assert metadata["::lakefs::Gate::url[url:ui]"] == f"http://gate.example/reverts/{done.id}"
    assert temporary_branches(repo) == []
    assert context.store.reverts.unfinished() == []
    assert context.store.reverts.get(done.id) == done


def test_the_way_back_works(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    head = repo.commit_files("main", {"a": "newer"})["id"]
    newer = entries(repo, "main")
    done = revert(context, repo, good)
    assert done.undo == f"gate revert lakefs://{repo.name}/main --to {head}"
    assert revert(context, repo, done.undo.split()[-1]).state == "verified"
    assert entries(repo, "main") == newer


@pytest.mark.parametrize("ref", ["main~2", "short", "tag"])
def test_any_ref_names_the_target(context: RevertContext, repo: Repository, ref: str) -> None:
    good = repo.head()
    repo.request("POST", "tags", json={"id": "release", "ref": good})
    change(repo, {"a": "one"})
    change(repo, {"a": "two"})
    done = revert(context, repo, {"short": good[:16], "tag": "release"}.get(ref, ref))
    assert (done.state, done.to_commit) == ("verified", good)
    assert repo.read("main", "a") == b"good"


def test_back_over_merges_on_a_protected_branch(context: RevertContext, repo: Repository) -> None:
    good, before = repo.head(), entries(repo, "main")
    repo.protect("main")
    change(repo, {"a": "bad"})
    change(repo, {"c": "bad", "dir/b": None})
    assert revert(context, repo, good).state == "verified"
    assert entries(repo, "main") == before


def test_a_protection_of_every_branch_is_no_hindrance(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    change(repo, {"a": "bad"})
    repo.protect("*")
    assert revert(context, repo, good).state == "verified"
    assert repo.read("main", "a") == b"good"


def test_back_to_the_first_commit(context: RevertContext, repo: Repository) -> None:
    first = repo.log("main")[-1]["id"]
    assert revert(context, repo, first).state == "verified"
    assert repo.paths("main") == []


def test_an_object_that_only_changed_its_address_comes_back(context: RevertContext, repo: Repository) -> None:
    """lakeFS's diff and merge do not see it (C1)."""
    good, before = repo.head(), entries(repo, "main")
    stat = repo.stat("main", "a")
    repo.upload("main", "elsewhere", "evil")
    address = repo.stat("main", "elsewhere")["physical_address"]
    repo.delete("main", "elsewhere")
    repo.delete("main", "a")
    repo.commit("main")
    repo.stage("main", "a", address=address, checksum=stat["checksum"], size_bytes=stat["size_bytes"])
    repo.commit("main")
    assert repo.read("main", "a") == b"evil"
    plan = plan_revert(context, repo.name, "main", good)
    assert (plan.added, plan.changed, plan.removed) == (0, 1, 0)
    assert "where their bytes lie" in plan.notes[0]
    assert apply_revert(context, plan).state == "verified"
    assert entries(repo, "main") == before
    assert repo.read("main", "a") == b"good"


def test_kept_paths_stay(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    change(repo, {"a": "bad", "dir/b": "kept", "dir/new": "kept", "other": "bad"})
    plan = plan_revert(context, repo.name, "main", good, keep=["dir/**"])
    assert (plan.added, plan.changed, plan.removed) == (0, 1, 1)
    assert apply_revert(context, plan).state == "verified"
    assert repo.contents("main") == {"a": b"good", "dir/b": b"kept", "dir/new": b"kept"}


def test_a_kept_path_that_main_deleted_stays_away(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    change(repo, {"a": "bad", "dir/b": None})
    assert revert(context, repo, good, keep=["dir/b"]).state == "verified"
    assert repo.contents("main") == {"a": b"good"}


def test_never_to_what_main_never_was(context: RevertContext, repo: Repository) -> None:
    repo.create_branch("dev")
    on_dev = repo.commit_files("dev", {"a": "half done"})["id"]
    repo.commit_files("main", {"c": "meanwhile"})
    repo.merge("dev", "main")
    before = repo.head()
    with pytest.raises(Conflict, match="never the state of main"):
        plan_revert(context, repo.name, "main", on_dev)
    with pytest.raises(NotFound):
        plan_revert(context, repo.name, "main", "no-such-ref")
    with pytest.raises(NotFound):
        plan_revert(context, repo.name, "no-such-branch", before)
    with pytest.raises(NotFound):
        plan_revert(context, "no-such-repository", "main", before)
    assert repo.head() == before


def test_another_head_than_expected_is_refused(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    change(repo, {"a": "bad"})
    with pytest.raises(Conflict, match="main moved"):
        plan_revert(context, repo.name, "main", good, expected_head=good)
    assert plan_revert(context, repo.name, "main", good, expected_head=repo.head()).commits == 1


def test_nothing_to_change_makes_no_commit(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    head = repo.commit("main", allow_empty=True)["id"]
    for target in (head, good):
        assert revert(context, repo, target).state == "unchanged"
    assert repo.head() == head
    assert temporary_branches(repo) == []


def test_the_same_content_under_another_metarange_makes_no_commit(
    context: RevertContext, repo: Repository
) -> None:
    """Kept paths that are all that changed: the rest is the same already."""
    good = repo.head()
    change(repo, {"a": "kept"})
    head = repo.head()
    assert revert(context, repo, good, keep=["a"]).state == "unchanged"
    assert repo.head() == head


def test_uncommitted_changes_are_not_lost(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    head = repo.commit_files("main", {"a": "bad"})["id"]
    repo.upload("main", "work", "in progress")
    done = revert(context, repo, good)
    assert done.state == "refused"
    assert "uncommitted changes" in done.message
    assert "lakectl branch reset" in done.message
    assert repo.head() == head
    assert repo.uncommitted("main") == [("added", "work")]
    assert temporary_branches(repo) == []


def test_the_gates_files_are_put_right(context: RevertContext, repo: Repository) -> None:
    before_install = repo.head()
    files = install_guards(repo, context)
    installed = repo.head()
    change(repo, {"a": "bad", GUARDS: None})
    # Neither the target nor main has the guards: what was installed comes back.
    plan = plan_revert(context, repo.name, "main", before_install)
    assert not plan.guarded
    assert GUARDS in plan.gate_files
    assert apply_revert(context, plan).state == "verified"
    expected = {path: text.encode() for path, text in files.items()}
    assert repo.contents("main") == {"a": b"good", "dir/b": b"good", **expected}
    # The target has them, main lost them: the target's come back with it.
    change(repo, {GUARDS: None})
    assert plan_revert(context, repo.name, "main", installed).gate_files == ""
    assert revert(context, repo, installed).state == "verified"
    assert repo.contents("main") == {"a": b"good", "dir/b": b"good", **expected}


def test_an_altered_file_of_the_gate_does_not_come_back(context: RevertContext, repo: Repository) -> None:
    target = change(repo, {GUARDS: "name: altered\non:\n  post-merge:\nhooks: []\n"})
    files = install_guards(repo, context)
    change(repo, {"a": "bad"})
    plan = plan_revert(context, repo.name, "main", target)
    assert plan.guarded
    assert apply_revert(context, plan).state == "verified"
    assert {path: repo.read("main", path).decode() for path in files} == files
    assert repo.read("main", "a") == b"good"


def test_an_older_action_of_another_name_does_not_come_back(context: RevertContext, repo: Repository) -> None:
    old = "_lakefs_actions/gate_old.yaml"
    target = change(repo, {old: "name: gate guards\non:\n  post-merge:\nhooks: []\n"})
    change(repo, {old: None})
    install_guards(repo, context)
    change(repo, {"a": "bad"})
    assert revert(context, repo, target).state == "verified"
    assert old not in repo.paths("main")
    # Two files of one action name would have failed everything (H2).
    change(repo, {"a": "later"})


def test_without_a_record_mains_own_action_is_kept(
    lakefs: Lakefs, context: RevertContext, repo: Repository, tmp_path: Path
) -> None:
    good = repo.head()
    files = install_guards(repo, context)
    change(repo, {"a": "bad"})
    stranger = context_of(lakefs, open_store(f"sqlite:///{tmp_path / 'another.db'}"))
    plan = plan_revert(stranger, repo.name, "main", good)
    assert plan.guarded
    assert plan.gate_files.startswith("kept as on main")
    assert apply_revert(stranger, plan).state == "verified"
    assert set(repo.paths("main")) == {"a", "dir/b", *files}


def test_only_the_gates_action_is_put_back(context: RevertContext, repo: Repository) -> None:
    """Reverting main to itself repairs it."""
    install_guards(repo, context)
    head = change(repo, {GUARDS: None})
    assert plan_revert(context, repo.name, "main", head).unchanged is False
    assert revert(context, repo, head).state == "verified"
    assert GUARDS in repo.paths("main")


def test_main_that_moved_after_the_plan_is_left_alone(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    change(repo, {"a": "bad"})
    plan = plan_revert(context, repo.name, "main", good)
    moved = change(repo, {"c": "good news"})
    done = apply_revert(context, plan)
    assert done.state == "refused"
    assert f"main moved: its head is now {moved}" in done.message
    assert repo.head() == moved
    assert temporary_branches(repo) == []


@pytest.mark.parametrize("guarded", [True, False])
def test_main_that_moves_at_the_last_moment(
    lakefs: Lakefs, store: Store, context: RevertContext, repo: Repository, guarded: bool
) -> None:
    if guarded:
        install_guards(repo, context)
    good = repo.head()
    bad = change(repo, {"a": "bad"})
    plan = plan_revert(context, repo.name, "main", good)
    assert plan.guarded is guarded
    moved: list[str] = []

    def move_main(method: str, path: str, _status: int, _duration_s: float) -> None:
        # The last that is read before the revert is main's head.
        if method == "GET" and path.endswith("/branches/main") and not moved:
            moved.append(change(repo, {"c": "good news"}))

    done = apply_revert(context_of(lakefs, store, on_call=move_main), plan)
    assert moved
    assert temporary_branches(repo) == []
    if guarded:
        assert done.state == "refused"
        assert f"main moved: its head is now {moved[0]}" in done.message
        assert repo.head() == moved[0]
    else:
        assert done.state == "moved"
        assert repo.get_commit(done.commit_id)["parents"] == [moved[0]]
        assert bad in done.message
        assert done.undo.endswith(f"--to {moved[0]}")


def test_two_reverts_at_once_never_make_a_state_that_never_was(
    lakefs: Lakefs, store: Store, context: RevertContext, repo: Repository, tmp_path: Path
) -> None:
    install_guards(repo, context)
    targets = [repo.head(), change(repo, {"a": "second", "x": "second"})]
    contents = {repo.get_commit(target)["meta_range_id"] for target in targets}
    change(repo, {"a": "third", "y": "third"})
    plans = [plan_revert(context, repo.name, "main", target) for target in targets]
    done: list[Revert] = []
    # Two gates: one knows nothing of the other's lease.
    stores = [store, open_store(f"sqlite:///{tmp_path / 'another.db'}")]
    threads = [
        threading.Thread(
            target=lambda plan=plan, own=own: done.append(apply_revert(context_of(lakefs, own), plan))
        )
        for plan, own in zip(plans, stores, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(item.state for item in done) == ["refused", "verified"]
    assert repo.get_commit("main")["meta_range_id"] in contents
    assert temporary_branches(repo) == []


def test_another_hook_that_refuses_is_named(lakefs: Lakefs, context: RevertContext) -> None:
    action = ANOTHER_REFUSAL.format(event="pre-revert", branch="main")
    # In the first commit: lakeFS may heed later ones only after some seconds (H1).
    repo = lakefs.create_repository(files={"_lakefs_actions/other.yaml": action, "a": "good"})
    good = repo.head()
    head = change(repo, {"a": "bad"})
    done = revert(context, repo, good)
    assert done.state == "refused"
    assert "not on a Friday" in done.message
    assert repo.head() == head


def test_a_temporary_branch_that_stays_is_reported_and_swept(
    context: RevertContext, repo: Repository
) -> None:
    refusal = ANOTHER_REFUSAL.format(event="pre-delete-branch", branch="gate-revert-*")
    good = change(repo, {"_lakefs_actions/other.yaml": refusal})
    change(repo, {"a": "bad"})
    done = revert(context, repo, good)
    assert done.state == "verified"
    (left,) = temporary_branches(repo)
    assert left in done.notes[0]
    assert [item.id for item, _ in context.store.reverts.unfinished()] == [done.id]
    assert "not on a Friday" in sweep(context, older_than_s=0)[0].notes[-1]
    assert temporary_branches(repo) == [left], "the hook still refuses"


def test_the_gates_own_merge_is_announced(
    context: RevertContext, repo: Repository, webhooks: Receiver
) -> None:
    """A hook on all branches that asks the gate must not hold up the gate's own revert (D12)."""
    endpoint = webhooks.endpoint()
    action = ANOTHER_REFUSAL.format(event="pre-merge", branch="gate-revert-*")
    action = action.replace("type: lua", "type: webhook")
    action = action[: action.index("      script:")] + f"      url: {endpoint.url}\n"
    good = change(repo, {"_lakefs_actions/other.yaml": action})
    head = change(repo, {"a": "bad"})
    repo.protect("*")  # else the stand-in is a commit
    announced: list[bool] = []

    def look(event: dict[str, str]) -> bool:
        merge = repo.get_commit(event["commit_id"])
        base, source = merge["parents"]
        return context.store.reverts.is_own_merge(repo.name, event["branch_id"], base, source)

    endpoint.during = lambda received: announced.append(look(received.event))
    done = revert(context, repo, good)
    assert done.state == "verified"
    assert announced == [True]
    (event,) = endpoint.events
    assert event["source_ref"] == head
    assert not look(event), "once it is done, nobody may use it"


@pytest.mark.parametrize("way", ["to", "commit", "paths"])
def test_applying_takes_the_same_calls_whatever_the_distance(
    lakefs: Lakefs, store: Store, repo: Repository, way: str
) -> None:
    counts = []
    for distance in (1, 20):
        target = repo.head()
        bad = repo.commit_files("main", {"dir/b": f"bad {distance}"})["id"]
        for number in range(distance):
            repo.commit_files("main", {"a": f"{distance} {number}"})
        context = context_of(lakefs, store)
        how = {"to": {"to": target}, "commit": {"commit": bad}, "paths": {"to": target, "paths": ["a"]}}[way]
        plan = plan_revert(context, repo.name, "main", **how)  # type: ignore[arg-type]
        before = context.lakefs.calls
        assert apply_revert(context, plan).state == "verified"
        counts.append(context.lakefs.calls - before)
    assert counts[0] == counts[1]
    assert counts[0] <= (14 if way == "paths" else 9)


@pytest.mark.parametrize(
    ("what", "after", "for_good"),
    [
        *itertools.product(["plain", "kept"], [False, True], [False, True]),
        *itertools.product(["commit", "path"], [False], [True]),
        *itertools.product(["commit", "path"], [True], [False]),
    ],
)
def test_a_failure_at_any_call_leaves_nothing_behind(
    lakefs: Lakefs, store: Store, repo: Repository, what: str, after: bool, for_good: bool
) -> None:
    """Break every call of a revert in turn: main is as before or as planned, and no branch stays."""
    context = context_of(lakefs, store)
    good = repo.head()
    outcomes = []
    for number in range(1, 40):
        before = repo.contents("main")
        bad = change(repo, {"a": f"bad {number}", "dir/b": f"mine {number}"})
        head, own = repo.head(), repo.read("main", "dir/b")
        how: dict[str, Any] = {"commit": bad} if what == "commit" else {"to": good}
        how |= {"keep": ["dir/b"]} if what == "kept" else {"paths": ["a"]} if what == "path" else {}
        wanted = {"a": b"good", "dir/b": own if what in ("kept", "path") else b"good"}
        plan = plan_revert(context, repo.name, "main", **how)
        way = BreakingTransport(number, after, for_good)
        try:
            outcomes.append(apply_revert(context_of(lakefs, store, transport=way), plan).state)
        except (LakeFSError, CouldNotTell) as error:
            outcomes.append(error.code)
        sweep(context, older_than_s=0)
        assert temporary_branches(repo) == [], f"call {number} of {way.calls}"
        assert store.reverts.unfinished() == []
        recorded = store.reverts.listed(limit=1)[0]
        if repo.head() == head:
            assert recorded.state in ("failed", "refused"), (number, recorded)
        else:
            assert recorded.state in ("verified", "applied"), (number, recorded)
            assert repo.contents("main") == (before if what == "commit" else wanted)
            assert repo.get_commit("main")["parents"] == [head]
        if len(way.calls) < number:
            break
    else:
        pytest.fail("a revert of 40 calls")
    assert outcomes[-1] == "verified"
    assert set(outcomes) > {"verified"}, "something must have failed"


@pytest.mark.parametrize("status", [401, 403])
def test_rights_that_are_lost_at_any_call_leave_nothing_half_done(
    lakefs: Lakefs, store: Store, repo: Repository, status: int
) -> None:
    good = repo.head()
    outcomes, told = [], set()
    for number in range(1, 40):
        change(repo, {"a": f"bad {number}"})
        head = repo.head()
        plan = plan_revert(context_of(lakefs, store), repo.name, "main", good)
        way = BreakingTransport(number, for_good=True, status=status)
        try:
            done = apply_revert(context_of(lakefs, store, transport=way), plan)
            outcomes.append(done.state)
            told.add(f"{done.message} {' '.join(done.notes)}")
        except (LakeFSError, CouldNotTell) as error:
            outcomes.append(error.code)
            told.add(error.message)
        sweep(context_of(lakefs, store), older_than_s=0)
        assert temporary_branches(repo) == [], f"call {number} of {way.calls}"
        assert store.reverts.unfinished() == []
        state = store.reverts.listed(limit=1)[0].state
        if repo.head() == head:
            assert state in ("failed", "refused"), (number, state)
        else:
            assert state in ("verified", "applied"), (number, state)
            assert repo.read("main", "a") == b"good"
        if len(way.calls) < number:
            break
    else:
        pytest.fail("a revert of 40 calls")
    assert outcomes[-1] == "verified"
    assert set(outcomes) > {"verified"}, "something must have failed"
    refused = {text for text in told if "holds the content" not in text}
    assert refused, "nobody was told"
    assert all("refused by the test" in text for text in refused)


def test_a_revert_whose_process_died_is_swept(context: RevertContext, repo: Repository) -> None:
    target = repo.head()
    head = change(repo, {"a": "bad"})
    died = Revert("d1", repo.name, "main", head, target, "", "planned", "")
    context.store.reverts.open(died, "gate-revert-d1")
    repo.create_branch("gate-revert-d1", target, hidden=True)
    assert sweep(context) == [], "it may still be at work"
    (swept,) = sweep(context, older_than_s=0)
    assert swept == replace(died, state="failed", message=swept.message)
    assert "was not put back" in swept.message
    assert temporary_branches(repo) == []
    assert repo.head() == head


@pytest.mark.parametrize("committed", [False, True])
def test_what_somebody_else_puts_on_the_temporary_branch_does_not_reach_main(
    lakefs: Lakefs, store: Store, context: RevertContext, repo: Repository, committed: bool
) -> None:
    good = repo.head()
    bad = change(repo, {"a": "bad", "dir/b": "kept"})
    plan = plan_revert(context, repo.name, "main", good, keep=["dir/**"])
    put: list[str] = []

    def put_evil(method: str, path: str, status: int, _duration_s: float) -> None:
        if method == "POST" and path.endswith("/branches") and status == 201 and not put:
            put.extend(temporary_branches(repo))
            repo.upload(put[0], "evil", "evil")
            if committed:
                repo.commit(put[0])

    with pytest.raises(Conflict, match="somebody else wrote to the temporary branch"):
        apply_revert(context_of(lakefs, store, on_call=put_evil), plan)
    assert put
    assert repo.head() == bad
    assert temporary_branches(repo) == []


def test_a_tag_that_reads_like_a_short_id_is_not_taken_for_it(
    context: RevertContext, repo: Repository
) -> None:
    good = repo.head()
    bad = change(repo, {"a": "bad"})
    repo.request("POST", "tags", json={"id": good[:12], "ref": bad})
    change(repo, {"a": "worse"})
    with pytest.raises(Conflict, match="is the name of a branch or tag"):
        plan_revert(context, repo.name, "main", good[:12])
    assert plan_revert(context, repo.name, "main", good).target.id == good
