"""Policies that repositories keep: the base commit's judges, and a candidate cannot change it for itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local_lakefs.testing import RunningServer
from tests.e2e.harness import BAD, GOOD, ROOT, Gate, World, running_gate

PATH = "_lakefs_gate/gate.yaml"
SUITE_PATH = "_lakefs_gate/suites/five_columns.json"
FIVE_COLUMNS = (ROOT / "expectations" / "suites" / "five_columns.json").read_bytes()
POLICY = """\
version: 1
rules:
  - {name: theirs, paths: "mine/*.csv", suite: five_columns, format: {type: csv, header: false}}
"""
LENIENT = POLICY.replace("}}", "}, enforcement: warn}")
FILES = {PATH: POLICY.encode(), SUITE_PATH: FIVE_COLUMNS}
# Only Great Expectations knows that.
REFUSED = json.dumps(
    {
        "name": "five_columns",
        "expectations": [
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "_c0", "mostly": 7}}
        ],
    }
).encode()


@pytest.fixture(scope="module")
def gate(
    server: RunningServer, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gate]:
    folder = Path(tmp_path_factory.mktemp("repositories"))
    settings = {"GATE_DATABASE_URL": new_database(), "GATE_POLICY_IN_REPOSITORY": PATH}
    with running_gate(server.environment, folder, **settings) as running:
        yield running


def kept(world: World, files: dict[str, bytes | None] | None = None) -> World:
    """Let a repository's main hold a policy."""
    world.commit(world.main, FILES if files is None else files)
    return world


def changed(world: World, files: dict[str, bytes | None], name: str = "changes") -> str:
    """Make a branch that changes files; return its commit."""
    branch = world.commit(world.repository.branch(name).create("main"), files)
    return str(branch.get_commit().id)


def announce(gate: Gate, world: World, source_commit: str) -> None:
    base = world.main.get_commit().id
    body = {"repository": world.name, "base_commit": base, "source_commit": source_commit}
    assert gate.api.post("/api/v1/registrations", json=body).status_code == 201


def event(world: World) -> dict[str, Any]:
    head = world.main.get_commit().id
    names = {"event_type": "pre-merge", "repository_id": world.name, "branch_id": "main"}
    return {**names, "source_ref": head, "commit_id": head}


def test_a_repository_is_judged_by_its_own_policy_and_others_by_the_operators(
    gate: Gate, world: World, server: RunningServer
) -> None:
    kept(world).branch("theirs", mine__a_dot_csv=BAD, lakefs_test_dot_csv=BAD)
    found = gate.ask(world.name, "theirs")
    assert (found["verdict"], found["rules"]) == ("FAIL", ["theirs"])
    assert "`_c4` is missing" in found["summary"]
    assert "mine/a.csv" in found["summary"]
    whole = gate.api.get(f"/api/v1/checks/{found['check']}").json()
    assert [item["suite_name"] for item in whole["validations"]] == ["five_columns"]
    world.branch("ours", lakefs_test_dot_csv=BAD, mine__a_dot_csv=GOOD)
    assert gate.ask(world.name, "ours")["verdict"] == "PASS"
    other = World(server)
    other.branch("theirs", mine__a_dot_csv=BAD, lakefs_test_dot_csv=BAD)
    found = gate.ask(other.name, "theirs")
    assert (found["verdict"], "theirs" in found["rules"]) == ("FAIL", False)
    assert "lakefs_test.csv" in found["summary"]


def test_a_candidate_is_not_judged_by_the_policy_that_it_brings(gate: Gate, world: World) -> None:
    kept(world)
    changed(world, {PATH: LENIENT.encode(), "mine/a.csv": BAD})
    found = gate.ask(world.name, "changes")
    assert found["verdict"] == "FAIL"
    assert any(f"{PATH} belongs to the gate" in line for line in found["reasons"])
    assert any("`_c4` is missing" in line for line in found["reasons"])
    for number, files in enumerate(
        [{SUITE_PATH: REFUSED}, {"_lakefs_gate/suites/new.json": b"{}"}, {PATH: None}, {SUITE_PATH: None}]
    ):
        branch = f"change-{number}"
        changed(world, files, branch)
        found = gate.ask(world.name, branch)
        assert (found["verdict"], "belongs to the gate" in found["summary"]) == ("FAIL", True), files


def test_a_first_policy_has_to_be_announced_too(gate: Gate, world: World) -> None:
    world.commit(world.main, {"a.txt": b"1"})
    brings = changed(world, FILES)
    assert gate.ask(world.name, "changes")["verdict"] == "FAIL"
    announce(gate, world, brings)
    found = gate.ask(world.name, "changes")
    assert found["verdict"] == "PASS", found


def test_a_merge_that_made_main_hold_another_policy_is_refused(gate: Gate, world: World) -> None:
    """The hook's way: a merge's commit, against its first parent."""
    kept(world)
    changed(world, {PATH: LENIENT.encode()})
    world.repository.branch("changes").merge_into("main")  # no action stands before this main
    answer = gate.post_event(event(world))
    assert (answer.status_code, answer.json()["verdict"]) == (412, "FAIL")
    assert f"{PATH} belongs to the gate" in answer.json()["summary"]


def test_a_branch_from_before_a_change_of_the_policy_is_no_change_of_it(gate: Gate, world: World) -> None:
    kept(world).branch("older", mine__a_dot_csv=BAD)
    world.commit(world.main, {PATH: LENIENT.encode()})
    found = gate.ask(world.name, "older")
    assert (found["verdict"], found["rules"]) == ("WARN", ["theirs"]), found


def test_an_announced_policy_is_looked_at_before_it_comes_in(gate: Gate, world: World) -> None:
    kept(world)
    for number, (files, words) in enumerate(
        [
            ({PATH: POLICY.replace("version: 1", "version: 2").encode()}, "`version: 1` is needed"),
            ({SUITE_PATH: REFUSED}, "`mostly`"),
            ({SUITE_PATH: None}, "is not there"),
        ]
    ):
        branch = f"broken-{number}"
        announce(gate, world, changed(world, files, branch))
        found = gate.ask(world.name, branch)
        assert found["verdict"] == "FAIL", found
        assert any("this policy could not judge" in line and words in line for line in found["reasons"])
    source = changed(world, {PATH: LENIENT.encode()}, "good")
    assert gate.run("policy", "announce", world.uri("good"), "--into", "main").returncode == 0
    found = gate.ask(world.name, "good")
    assert (found["verdict"], world.repository.branch("good").get_commit().id) == ("PASS", source)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({PATH: POLICY.replace("paths", "pathes").encode()}, f"/{PATH}:3: rules[0]: `pathes` is unknown"),
        ({PATH: b"#" * 1_000_001}, f"/{PATH}: is too large"),
        ({SUITE_PATH: None}, f"/{SUITE_PATH}: the suite of rule theirs is not there"),
        ({SUITE_PATH: b"{"}, f"/{SUITE_PATH}:1: not valid JSON"),
        ({SUITE_PATH: REFUSED}, f" {SUITE_PATH}:1: expect_column_values_to_not_be_null: `mostly`"),
    ],
)
def test_a_wrong_policy_in_the_base_is_an_error_never_the_operators(
    gate: Gate, world: World, files: dict[str, bytes | None], words: str
) -> None:
    kept(world, {**FILES, **files} if None not in files.values() else {PATH: POLICY.encode()})
    world.commit(world.main, {"mine/a.csv": GOOD})
    for _ in range(2):
        answer = gate.post_event(event(world))
        assert (answer.status_code, answer.json()["verdict"]) == (503, "ERROR")
        assert words in answer.json()["summary"]
        assert "repo-" not in answer.json()["summary"].replace(world.name, "")


def test_a_known_verdict_costs_no_more_calls_with_a_policy_in_the_repository(
    gate: Gate, world: World
) -> None:
    more = {f"_lakefs_gate/suites/more_{number}.json": FIVE_COLUMNS for number in range(20)}
    kept(world, {**FILES, **more})
    world.commit(world.main, {"mine/a.csv": GOOD})
    costs = []
    for _ in range(2):
        answer = gate.post_event(event(world))
        assert (answer.status_code, answer.json()["verdict"]) == (200, "PASS")
        found = re.search(r'"(\d+) calls"', answer.headers["Server-Timing"])
        assert found
        costs.append(int(found[1]))
    # Two commits, where the repository's data lies, two listings, the policy and the one suite that it uses.
    assert costs == [7, 0]
    world.commit(world.main, {"mine/b.csv": GOOD})
    answer = gate.post_event(event(world))
    # The same policy on another base: a commit, and that its files are the same ones.
    assert '"3 calls"' in answer.headers["Server-Timing"]


def test_a_waiver_that_was_made_holds_for_a_repositorys_own_rule(gate: Gate, world: World) -> None:
    """The operator's policy does not hold there, what an admin makes for this repository does."""
    kept(world).branch("theirs", mine__a_dot_csv=BAD)
    found = gate.ask(world.name, "theirs")
    ends = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    terms = {"owner": "Ann", "reason": "known", "expires": ends}
    answer = gate.api.post("/api/v1/waivers", json={"check": found["check"], **terms})
    (made,) = answer.json()["waivers"]
    assert made["rule"] == "theirs"
    whole = gate.api.get(f"/api/v1/checks/{found['check']}").json()
    assert (whole["verdict"], gate.ask(world.name, "theirs")["verdict"]) == ("WARN", "WARN")
    gate.api.delete(f"/api/v1/waivers/{made['id']}")
    whole = gate.api.get(f"/api/v1/checks/{found['check']}").json()
    assert (whole["verdict"], gate.ask(world.name, "theirs")["verdict"]) == ("FAIL", "FAIL")
