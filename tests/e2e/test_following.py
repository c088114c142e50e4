"""What comes to a guarded branch by another way is found, judged, told, and by policy taken back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from gate_server.store.store import Store, open_store
from local_lakefs.testing import RunningServer
from tests.e2e.guarded import PATH, Guarded
from tests.e2e.harness import BAD, GOOD, ROOT, Gate, running_gate, until, worker_of

RULE = "five-columns"  # of the policy that users copy


@pytest.fixture(scope="module", params=["revert", "alert"])
def on_fail(request: pytest.FixtureRequest) -> str:
    """Give what the policy says is to happen."""
    return str(request.param)


@pytest.fixture(scope="module")
def gate(
    server: RunningServer,
    new_database: Callable[[], str],
    on_fail: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gate]:
    """Give a gate that follows its branches."""
    folder = tmp_path_factory.mktemp("following")
    shutil.copytree(ROOT / "expectations", folder / "expectations")
    policy = folder / "expectations" / "gate.yaml"
    policy.write_text(f"{policy.read_text()}\non_unverified_fail: {on_fail}\n")
    settings = {
        "GATE_POLICY": str(policy),
        "GATE_DATABASE_URL": new_database(),
        "GATE_AUDIT_EVERY_S": "0.2",
        "GATE_AUDIT_REVERTS_PER_HOUR": "2",
        "GATE_LEASE_S": "3",
    }
    with running_gate(server.environment, folder / "data", **settings) as running:
        yield running


WAYS = {
    "merge": Guarded.merge_without_action,
    "cherry-pick": Guarded.cherry_pick,
    "commit": Guarded.direct,
    "import": Guarded.import_,
    "squash": Guarded.squash,
}


@pytest.fixture
def guarded(server: RunningServer, gate: Gate) -> Guarded:
    """Give a guarded main."""
    made = Guarded(server, gate)
    made.world.commit(made.world.main, {"other.txt": b"first"})
    until(lambda: made.audit()["verified"])
    return made


@pytest.fixture
def store(gate: Gate) -> Iterator[Store]:
    """Give the gate's own record."""
    opened = open_store(gate.database_url)
    yield opened
    opened.engine.dispose()


def kinds(store: Store, commit: str) -> list[str]:
    return [entry.kind for entry in store.ledger.of_subject(commit)]


@pytest.mark.parametrize("way", WAYS)
def test_bad_data_that_came_by_another_way(guarded: Guarded, store: Store, on_fail: str, way: str) -> None:
    before, good = guarded.world.contents("main"), guarded.repository.head()
    bad = WAYS[way](guarded)
    until(lambda: guarded.said(bad)["state"] == "failing")
    said = guarded.said(bad)
    assert said["came_by"]
    check = guarded.gate.api.get(f"/api/v1/checks/{said['check']}").json()
    assert check["verdict"] == "FAIL"
    assert "_c4" in str(check["reasons"])
    until(lambda: kinds(store, bad).count("audit.found") == 2)  # unverified, failing: each told once
    if on_fail == "revert":
        until(lambda: guarded.audit()["verified"])
        assert guarded.world.contents("main") == before
        until(lambda: [item["state"] for item in guarded.reverts()] != ["planned"])
        (revert,) = guarded.reverts()
        assert (revert["state"], revert["principal"]) == ("verified", "gate audit")
        assert bad in revert["reason"]
        assert not guarded.said(bad)["outstanding"]
    else:
        found = guarded.audit()
        assert (found["verified"], found["last_good"]) == (False, good)
        assert guarded.said(bad)["outstanding"]
        assert guarded.reverts() == []
        done = guarded.gate.run("revert", guarded.world.uri(), "--to", "last-good", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert guarded.world.contents("main") == before
        assert guarded.audit()["verified"]
    assert store.ledger.verify() == []


def test_good_data_that_came_by_another_way_stays(guarded: Guarded) -> None:
    good = guarded.direct(GOOD)
    until(lambda: guarded.audit()["verified"])
    assert guarded.said(good)["state"] == "judged afterwards"
    assert guarded.world.contents("main")[PATH] == GOOD
    assert guarded.reverts() == []


def test_good_commits_after_a_bad_one_stay(guarded: Guarded, on_fail: str) -> None:
    before, worker = guarded.world.contents("main"), worker_of(guarded.gate)
    worker.suspend()  # both are there when it looks
    try:
        bad = guarded.direct()
        guarded.world.commit(guarded.world.main, {"other.txt": b"second"})
    finally:
        worker.resume()
    until(lambda: guarded.said(bad)["state"] == "failing")
    if on_fail == "alert":
        return
    until(lambda: guarded.audit()["verified"])
    assert guarded.world.contents("main") == {**before, "other.txt": b"second"}


def test_what_was_brought_again_is_not_taken_back_again(guarded: Guarded, store: Store, on_fail: str) -> None:
    bad = guarded.direct()
    if on_fail == "alert":
        until(lambda: guarded.said(bad)["state"] == "failing")
        return
    until(lambda: [revert["state"] for revert in guarded.reverts()] == ["verified"])
    (revert,) = guarded.reverts()
    undone = {"repository": guarded.world.name, "branch": "main", "undo": revert["id"]}
    assert guarded.gate.api.post("/api/v1/reverts", json=undone).status_code == 201
    until(lambda: "audit.held_back" in kinds(store, bad))
    assert guarded.world.contents("main")[PATH] == BAD
    assert len(guarded.reverts()) == 2
    assert not guarded.audit()["verified"]


def test_the_brake(guarded: Guarded, store: Store, on_fail: str) -> None:
    if on_fail == "alert":
        assert guarded.audit()["verified"]
        return
    for number in range(2):
        guarded.direct(BAD + b"%d,1,1,1\n" % number)
        until(lambda number=number: len(guarded.reverts()) == number + 1)
        until(lambda: {revert["state"] for revert in guarded.reverts()} == {"verified"})
    third = guarded.direct(BAD + b"3,1,1,1\n")
    until(lambda: "audit.held_back" in kinds(store, third))
    (held,) = [entry for entry in store.ledger.of_subject(third) if entry.kind == "audit.held_back"]
    assert "in an hour" in held.content["why"]
    assert len(guarded.reverts()) == 2
    assert not guarded.audit()["verified"]


def test_a_waiver_holds_it_back(guarded: Guarded, on_fail: str) -> None:
    if on_fail == "revert":  # made before: afterwards it would race with the revert
        waiver = {"repository": guarded.world.name, "branch": "main", "rule": RULE}
    bad = guarded.direct() if on_fail == "alert" else ""
    if on_fail == "alert":
        until(lambda: guarded.said(bad)["state"] == "failing")
        waiver = {"check": guarded.said(bad)["check"]}
    terms = {"owner": "ada", "reason": "known", "expires": "2026-12-24T00:00:00Z"}
    answer = guarded.gate.api.post("/api/v1/waivers", json={**waiver, **terms})
    assert answer.status_code == 201, answer.text
    bad = bad or guarded.direct()
    until(lambda: guarded.audit()["verified"])
    assert guarded.said(bad)["state"] == "waived"
    assert guarded.world.contents("main")[PATH] == BAD
    assert guarded.reverts() == []


def test_history_that_was_rewritten_is_found(guarded: Guarded, store: Store) -> None:
    good = guarded.direct(GOOD)
    until(lambda: guarded.audit()["verified"] and guarded.said(good)["state"] == "judged afterwards")
    guarded.repository.request("PUT", "branches", "main", "hard_reset", params={"ref": guarded.installed})
    until(lambda: "audit.rewritten" in kinds(store, good))

    def counted() -> bool:
        lines = guarded.gate.api.get("/metrics").text.splitlines()
        mine = [line for line in lines if guarded.world.name in line]
        return any(line.startswith("gate_branch_rewrites") and line.endswith(" 1.0") for line in mine)

    until(counted)


def test_a_worker_that_dies_while_it_takes_back_does_so_once(guarded: Guarded, on_fail: str) -> None:
    before, bad = guarded.world.contents("main"), guarded.direct()
    if on_fail == "alert":
        until(lambda: guarded.said(bad)["state"] == "failing")
        return
    until(lambda: bool(guarded.reverts()) or guarded.said(bad)["state"] == "failing")
    worker_of(guarded.gate).kill()
    # One that broke off stays open until its lease is over, and nothing is done meanwhile.
    until(
        lambda: (
            "planned" in {revert["state"] for revert in guarded.reverts()}
            or not guarded.said(bad)["outstanding"]
        )
    )
    assert len([item for item in guarded.reverts() if item["commit_id"]]) <= 1
    if not guarded.said(bad)["outstanding"]:
        assert guarded.world.contents("main") == before
