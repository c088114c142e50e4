"""Waivers that somebody makes: what they cover merges with a warning, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from gate_client import Conflict, GateClient, UsageError
from gate_server.store.database import open_engine
from gate_server.store.ledger import Ledger
from local_lakefs.testing import RunningServer
from tests.e2e.harness import API_TOKEN, BAD, GOOD, Gate, World, until

TERMS = {"owner": "Ann", "reason": "the supplier repairs it"}
WEIRD = "inbox/[a]*?/lakefs_test.csv"


def end(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


def waive(gate: Gate, **wanted: Any) -> list[dict[str, Any]]:
    answer = gate.api.post("/api/v1/waivers", json={**TERMS, "expires": end(days=1), **wanted})
    assert answer.status_code == 201, answer.text
    found: list[dict[str, Any]] = answer.json()["waivers"]
    return found


def end_waiver(gate: Gate, waiver: dict[str, Any]) -> None:
    assert gate.api.delete(f"/api/v1/waivers/{waiver['id']}").json()["waiver"]["state"] == "ended"


def merged(world: World, **objects: bytes | None) -> dict[str, Any]:
    """Merge objects into an unguarded main; return the event that its hook would have had."""
    name = f"branch-{len(list(world.repository.branches()))}"
    world.branch(name, **objects)
    source = world.repository.branch(name).get_commit().id
    judged = world.repository.branch(name).merge_into("main")
    names = {"event_type": "pre-merge", "repository_id": world.name, "branch_id": "main"}
    return {**names, "source_ref": source, "merge_source": name, "commit_id": judged}


@pytest.fixture
def refused(gate: Gate, world: World) -> dict[str, Any]:
    """Give the event of a merge that is refused."""
    found = merged(world, lakefs_test_dot_csv=BAD)
    assert gate.post_event(found).status_code == 412
    return found


def test_a_waiver_turns_a_known_failure_into_a_warning_until_it_is_ended(
    gate: Gate, world: World, refused: dict[str, Any]
) -> None:
    before = gate.post_event(refused).json()
    (made,) = waive(gate, check=before["check"])
    assert (made["rule"], made["paths"], made["state"]) == ("five-columns", ["lakefs_test.csv"], "active")
    assert (made["repository"], made["branch"], made["made_by"]) == (world.name, "main", "api")
    warned = gate.post_event(refused)
    told = warned.json()
    assert (warned.status_code, told["verdict"], told["allowed"]) == (200, "WARN", True)
    assert told["check"] == before["check"], "it was judged again"
    for part in (made["id"], "Ann", "the supplier repairs it", "until 2"):
        assert part in told["reasons"][0]
    whole = gate.api.get(f"/api/v1/checks/{told['check']}").json()
    assert made["id"] in whole["details"][0]["waived_by"]
    end_waiver(gate, made)
    refused_again = gate.post_event(refused)
    assert (refused_again.status_code, refused_again.json()["check"]) == (412, before["check"])
    assert gate.api.delete(f"/api/v1/waivers/{made['id']}").status_code == 404
    engine = open_engine(gate.database_url)
    record, commit_id = Ledger(engine), refused["commit_id"]
    assert [entry.kind for entry in record.of_subject(made["id"])] == ["waiver.made", "waiver.ended"]
    entries = record.of_commits(world.name, "main", [commit_id])[commit_id]
    answers = [entry.content for entry in entries if entry.kind == "ask.answered"]
    assert [item["outcome"] for item in answers[-3:]] == ["FAIL", "WARN", "FAIL"]
    assert [made["id"] in "".join(item.get("waived_by", ())) for item in answers[-3:]] == [False, True, False]
    engine.dispose()


def test_a_waiver_covers_neither_another_path_nor_branch_nor_repository(
    gate: Gate, world: World, server: RunningServer, refused: dict[str, Any]
) -> None:
    waive(gate, check=gate.post_event(refused).json()["check"])
    rule, place = {"rule": "five-columns"}, {"repository": world.name}
    for elsewhere in (
        {"repository": f"{world.name}-2"},
        {**place, "branch": "release"},
        {**place, "branch": "m*"},
        {"repository": "*"},
        {**place, "paths": ["another/**"]},
    ):
        waive(gate, **rule, **elsewhere)
    assert gate.post_event(refused).json()["verdict"] == "WARN"
    other_path = gate.post_event(merged(world, sub__lakefs_test_dot_csv=BAD))
    assert (other_path.status_code, other_path.json()["verdict"]) == (412, "FAIL")
    assert gate.post_event(merged(World(server), lakefs_test_dot_csv=BAD)).status_code == 412
    waive(gate, **rule, **place)
    assert gate.post_event(merged(world, other__lakefs_test_dot_csv=BAD)).json()["verdict"] == "WARN"


def test_a_waiver_expires_between_two_answers(gate: Gate, world: World, refused: dict[str, Any]) -> None:
    (made,) = waive(gate, rule="five-columns", repository=world.name, expires=end(seconds=5))
    seen = gate.post_event(refused).json()["verdict"]
    until(lambda: gate.post_event(refused).status_code == 412)
    (listed,) = gate.api.get("/api/v1/waivers", params={"repository": world.name}).json()["waivers"]
    assert (listed["id"], listed["state"]) == (made["id"], "expired")
    assert seen in ("WARN", "FAIL")  # FAIL only where this machine was asleep for five seconds
    # A check that was waived can be waived for longer.
    (longer,) = waive(gate, check=gate.post_event(refused).json()["check"])
    assert longer["state"] == "active"
    assert gate.post_event(refused).json()["verdict"] == "WARN"


def test_a_path_with_wildcards_in_it_is_waived_alone(gate: Gate, world: World) -> None:
    branch = world.repository.branch("weird").create("main")
    world.commit(branch, {WEIRD: BAD})
    found = gate.ask(world.name, "weird")
    (made,) = waive(gate, check=found["check"])
    assert gate.ask(world.name, "weird")["verdict"] == "WARN"
    world.commit(branch, {"inbox/a-b/lakefs_test.csv": BAD})
    assert gate.ask(world.name, "weird")["verdict"] == "FAIL"
    assert made["paths"] != [WEIRD]


def test_what_is_no_finding_on_the_data_is_not_waived(gate: Gate, world: World) -> None:
    world.branch("gate-files", _gate__file=b"x", lakefs_test_dot_csv=BAD)
    found = gate.ask(world.name, "gate-files")
    body = {**TERMS, "expires": end(days=1), "check": found["check"]}
    answer = gate.api.post("/api/v1/waivers", json=body)
    assert answer.status_code == 409
    assert "belongs to the gate" in answer.json()["error"]["message"]
    waive(gate, rule="five-columns", repository=world.name)
    again = gate.ask(world.name, "gate-files")
    assert (again["verdict"], len(again["reasons"])) == ("FAIL", len(found["reasons"]))
    # Of what failed, the part that can be.
    assert [item["rule"] for item in waive(gate, check=found["check"], paths=["*.csv"])] == ["five-columns"]
    world.branch("good", lakefs_test_dot_csv=GOOD)
    good = gate.ask(world.name, "good")
    answer = gate.api.post("/api/v1/waivers", json={**body, "check": good["check"]})
    assert (answer.status_code, good["verdict"]) == (409, "PASS")


@pytest.mark.parametrize(
    "wrong",
    [
        {"expires": "2020-01-01T00:00:00Z"},
        {"expires": "9999-12-31T23:59:59Z"},
        {"expires": "2026-12-31T00:00:00"},
        {"paths": ["[z-a]"]},
        {"paths": [""]},
        {"owner": ""},
        {"owner": " "},
        {"reason": "a\0b"},
        {"rule": "*"},
        {"rule": "no-such-rule"},
        {"check": "abc"},
        {"repository": ""},
        {"branches": ["main"]},
    ],
)
def test_waivers_that_cannot_be(gate_on_sqlite: Gate, wrong: dict[str, Any]) -> None:
    right = {**TERMS, "rule": "five-columns", "repository": "sales", "expires": end(days=1)}
    answer = gate_on_sqlite.api.post("/api/v1/waivers", json={**right, **wrong})
    assert answer.status_code == 422, answer.text


@pytest.fixture
def limited(gate: Gate) -> Iterator[Callable[..., httpx.Client]]:
    """Give a way to be somebody with a limited token."""
    opened: list[httpx.Client] = []

    def be(*roles: str, **scope: list[str]) -> httpx.Client:
        made = gate.api.post("/api/v1/tokens", json={"name": "somebody", "roles": roles, **scope}).json()
        bearer = {"Authorization": f"Bearer {made['text']}"}
        opened.append(httpx.Client(base_url=gate.url, headers=bearer, timeout=60))
        return opened[-1]

    yield be
    for client in opened:
        client.close()


def test_an_admins_limits_are_those_of_what_he_waives(
    gate: Gate, world: World, limited: Callable[..., httpx.Client], refused: dict[str, Any]
) -> None:
    check = gate.post_event(refused).json()["check"]
    terms = {**TERMS, "expires": end(days=1)}
    of_rule = {**terms, "rule": "five-columns", "repository": world.name}
    elsewhere, of_main = limited("admin", repositories=["other"]), limited("admin", branches=["main"])
    for by in (limited("reader", "checker", "reverter"), elsewhere, of_main):
        assert by.post("/api/v1/waivers", json=of_rule).status_code == 403
    assert elsewhere.post("/api/v1/waivers", json={**terms, "check": check}).status_code == 404
    assert of_main.post("/api/v1/waivers", json={**of_rule, "branch": "release"}).status_code == 403
    answer = of_main.post("/api/v1/waivers", json={**of_rule, "branch": "main"})
    assert (answer.status_code, answer.json()["waivers"][0]["made_by"]) == (201, "somebody")
    assert of_main.post("/api/v1/waivers", json={**terms, "check": check}).status_code == 201
    made = answer.json()["waivers"][0]
    assert elsewhere.get("/api/v1/waivers").json() == {"waivers": []}
    assert elsewhere.delete(f"/api/v1/waivers/{made['id']}").status_code == 404
    assert limited("reader").delete(f"/api/v1/waivers/{made['id']}").status_code == 403
    assert limited("reader").get("/api/v1/waivers").status_code == 200
    assert of_main.delete(f"/api/v1/waivers/{made['id']}").json()["waiver"]["ended_by"] == "somebody"


def test_the_clients_calls(gate: Gate, world: World, refused: dict[str, Any]) -> None:
    check = gate.post_event(refused).json()["check"]
    with GateClient(gate.url, API_TOKEN) as client:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        (made,) = client.waive(check=check, owner="Ann", reason="known", expires=tomorrow)
        assert client.list_waivers(world.name) == [made]
        assert client.end_waiver(made.id).state == "ended"
        with pytest.raises(UsageError):
            client.waive(check=check, rule="x", owner="Ann", reason="known", expires=tomorrow)
        world.branch("good", lakefs_test_dot_csv=GOOD)
        good = client.judge(world.name, "good", "main")
        with pytest.raises(Conflict):
            client.waive(check=good.check, owner="Ann", reason="known", expires=tomorrow)


@pytest.mark.parametrize("url", ["", None], ids=["here", "through the gate"])
def test_the_commands(gate: Gate, world: World, refused: dict[str, Any], url: str | None) -> None:
    where = {} if url is None else {"GATE_URL": url}
    check = gate.post_event(refused).json()["check"]
    terms = ("--owner", "Ann", "--reason", "known", "--expires", "7d")
    made = gate.run("waive", check, *terms, "--json", **where)
    assert made.returncode == 0, made.stderr
    (waiver,) = json.loads(made.stdout)["waivers"]
    assert gate.post_event(refused).json()["verdict"] == "WARN"
    listed = gate.run("waivers", "list", "--repository", world.name, **where)
    assert (waiver["id"] in listed.stdout, "active" in listed.stdout) == (True, True), listed.stderr
    assert gate.run("waivers", "end", waiver["id"], **where).returncode == 0
    assert gate.post_event(refused).status_code == 412
    of_rule = gate.run("waive", "five-columns", "--on", f"lakefs://{world.name}/main", *terms, **where)
    assert (of_rule.returncode, f"{world.name}/main" in of_rule.stdout) == (0, True), of_rule.stderr
    assert gate.post_event(refused).json()["verdict"] == "WARN"
    for wrong in (("five-columns",), (check, "--on", "sales"), ("0" * 16,)):
        done = gate.run("waive", *wrong, *terms, **where)
        assert done.returncode in (1, 2, 3), done.stdout
    for wrong_end in ("tomorrow", "2026-12-31", "400d", "0d"):
        done = gate.run("waive", check, *terms[:4], "--expires", wrong_end, **where)
        assert done.returncode == 2, done.stderr
