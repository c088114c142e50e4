"""What came to a guarded branch, beside the record: each way around the gate is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from local_lakefs.testing import RunningServer
from tests.contract.harness import Lakefs, Repository, success
from tests.e2e.harness import BAD, GOOD, Gate, World, until
from tests.e2e.test_hooks import ACTION

ACTION_PATH = "_lakefs_actions/gate_pre_merge.yaml"
PATH = "lakefs_test.csv"
WITHOUT_ACTION = {"lakefs_test_dot_csv": BAD, "_lakefs_actions__gate_pre_merge_dot_yaml": None}


class Guarded:
    """A main with the gate's action alone: nothing refuses what comes by another way."""

    def __init__(self, server: RunningServer, gate: Gate) -> None:
        self.gate = gate
        self.world = World(server)
        lakefs = Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
        self.repository = Repository(lakefs, self.world.name)
        action = ACTION.format(url=gate.url)
        self.world.commit(self.world.main, {ACTION_PATH: action.encode()})
        self.installed = self.repository.head()
        body = {
            "repository": self.world.name,
            "branch": "main",
            "files": {ACTION_PATH: action},
            "commit_id": self.installed,
        }
        assert gate.api.put("/api/v1/installations", json=body).status_code == 200

    def audit(self, **query: str) -> dict[str, Any]:
        """Audit main through the API."""
        query = {"repository": self.world.name, "branch": "main", **query}
        answer = self.gate.api.get("/api/v1/audits", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["audit"]
        return found

    def newest(self) -> dict[str, Any]:
        """Return what is said of the head."""
        found: dict[str, Any] = self.audit()["commits"][0]
        return found

    def revert(self, **body: Any) -> dict[str, Any]:
        """Have the gate revert main."""
        body = {"repository": self.world.name, "branch": "main", **body}
        answer = self.gate.api.post("/api/v1/reverts", json=body)
        assert answer.status_code == 201, answer.text
        done: dict[str, Any] = answer.json()["revert"]
        return done

    def judged_merge(self, name: str = "good") -> str:
        """Merge good data through the gate."""
        return str(self.world.branch(name, **{f"{name}__lakefs_test_dot_csv": GOOD}).merge_into("main"))

    def direct(self, content: bytes = BAD) -> str:
        """Commit to main itself."""
        return str(self.repository.commit_files("main", {PATH: content})["id"])

    def merge_without_action(self) -> str:
        """Merge a branch that lost the gate's action (H1)."""
        self.world.branch("bypass", **WITHOUT_ACTION)
        return str(self.repository.merge("bypass"))

    def cherry_pick(self) -> str:
        """Pick a commit onto main (H7)."""
        self.world.branch("picked", lakefs_test_dot_csv=BAD)
        answer = self.repository.request("POST", "branches", "main", "cherry-pick", json={"ref": "picked"})
        return str(success(answer)["id"])

    def squash(self) -> str:
        """Squash-merge a branch that lost the gate's action."""
        self.world.branch("squashed", **WITHOUT_ACTION)
        return str(self.repository.merge("squashed", squash_merge=True))

    def import_(self) -> str:
        """Import from another branch's data."""
        self.world.branch("data", away__lakefs_test_dot_csv=BAD)
        address = self.repository.stat("data", "away/lakefs_test.csv")["physical_address"]
        body = {
            "paths": [{"path": address, "destination": PATH, "type": "object"}],
            "commit": {"message": "imported"},
        }
        before = self.repository.head()
        success(self.repository.request("POST", "branches", "main", "import", json=body))
        until(lambda: self.repository.head() != before)
        return self.repository.head()

    def plain_revert(self) -> str:
        """Take a judged merge back as lakectl does."""
        merged = self.judged_merge()
        self.repository.revert("main", merged, 1)
        return self.repository.head()


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
