"""One revert of a branch at a time, and one for each idempotency key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gate_server.errors import Conflict, CouldNotTell, LakeFSError, UsageError
from gate_server.model import Revert
from gate_server.reverts import RevertContext, apply_revert, keyed, outcome_of, plan_revert, sweep
from gate_server.store.store import Store
from tests.contract.harness import Lakefs, Repository
from tests.e2e.faults import BreakingTransport
from tests.e2e.harness import Gate, World
from tests.e2e.reverting import change, context_of

KEY = {"Idempotency-Key": "nightly-7"}


def under_way(
    context: RevertContext, repo: Repository, branch: str = "main", lease_s: float = 60.0
) -> Revert:
    """Record a revert as a process does that then hangs, or dies."""
    head = repo.head()
    begun = Revert(
        context.store.reverts.new_id(), repo.name, branch, head, head, "", "planned", "", "", "ann"
    )
    context.store.reverts.open(begun, f"gate-revert-{begun.id}", lease_s=lease_s)
    return begun


def test_a_second_revert_of_the_branch_waits_for_the_first(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    bad = change(repo, {"a": "bad"})
    plan = plan_revert(context, repo.name, "main", good)
    first = under_way(context, repo)
    with pytest.raises(Conflict, match=f"revert {first.id} of main, by ann, began .* s ago and is under way"):
        apply_revert(context, plan)
    assert repo.head() == bad
    assert context.store.reverts.listed(repository=repo.name) == [first], "the second left no record"
    # Another branch has a lease of its own.
    repo.create_branch("other")
    elsewhere = plan_revert(context, repo.name, "other", good)
    assert apply_revert(context, elsewhere).state == "verified"
    assert sweep(context) == [], "it may still be at work"
    context.store.reverts.close(replace(first, state="failed", message="broke off"))
    assert apply_revert(context, plan).state == "verified"


def test_a_dead_reverts_lease_runs_out(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    change(repo, {"a": "bad"})
    dead = under_way(context, repo, lease_s=0.0)
    done = apply_revert(context, plan_revert(context, repo.name, "main", good))
    assert done.state == "verified"
    assert not context.store.reverts.renew(dead.id, 60.0), "another has had the branch"


def test_a_revert_that_lost_its_lease_changes_nothing(lakefs: Lakefs, store: Store, repo: Repository) -> None:
    good = repo.head()
    bad = change(repo, {"a": "bad"})
    context = context_of(lakefs, store)
    taken: list[Revert] = []

    def take(method: str, path: str, _status: int, _duration_s: float) -> None:
        if method == "POST" and path.endswith("/branches") and not taken:
            (own,) = [item for item in store.reverts.listed(repository=repo.name) if item.state == "planned"]
            assert store.reverts.renew(own.id, -1.0)
            taken.append(under_way(context, repo))

    slow = context_of(lakefs, store, on_call=take)
    with pytest.raises(Conflict, match="took so long that another one has begun"):
        apply_revert(slow, plan_revert(context, repo.name, "main", good))
    assert taken
    assert repo.head() == bad


def test_a_request_with_a_key_is_done_once(context: RevertContext, repo: Repository) -> None:
    wanted = {"repository": repo.name, "branch": "main", "to": repo.head()}
    change(repo, {"a": "bad"})
    request = keyed("ann", "k1", wanted)
    assert outcome_of(context, request) is None
    plan = plan_revert(context, **wanted)
    done = apply_revert(context, plan, keyed=request)
    head = change(repo, {"a": "bad again"})
    assert outcome_of(context, request) == (plan, done)
    assert repo.head() == head
    with pytest.raises(UsageError, match="stands for another request"):
        outcome_of(context, keyed("ann", "k1", {**wanted, "to": "main~1"}))
    assert outcome_of(context, keyed("bob", "k1", wanted)) is None, "his own key"
    assert outcome_of(context, keyed("ann", "", wanted)) is None


def test_a_key_whose_revert_is_under_way_or_broke_off(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    change(repo, {"a": "bad"})
    wanted = {"repository": repo.name, "branch": "main", "to": good}
    request = keyed("ann", "k1", wanted)
    plan = plan_revert(context, **wanted)
    begun = Revert("d1", repo.name, "main", plan.head.id, good, "", "planned", "")
    context.store.reverts.open(begun, "gate-revert-d1", plan=plan, lease_s=60.0, keyed=request)
    with pytest.raises(CouldNotTell, match="is under way"):
        outcome_of(context, request)
    assert context.store.reverts.renew("d1", 0.0)
    found = outcome_of(context, request)
    assert found is not None
    assert found[0] == plan
    assert (found[1].id, found[1].state) == ("d1", "failed")
    assert "was not put back" in found[1].message


def test_a_key_is_not_spent_where_lakefs_failed_before_anything_was_changed(
    lakefs: Lakefs, store: Store, context: RevertContext, repo: Repository
) -> None:
    wanted = {"repository": repo.name, "branch": "main", "to": repo.head()}
    change(repo, {"a": "bad"})
    request = keyed("ann", "k1", wanted)
    plan = plan_revert(context, **wanted)
    with pytest.raises(LakeFSError):
        apply_revert(context_of(lakefs, store, transport=BreakingTransport(2)), plan, keyed=request)
    assert outcome_of(context, request) is None
    assert apply_revert(context, plan, keyed=request).state == "verified"


def test_the_api_does_a_keyed_request_once(gate: Gate, world: World) -> None:
    world.commit(world.main, {"a.txt": b"good"})
    good = world.main.get_commit().id
    world.commit(world.main, {"a.txt": b"bad"})
    body = {"repository": world.name, "branch": "main", "to": good}
    first = gate.api.post("/api/v1/reverts", json=body, headers=KEY)
    world.commit(world.main, {"a.txt": b"bad again"})
    again = gate.api.post("/api/v1/reverts", json=body, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert world.contents("main")["a.txt"] == b"bad again"
    other = gate.api.post("/api/v1/reverts", json={**body, "to": "main~1"}, headers=KEY)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "usage")
    long = gate.api.post("/api/v1/reverts", json=body, headers={"Idempotency-Key": "k" * 300})
    assert long.status_code == 422


def test_the_command_undoes_a_revert_by_its_id(gate: Gate, world: World) -> None:
    world.commit(world.main, {"a.txt": b"good", "b.txt": b"good"})
    good = world.main.get_commit().id
    world.commit(world.main, {"a.txt": b"bad", "b.txt": b"bad"})
    one = gate.run(
        "revert", world.uri(), "--to", good, "--path", "a.txt", "--idempotency-key", "x1", "--json"
    )
    assert one.returncode == 0, one.stderr
    assert world.contents("main") == {"a.txt": b"good", "b.txt": b"bad"}
    again = gate.run("revert", world.uri(), "--to", good, "--path", "a.txt", "--idempotency-key", "x1")
    assert "VERIFIED" in again.stdout.upper()
    undo = gate.run("revert", "--undo", one.stdout.split('"id": "')[-1].split('"')[0])
    assert undo.returncode == 0, undo.stderr + undo.stdout
    assert world.contents("main") == {"a.txt": b"bad", "b.txt": b"bad"}
    assert gate.run("revert", "--to", good).returncode == 2
    assert gate.run("revert", "--undo", "0000").returncode == 2
