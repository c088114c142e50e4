"""A merge in lakeFS, judged by the gate: over HTTP, with the official SDK, by the action that users copy."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from lakefs.exceptions import ServerException

from tests.e2e.harness import API_TOKEN, BAD, GOOD, HOOK_TOKEN, Gate, World

ACTION = """\
name: gate-pre-merge
on:
  pre-merge:
    branches: [main]
hooks:
  - id: gate
    type: webhook
    properties:
      url: {url}/hooks/lakefs
      timeout: 60s
      headers:
        Authorization: "Bearer {{{{ ENV.LAKEFSACTION_GATE_TOKEN }}}}"
"""


@pytest.fixture
def guarded(world: World, gate: Gate) -> World:
    """A repository whose main holds the gate's action."""
    world.commit(world.main, {"_lakefs_actions/gate_pre_merge.yaml": ACTION.format(url=gate.url).encode()})
    return world


def event(world: World, **more: Any) -> dict[str, Any]:
    head = world.main.get_commit().id
    return {
        "event_type": "pre-merge",
        "repository_id": world.name,
        "branch_id": "main",
        "source_ref": head,
        "commit_id": head,
        **more,
    }


def last_check(gate: Gate, world: World) -> dict[str, Any]:
    (newest, *_) = gate.api.get("/api/v1/checks", params={"repository": world.name}).json()["checks"]
    found: dict[str, Any] = gate.api.get(f"/api/v1/checks/{newest['check']}").json()
    return found


def test_good_data_is_merged(guarded: World, gate: Gate) -> None:
    guarded.branch("good", lakefs_test_dot_csv=GOOD).merge_into("main")
    assert guarded.contents("main")["lakefs_test.csv"] == GOOD
    assert last_check(gate, guarded)["verdict"] == "PASS"


def test_the_missing_column_is_refused_with_a_reason(guarded: World, gate: Gate) -> None:
    before = guarded.main.get_commit().id
    branch = guarded.branch("bad", lakefs_test_latest_file_dot_csv=BAD)
    with pytest.raises(ServerException) as refused:
        branch.merge_into("main")
    assert refused.value.status_code == 412
    assert guarded.main.get_commit().id == before
    check = last_check(gate, guarded)
    assert check["verdict"] == "FAIL"
    reason = "`_c4` is missing: 5 columns expected, 4 found (`_c0, _c1, _c2, _c3`)"
    assert check["summary"].startswith(f"FAIL: {reason} in lakefs_test_latest_file.csv")
    assert not any(word in json.dumps(check) for word in ('"6"', "partial_unexpected_list"))


def test_the_same_content_is_answered_from_memory(guarded: World, gate: Gate) -> None:
    branch = guarded.branch("bad", lakefs_test_dot_csv=BAD)
    for _ in range(2):
        with pytest.raises(ServerException):
            branch.merge_into("main")
    found = gate.api.get("/api/v1/checks", params={"repository": guarded.name}).json()["checks"]
    assert len(found) == 1


def test_a_branch_that_changes_the_gates_action_is_refused(guarded: World, gate: Gate) -> None:
    name = "_lakefs_actions/gate_pre_merge.yaml"
    branch = guarded.repository.branch("sly").create("main")
    guarded.commit(branch, {name: (ACTION.format(url=gate.url) + "# altered\n").encode()})
    with pytest.raises(ServerException):
        branch.merge_into("main")
    check = last_check(gate, guarded)
    assert check["verdict"] == "FAIL"
    assert name in check["summary"]


def test_a_canary_is_always_refused(guarded: World, gate: Gate) -> None:
    branch = guarded.repository.branch("canary").create("main")
    guarded.commit(branch, {"_gate/canary-1": b"x"})
    with pytest.raises(ServerException):
        branch.merge_into("main")
    assert "canary" in last_check(gate, guarded)["summary"]


def test_what_is_judged_is_main_as_it_would_be(guarded: World, gate: Gate) -> None:
    """A squash merge, and one onto a main that moved: the event's commit is judged, not main now."""
    guarded.branch("one", a_dot_txt=b"1").merge_into("main")
    branch = guarded.branch("two", "main~1", lakefs_test_dot_csv=GOOD)
    branch.merge_into("main", squash_merge=True)
    check = last_check(gate, guarded)
    assert check["verdict"] == "PASS"
    assert check["judged_commit"] == guarded.main.get_commit().id
    assert [item["target"] for item in check["plan"]["obligations"]] == ["lakefs_test.csv"]


# -- at the door --------------------------------------------------------------------------------------


def post(gate: Gate, **arguments: Any) -> httpx.Response:
    return httpx.post(f"{gate.url}/hooks/lakefs", timeout=60, **arguments)


def assert_error(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message", "hint"}
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("token", "status"), [(None, 401), ("wrong", 401), (API_TOKEN, 403), (HOOK_TOKEN + "x", 401)]
)
def test_only_the_hooks_token_opens_the_hook(
    world: World, gate: Gate, token: str | None, status: int
) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    assert_error(post(gate, json=event(world), headers=headers), status)


def test_the_hooks_token_opens_nothing_else(gate: Gate) -> None:
    for path in ("/api/v1/checks", "/api/v1/reverts", "/api/v1/checks/x", "/api/v1/reverts/x"):
        assert_error(gate.hooks.get(path), 403)
    for path in ("/api/v1/checks", "/api/v1/reverts", "/api/v1/registrations"):
        assert_error(gate.hooks.post(path, json={}), 403)


def test_bodies_that_are_no_event(world: World, gate: Gate) -> None:
    assert_error(
        gate.hooks.post("/hooks/lakefs", content=b"{", headers={"Content-Type": "application/json"}), 400
    )
    assert_error(gate.hooks.post("/hooks/lakefs", content=b"{}", headers={"Content-Type": "text/plain"}), 415)
    # On a connection of its own: the gate ends one whose body it did not read.
    assert_error(post(gate, json={"x": "y" * 2_000_000}, headers=gate.hooks.headers), 413)
    for body in ([], {}, 1, "x", event(world, branch_id=5), event(world, event_type="pre-commit")):
        answer = gate.hooks.post("/hooks/lakefs", json=body)
        assert answer.status_code in (400, 422), (body, answer.text)
        assert_error(answer, answer.status_code)


@pytest.mark.parametrize(
    "forged",
    [
        {"repository_id": "no-such-repository"},
        {"commit_id": "f" * 64},
        {"commit_id": "main"},
        {"commit_id": ""},
    ],
)
def test_an_event_that_lakefs_knows_nothing_of_is_an_error_not_a_pass(
    world: World, gate: Gate, forged: dict[str, str]
) -> None:
    answer = gate.hooks.post("/hooks/lakefs", json=event(world, **forged))
    assert answer.status_code == 503
    assert (answer.json()["verdict"], answer.json()["allowed"]) == ("ERROR", False)


def test_what_is_not_there_has_the_one_shape_too(gate: Gate) -> None:
    assert_error(gate.api.get("/api/v1/nothing"), 404)
    assert_error(gate.api.get("/api/v1/checks/nothing"), 404)
    assert_error(gate.api.delete("/api/v1/checks"), 405)
    assert_error(gate.api.post("/api/v1/checks", json={"repository": "x"}), 422)
    assert gate.api.get("/openapi.json").json()["openapi"].startswith("3.")
