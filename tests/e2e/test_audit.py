"""What came to a guarded branch, beside the record: each way around the gate is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

import pytest

from local_lakefs.testing import RunningServer
from tests.contract.harness import Lakefs, success
from tests.e2e.guarded import ACTION_PATH, PATH, Guarded
from tests.e2e.harness import BAD, GOOD, Gate
from tests.e2e.test_hooks import ACTION


@pytest.fixture
def guarded(server: RunningServer, gate: Gate) -> Guarded:
    """Give a guarded main."""
    return Guarded(server, gate)


WAYS: dict[str, tuple[Callable[[Guarded], str], str]] = {
    "merge": (Guarded.merge_without_action, "a merge of a commit without the gate's action"),
    "cherry-pick": (Guarded.cherry_pick, "looks like a cherry-pick"),
    "direct commit": (Guarded.direct, "looks like a direct commit"),
    "squash merge": (Guarded.squash, "looks like a squash merge"),
    "import": (Guarded.import_, "looks like an import, or a squash merge"),
    "revert": (Guarded.plain_revert, "looks like a revert by other means than the gate"),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_around_the_gate_is_found_and_named(guarded: Guarded, way: str) -> None:
    make, said = WAYS[way]
    made = make(guarded)
    newest = guarded.newest()
    assert newest["commit"] == made
    assert newest["state"] in ("unverified", "failing", "judged afterwards")  # the gate judges it meanwhile
    assert newest["came_by"] == said or newest["state"] == "judged afterwards"


def test_what_is_judged_is_verified(guarded: Guarded) -> None:
    merged = guarded.judged_merge()
    found = guarded.audit()
    assert (found["verified"], found["last_good"], found["findings"]) == (True, merged, [])
    assert [item["state"] for item in found["commits"]] == ["judged", "installed"]
    (asked,) = [item for item in found["commits"] if item["commit"] == merged]
    assert asked["outcome"] == "PASS"
    assert asked["ask"]
    assert asked["check"]


def test_bad_data_that_the_gate_takes_back_is_not_held_any_more(guarded: Guarded) -> None:
    merged, bad = guarded.judged_merge(), guarded.direct()
    assert guarded.audit()["verified"] is False
    assert guarded.audit()["last_good"] == merged
    done = guarded.revert(to=merged)
    found = guarded.audit()
    assert (found["verified"], found["last_good"]) == (True, done["commit_id"])
    states = {item["commit"]: (item["state"], item["outstanding"]) for item in found["commits"]}
    assert states[done["commit_id"]] == ("revert", False)
    assert states[bad][1] is False


def test_one_commit_undone_leaves_what_came_after_it(guarded: Guarded) -> None:
    bad, merged = guarded.direct(), guarded.judged_merge()
    assert guarded.audit()["last_good"] == guarded.installed
    guarded.revert(commit=bad)
    found = guarded.audit()
    assert found["verified"] is True
    assert merged in {item["commit"] for item in found["commits"]}


def test_what_a_revert_keeps_stays_outstanding(guarded: Guarded) -> None:
    merged = guarded.judged_merge()
    guarded.repository.commit_files("main", {PATH: BAD, "other": "1"})
    guarded.revert(to=merged, keep=[PATH])
    assert guarded.audit()["verified"] is False


def test_an_undone_revert_brings_back_what_it_took(guarded: Guarded) -> None:
    merged = guarded.judged_merge()
    guarded.direct()
    done = guarded.revert(to=merged)
    guarded.revert(undo=done["id"])
    assert guarded.audit()["verified"] is False


def test_a_forged_event_vouches_for_nothing_else(guarded: Guarded) -> None:
    bad = guarded.direct()
    event = {
        "event_type": "pre-merge",
        "repository_id": guarded.world.name,
        "branch_id": "somewhere",  # no rule applies there, so it passes
        "source_ref": bad,
        "commit_id": bad,
    }
    assert guarded.gate.post_event(event).json()["verdict"] == "PASS"
    assert guarded.newest()["state"] in ("unverified", "failing")
    # Who posts the truth has it judged, as it is.
    assert guarded.gate.post_event(event | {"branch_id": "main"}).json()["verdict"] == "FAIL"
    assert guarded.newest()["state"] == "failing"
    assert guarded.audit()["verified"] is False


def test_history_that_does_not_hold_the_installation_is_told(guarded: Guarded) -> None:
    first = guarded.repository.log()[-1]["id"]
    answer = guarded.repository.request("PUT", "branches", "main", "hard_reset", params={"ref": first})
    assert answer.status_code == 204, answer.text
    found = guarded.audit()
    assert found["verified"] is False
    assert "does not hold commit" in found["findings"][0]
    assert guarded.gate.run("audit", guarded.world.uri()).returncode == 1


def test_the_command(guarded: Guarded) -> None:
    uri = guarded.world.uri()
    guarded.judged_merge()
    passed = guarded.gate.run("audit", uri)
    assert passed.returncode == 0, passed.stderr
    assert "verified, 2 commits looked at" in passed.stdout
    bad = guarded.direct()
    for environment in ({}, {"GATE_URL": ""}):  # through the gate, and in its own process
        found = guarded.gate.run("audit", uri, "--json", **environment)
        assert found.returncode == 1, found.stderr
        audit = json.loads(found.stdout)["audit"]
        assert audit["commits"][0]["commit"] == bad
    assert guarded.gate.run("audit", uri, "--since", bad).returncode == 0
    assert guarded.gate.run("audit", "lakefs://nowhere/main").returncode == 2
    guarded.repository.create_branch("side")
    told = guarded.gate.run("audit", guarded.world.uri("side"))
    assert "--since" in told.stderr
    assert told.returncode == 2


def test_what_cannot_be_told_is_no_pass(guarded: Guarded) -> None:
    away = guarded.gate.run(
        "audit", guarded.world.uri(), GATE_URL="", LAKECTL_SERVER_ENDPOINT_URL="http://127.0.0.1:9"
    )
    assert away.returncode == 3


def test_the_record_is_whole_and_exported(guarded: Guarded) -> None:
    guarded.judged_merge()
    whole = guarded.gate.run("audit", "verify", "--json")
    assert whole.returncode == 0, whole.stdout
    head = json.loads(whole.stdout)["head"]
    guarded.judged_merge("more")
    assert guarded.gate.run("audit", "verify", "--head", head).returncode == 0
    number, _, digest = head.partition(":")
    forged = f"{number}:{digest[::-1]}"
    assert guarded.gate.run("audit", "verify", "--head", forged).returncode == 1
    lines = [json.loads(line) for line in guarded.gate.run("audit", "export").stdout.splitlines()]
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    assert all(after["previous"] == before["digest"] for before, after in pairwise(lines))


def test_who_is_limited_audits_within_their_limits(guarded: Guarded) -> None:
    made = guarded.gate.api.post(
        "/api/v1/tokens",
        json={
            "name": "limited",
            "roles": ["reader"],
            "repositories": [guarded.world.name],
            "branches": ["dev"],
        },
    ).json()
    headers = {"Authorization": f"Bearer {made['text']}"}
    for branch, status in (("main", 403), ("dev", 404)):
        query = {"repository": guarded.world.name, "branch": branch}
        answer = guarded.gate.api.get("/api/v1/audits", params=query, headers=headers)
        assert answer.status_code == status, answer.text


def test_a_revert_to_the_last_good_state(guarded: Guarded) -> None:
    good = guarded.judged_merge()
    guarded.direct()
    guarded.world.branch("late", late__lakefs_test_dot_csv=GOOD).merge_into("main")
    for environment in ({}, {"GATE_URL": ""}):  # through the gate, and in its own process
        planned = guarded.gate.run(
            "revert", guarded.world.uri(), "--to", "last-good", "--dry-run", "--json", **environment
        )
        assert planned.returncode == 0, planned.stderr
        assert json.loads(planned.stdout)["plan"]["target"]["id"] == good
    guarded.repository.create_branch("last-good")  # whatever is called so
    assert guarded.revert(to="last-good")["to_commit"] == good
    assert guarded.audit()["verified"] is True


def test_no_last_good_state_is_made_up(guarded: Guarded) -> None:
    first = guarded.repository.log()[-1]["id"]
    guarded.repository.request("PUT", "branches", "main", "hard_reset", params={"ref": first})
    body = {"repository": guarded.world.name, "branch": "main", "to": "last-good"}
    answer = guarded.gate.api.post("/api/v1/reverts", json=body)
    assert answer.status_code == 409
    assert "does not hold commit" in answer.json()["error"]["message"]


def test_a_forced_merge_into_a_read_only_repository_is_named(server: RunningServer, gate: Gate) -> None:
    lakefs = Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
    repository = lakefs.create_repository(read_only=True)
    action = ACTION.format(url=gate.url)

    def put(branch: str, path: str, content: bytes) -> str:
        where = {"path": path, "force": True}
        success(repository.request("POST", "branches", branch, "objects", params=where, content=content))
        return str(repository.commit(branch, force=True)["id"])

    installed = put("main", ACTION_PATH, action.encode())
    body = {
        "repository": repository.name,
        "branch": "main",
        "files": {ACTION_PATH: action},
        "commit_id": installed,
    }
    assert gate.api.put("/api/v1/installations", json=body).status_code == 200
    repository.create_branch("work", force=True)
    put("work", PATH, BAD)
    merged = repository.merge("work", force=True)
    answer = gate.api.get("/api/v1/audits", params={"repository": repository.name, "branch": "main"})
    newest = answer.json()["audit"]["commits"][0]
    assert (newest["commit"], newest["state"]) == (merged, "unverified")
    assert newest["came_by"] == "looks like a forced merge: the repository is read-only"
