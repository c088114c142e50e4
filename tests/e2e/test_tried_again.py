"""A hook that did not wait long enough: the next try finds the verdict, also one that is never used again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import lakefs_sdk
import pytest
from lakefs.exceptions import ServerException
from sqlalchemy import select, update

from gate_server.store.store import Store, open_store
from gate_server.store.tables import checks
from gate_server.store.times import database_time
from local_lakefs.testing import RunningServer
from tests.e2e.harness import BAD, GOOD, ROOT, Gate, World, running_gate, until
from tests.e2e.holding import Way, holding_way
from tests.e2e.test_hooks import ACTION

PATIENT = {"GATE_LEASE_S": "60", "GATE_LAKEFS_TIMEOUT_S": "150", "GATE_MAX_ATTEMPTS": "1"}


@dataclass
class Desk:
    """A gate whose hooks wait a second, for rules that allow linked objects; and its database."""

    gate: Gate
    way: Way
    store: Store

    def rows(self, world: World) -> list[Any]:
        with self.store.engine.connect() as connection:
            mine = select(checks).where(checks.c.repository == world.name).order_by(checks.c.created_at)
            return list(connection.execute(mine))

    def let_go(self, world: World) -> None:
        """Let the check that runs come to its end."""
        self.way.free.set()
        until(lambda: all(row.state == "done" for row in self.rows(world)))


@pytest.fixture(scope="module")
def running(
    server: RunningServer, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    folder, address = tmp_path_factory.mktemp("desk"), new_database()
    policy = folder / "gate.yaml"
    text = (ROOT / "expectations" / "gate.yaml").read_text()
    policy.write_text(text.replace("rules:", "defaults: {linked: allow}\nrules:", 1))
    (folder / "suites").symlink_to(ROOT / "expectations" / "suites")
    settings = {"GATE_DATABASE_URL": address, "GATE_POLICY": str(policy), "GATE_WAIT_S": "1", **PATIENT}
    store = open_store(address)
    with (
        holding_way(server) as way,
        running_gate(way.environment, folder / "gate", **settings) as gate,
    ):
        yield Desk(gate, way, store)
    store.engine.dispose()


@pytest.fixture
def desk(running: Desk) -> Desk:
    running.way.hold()
    return running


def linked(desk: Desk, world: World, content: bytes) -> Any:
    """Return a branch with a file whose bytes lie in another repository; main is guarded."""
    action = ACTION.format(url=desk.gate.url).encode()
    world.commit(world.main, {"_lakefs_actions/gate_pre_merge.yaml": action})
    other = World(world.server)
    other.main.object("x").upload(content)
    stat = other.main.object("x").stat()
    branch = world.repository.branch("linked").create("main")
    entry = lakefs_sdk.ObjectStageCreation(
        physical_address=stat.physical_address, checksum=stat.checksum, size_bytes=len(content)
    )
    api = world.server.client.sdk_client.internal_api
    api.stage_object(world.name, "linked", "lakefs_test.csv", entry)
    branch.commit("a linked file")
    return branch


def refused(branch: Any) -> str:
    with pytest.raises(ServerException) as error:
        branch.merge_into("main")
    return str(error.value)


def test_the_next_merge_finds_a_verdict_that_is_never_used_again(desk: Desk, world: World) -> None:
    branch = linked(desk, world, BAD)
    assert "503" in refused(branch)
    desk.let_go(world)
    assert "412" in refused(branch)
    (judged,) = desk.rows(world)
    assert (judged.outcome, judged.reusable) == ("FAIL", False)
    # Told once: who merges again, in another second than that, has it judged anew.
    until(lambda: bool(refused(branch)) and len(desk.rows(world)) == 2)


def test_the_next_merge_goes_through(desk: Desk, world: World) -> None:
    branch = linked(desk, world, GOOD)
    assert "503" in refused(branch)
    desk.let_go(world)
    branch.merge_into("main")
    (judged,) = desk.rows(world)
    assert (judged.outcome, judged.reusable) == ("PASS", False)


def test_merges_tried_again_join_the_check_that_runs(desk: Desk, world: World) -> None:
    """Each try makes a commit of its own, of the same content."""
    branch = linked(desk, world, GOOD)
    for _ in range(3):
        assert "503" in refused(branch)
    desk.let_go(world)
    branch.merge_into("main")
    assert [row.outcome for row in desk.rows(world)] == ["PASS"]


def test_a_verdict_of_long_ago_is_not_told(desk: Desk, world: World) -> None:
    branch = linked(desk, world, GOOD)
    refused(branch)
    desk.let_go(world)
    mine = checks.c.repository == world.name
    with desk.store.engine.begin() as connection:
        connection.execute(update(checks).where(mine).values(finished_at=database_time(-601)))
    desk.way.hold()
    assert "503" in refused(branch)  # no verdict yet: judged anew
    assert len(desk.rows(world)) == 2
    desk.way.free.set()


def test_other_content_never_gets_it(desk: Desk, world: World) -> None:
    branch = linked(desk, world, GOOD)
    refused(branch)
    desk.let_go(world)
    world.commit(branch, {"lakefs_test.csv": BAD})
    until(lambda: "412" in refused(branch))
    assert [row.outcome for row in desk.rows(world)] == ["PASS", "FAIL"]


def test_the_same_event_posted_again_is_the_same_ask(desk: Desk, world: World) -> None:
    """As the Lua client posts it."""
    linked(desk, world, BAD)
    head = world.repository.branch("linked").get_commit()
    names = {"event_type": "pre-merge", "repository_id": world.name, "branch_id": "main"}
    event = {**names, "source_ref": head.id, "commit_id": head.id}
    hooks = desk.gate.hooks
    assert hooks.post("/hooks/lakefs", json=event).status_code == 503
    desk.let_go(world)
    told = hooks.post("/hooks/lakefs", json=event).json()
    (judged,) = desk.rows(world)
    assert (told["verdict"], told["check"]) == ("FAIL", judged.id)
    (ask,) = desk.store.asks.of_check(judged.id)
    assert (ask.status, ask.outcome) == (412, "FAIL")


def test_an_error_is_told_once_then_judged_anew(desk: Desk, world: World) -> None:
    branch = linked(desk, world, GOOD)
    assert "503" in refused(branch)
    (row,) = desk.rows(world)
    desk.way.wait_until_reached()
    os.kill(int(row.worker.split(":")[1]), signal.SIGKILL)
    with desk.store.engine.begin() as connection:
        connection.execute(update(checks).where(checks.c.id == row.id).values(lease_until=database_time(-1)))
    until(lambda: desk.rows(world)[0].outcome == "ERROR")
    refused(branch)
    assert [item.outcome for item in desk.store.asks.of_check(row.id)] == ["", "ERROR"]
    desk.way.free.set()
    until(lambda: merged(branch))
    assert [item.outcome for item in desk.rows(world)] == ["ERROR", "PASS"]


def merged(branch: Any) -> bool:
    try:
        branch.merge_into("main")
    except ServerException:
        return False
    return True
