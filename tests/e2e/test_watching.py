"""A watch: rules held against all that main holds, after each new head."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from gate_server.store.database import open_engine, reading
from gate_server.store.ledger import Ledger
from gate_server.store.tables import evaluations
from local_lakefs.testing import RunningServer
from tests.e2e.harness import BAD, GOOD, ROOT, Gate, World, running_gate, until
from tests.e2e.test_waivers import merged, waive

WATCH = """
watch:
  - {name: whole, rules: five-columns, every: 1d}
"""
FIVE = GOOD + GOOD


@contextmanager
def watching(server: RunningServer, folder: Path, watch: str) -> Iterator[Gate]:
    shutil.copytree(ROOT / "expectations", folder / "policy")
    policy = folder / "policy" / "gate.yaml"
    policy.write_text(policy.read_text() + watch)
    settings = {"GATE_POLICY": str(policy), "GATE_WATCH_EVERY_S": "0.2"}
    with running_gate(server.environment, folder / "gate", **settings) as running:
        yield running


@pytest.fixture(scope="module")
def gate(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with watching(server, Path(tmp_path_factory.mktemp("watching")), WATCH) as running:
        yield running


@pytest.fixture(scope="module")
def reverting(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    watch = WATCH.replace("every: 1d", "on_fail: revert")
    with watching(server, Path(tmp_path_factory.mktemp("reverting")), watch) as running:
        yield running


class Watched:
    """A repository whose main is watched, since the gate was installed there."""

    def __init__(self, gate: Gate, world: World) -> None:
        self.gate, self.world = gate, world
        body = {"repository": world.name, "branch": "main", "files": {}, "commit_id": self.head}
        assert gate.api.put("/api/v1/installations", json=body).status_code in (200, 201)

    @property
    def head(self) -> str:
        return str(self.world.main.get_commit().id)

    def looks(self) -> list[dict[str, Any]]:
        """Return the checks that looks left, newest first."""
        query = {"repository": self.world.name, "limit": 1000}
        rows = self.gate.api.get("/api/v1/checks", params=query).json()["checks"]
        ids = [row["check"] for row in rows if row["source_name"] == "watch whole" and row["verdict"]]
        return [self.gate.api.get(f"/api/v1/checks/{check}").json() for check in ids]

    def look_at_head(self) -> dict[str, Any]:
        """Return the look at the head, once it is there."""
        until(lambda: any(look["base_commit"] == self.head for look in self.looks()))
        return next(look for look in self.looks() if look["base_commit"] == self.head)

    def evaluated(self) -> int:
        engine = open_engine(self.gate.database_url)
        with reading(engine) as connection:
            count = connection.execute(select(func.count()).select_from(evaluations)).scalar_one()
        engine.dispose()
        return int(count)


@pytest.fixture
def watched(gate: Gate, world: World) -> Watched:
    world.commit(world.main, {"lakefs_test.csv": GOOD, "other.txt": b"1"})
    return Watched(gate, world)


def test_what_came_by_another_way_is_found_and_its_end_too(watched: Watched) -> None:
    assert watched.look_at_head()["verdict"] == "PASS"
    good = watched.head
    watched.world.commit(watched.world.main, {"lakefs_test.csv": BAD})  # no hook was asked
    look = watched.look_at_head()
    assert (look["verdict"], look["details"][0]["path"]) == ("FAIL", "lakefs_test.csv")
    page = watched.gate.api.get(f"/api/v1/checks/{look['check']}").json()
    assert page["source_name"] == "watch whole"
    engine = open_engine(watched.gate.database_url)
    until(lambda: 'outcome="FAIL",watch="whole"' in watched.gate.api.get("/metrics").text)
    entries = [entry for entry in Ledger(engine).entries() if entry.repository == watched.world.name]
    asks = [entry for entry in entries if entry.kind == "ask.answered"]
    assert [(item.content["outcome"], item.content["event"]["head"]) for item in asks] == [
        ("PASS", good),
        ("FAIL", watched.head),
    ]
    # A look says nothing of how a commit came in.
    assert not any(entry.commit_id for entry in asks)
    engine.dispose()
    assert '"event": "watched"' in watched.gate.log.read_text()
    watched.world.commit(watched.world.main, {"lakefs_test.csv": FIVE})
    assert watched.look_at_head()["verdict"] == "PASS"
    assert len(watched.looks()) == 3, "it looked again at what it had seen"


def test_a_look_costs_what_is_new(watched: Watched) -> None:
    files = {f"part-{number}/lakefs_test.csv": f"{number},2,3,4,5\n".encode() for number in range(5)}
    watched.world.commit(watched.world.main, files)
    first = watched.look_at_head()
    assert len(first["validations"]) == 6
    before = watched.evaluated()
    watched.world.commit(watched.world.main, {"part-1/lakefs_test.csv": b"a,b,c,d,e\n"})
    second = watched.look_at_head()
    assert (len(second["validations"]), watched.evaluated() - before) == (6, 1)


def test_a_look_answers_no_merge_and_a_merge_spares_a_look_its_work(watched: Watched) -> None:
    look = watched.look_at_head()
    event = merged(watched.world, sub__lakefs_test_dot_csv=FIVE)
    answer = watched.gate.post_event(event).json()
    assert (answer["verdict"], answer["check"] != look["check"]) == ("PASS", True)
    before = watched.evaluated()
    assert watched.look_at_head()["verdict"] == "PASS"
    assert watched.evaluated() == before
    again = watched.gate.post_event(event).json()
    assert again["check"] == answer["check"]


def test_what_is_waived_is_a_warning(watched: Watched) -> None:
    watched.look_at_head()
    waive(watched.gate, rule="five-columns", repository=watched.world.name)
    watched.world.commit(watched.world.main, {"lakefs_test.csv": BAD})
    look = watched.look_at_head()
    assert (look["verdict"], "Ann" in look["details"][0]["waived_by"]) == ("WARN", True)


def test_a_branch_goes_back_to_where_all_was_in_order_once(reverting: Gate, world: World) -> None:
    world.commit(world.main, {"lakefs_test.csv": BAD})
    watched = Watched(reverting, world)
    first = watched.head

    def held_back(commit: str) -> list[str]:
        engine = open_engine(reverting.database_url)
        entries = Ledger(engine).of_subject(commit)
        engine.dispose()
        return [entry.content["why"] for entry in entries if entry.kind == "audit.held_back"]

    until(lambda: held_back(first) == ["no head was seen at which all was in order"])
    world.commit(world.main, {"lakefs_test.csv": GOOD, "other.txt": b"1"})
    assert watched.look_at_head()["verdict"] == "PASS"
    good = world.contents("main")
    world.commit(world.main, {"lakefs_test.csv": BAD, "other.txt": b"2"})
    until(lambda: world.contents(watched.head) == good)  # by its commit: the branch moves
    assert watched.look_at_head()["verdict"] == "PASS"

    def reverts() -> list[dict[str, Any]]:
        answer = reverting.api.get("/api/v1/reverts", params={"repository": world.name})
        return list(answer.json()["reverts"])

    until(lambda: [revert["state"] for revert in reverts()] == ["verified"])
    (revert,) = reverts()
    assert revert["principal"] == "gate audit"
    assert "watch whole found bad data" in revert["reason"]
    undone = {"repository": world.name, "branch": "main", "undo": revert["id"]}
    assert reverting.api.post("/api/v1/reverts", json=undone).status_code == 201
    again = watched.head  # somebody wants it so
    until(lambda: len(held_back(again)) == 1)
    assert "brought it again" in held_back(again)[0]
    assert watched.head == again
