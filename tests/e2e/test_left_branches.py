"""What somebody who was killed left in lakeFS is deleted, and nothing else."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from gate_server.lakefs.branches import Branches
from gate_server.model import Revert
from gate_server.reverts import RevertContext, apply_revert, plan_revert
from gate_server.reverts.apply import temporary_name
from gate_server.reverts.left_branches import delete_left_branches
from gate_server.setup import temporary
from gate_server.setup.proof import canary_branch
from gate_server.store.times import now
from tests.contract.harness import Repository
from tests.e2e.reverting import change


def test_branches_of_a_lost_database_go_by_name_and_age(context: RevertContext, repo: Repository) -> None:
    store = context.store
    ids = [store.reverts.new_id() for _ in range(4)]
    fresh, open_here = temporary_name(ids[0]), f"gate-revert-{1:x}-{ids[1]}"
    old = f"gate-revert-{int(time.time()) - 25 * 3600:x}-{ids[2]}"
    foreign = ["gate-revert-mine", f"gate-revert-zz-{ids[3]}", "work"]
    for name in (fresh, open_here, old, *foreign):
        repo.create_branch(name, hidden=True)
    head = repo.head()
    begun = Revert(ids[1], repo.name, "main", head, head, "", "planned", "")
    store.reverts.open(begun, open_here)
    # A repository that is gone, or that lakeFS does not show, holds nobody up.
    places = ["no-such-repository", repo.name]
    assert delete_left_branches(context, places) == [f"lakefs://{repo.name}/{old}"]
    left = {branch["id"] for branch in repo.pages("branches", show_hidden=True)} - {"main"}
    assert left == {fresh, open_here, *foreign}
    store.reverts.close(replace(begun, state="failed"))
    assert delete_left_branches(context, places) == [f"lakefs://{repo.name}/{open_here}"]
    change(repo, {"a": "bad"})
    assert apply_revert(context, plan_revert(context, repo.name, "main", head)).state == "verified"


def test_what_a_killed_doctor_left_goes_and_nothing_of_anybodys(
    context: RevertContext, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    branches, head = Branches(context.lakefs, repo.name), context.commits.head(repo.name, "main")
    killed = canary_branch(branches, head)  # that it is never left is the death
    canary, _ = killed.__enter__()
    left = {canary, *(temporary.temporary_name(kind) for kind in ("doctor", "install", "probe"))}
    for name in left - {canary}:
        branches.create(name, "main", hidden=True)
    (proof,) = {str(item["id"]) for item in repo.pages("branches", show_hidden=True)} - left - {"main"}
    left.add(proof)
    long_ago, number = f"{int(time.time()) - 10**6:08x}", "0123456789abcdef"
    kept = [
        f"gate-doctor-{number}",
        f"gate-doctor-{long_ago}-{number}-mine",
        f"gate-else-{long_ago}-{number}",
    ]
    for name in kept:
        repo.create_branch(name, hidden=True)
    kept.append(f"gate-doctor-{long_ago}-{number}")  # as one of the gate's, but people see it
    repo.create_branch(kept[-1])
    # Clocks that are off, and what is at work: nothing is deleted that was made within the hour, or later.
    for hours in (-2, 0, 0.9):
        _in(hours, monkeypatch)
        assert temporary.delete_left_branches(context.lakefs, [repo.name]) == []
    _in(1.1, monkeypatch)
    deleted = temporary.delete_left_branches(context.lakefs, ["no-such-repository", repo.name])
    assert set(deleted) == {f"lakefs://{repo.name}/{name}" for name in left}
    assert {str(item["id"]) for item in repo.pages("branches", show_hidden=True)} == {"main", *kept}


def _in(hours: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the gate's clock say what it will in some hours."""
    monkeypatch.setattr(temporary, "now", lambda: now() + timedelta(hours=hours))
