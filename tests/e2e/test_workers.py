"""Several workers and gates on one database, and what becomes of checks when some of them die."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gate_server.store.store import Store, open_store
from local_lakefs.testing import RunningServer
from tests.e2e.harness import BAD, GATE_COMMAND, ROOT, Gate, World, gate_environment, running_gate
from tests.e2e.holding import Way, holding_way

LEASE_S = "2"
WAIT_S = 60.0
FAILED = (412, "FAIL")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/gate.db"
    return str(request.getfixturevalue("postgres").new_database())


@pytest.fixture
def way(server: RunningServer) -> Iterator[Way]:
    with holding_way(server) as found:
        yield found


@pytest.fixture
def settings(database_url: str) -> dict[str, str]:
    return {"GATE_DATABASE_URL": database_url, "GATE_LEASE_S": LEASE_S}


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = open_store(database_url)
    yield opened
    opened.engine.dispose()


@contextmanager
def running_worker(lakefs: dict[str, str], folder: Path, store: Store, **settings: str) -> Iterator[int]:
    """Run `gate worker` beside a gate, until the block ends."""
    alive = store.workers.alive()
    folder.mkdir()
    environment = gate_environment(lakefs, folder, **settings)
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [*GATE_COMMAND, "worker"],
            env=environment,
            cwd=ROOT,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        until(lambda: store.workers.alive() > alive)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def an_event(world: World) -> dict[str, Any]:
    """Commit bad data to main; return the event of its merge."""
    world.commit(world.main, {"lakefs_test.csv": BAD})
    head = world.main.get_commit().id
    names = {"event_type": "pre-merge", "repository_id": world.name, "branch_id": "main"}
    return {**names, "source_ref": head, "commit_id": head}


@contextmanager
def asked(gate: Gate, event: dict[str, Any]) -> Iterator[Future[httpx.Response]]:
    """Ask by hook, while the block runs."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(gate.hooks.post, "/hooks/lakefs", json=event)


def answer_of(response: httpx.Response) -> tuple[int, str]:
    assert response.json()["allowed"] is False
    return response.status_code, response.json()["verdict"]


def row(store: Store) -> dict[str, Any]:
    """Return the one check that there is."""
    with store.engine.connect() as connection:
        (found,) = connection.execute(text("SELECT * FROM checks")).all()
        return dict(found._mapping)


def worker_pid(store: Store) -> int:
    """Return the process that holds the one check."""
    return int(row(store)["worker"].split(":")[1])


def test_a_hook_gets_its_verdict(
    server: RunningServer, world: World, tmp_path: Path, settings: dict[str, str], store: Store
) -> None:
    event = an_event(world)
    with running_gate(server.environment, tmp_path / "gate", **settings) as gate:
        assert answer_of(gate.hooks.post("/hooks/lakefs", json=event)) == FAILED
        assert answer_of(gate.hooks.post("/hooks/lakefs", json=event)) == FAILED
    assert (row(store)["state"], row(store)["attempt"]) == ("done", 1)


def test_another_worker_takes_over_what_a_killed_one_left(
    way: Way, world: World, tmp_path: Path, settings: dict[str, str], store: Store
) -> None:
    event = an_event(world)
    with (
        running_gate(way.environment, tmp_path / "gate", **settings) as gate,
        running_worker(way.environment, tmp_path / "worker", store, **settings),
        asked(gate, event) as answer,
    ):
        way.wait_until_reached()
        dead = row(store)["worker"]
        os.kill(worker_pid(store), signal.SIGKILL)
        way.free.set()
        assert answer_of(answer.result()) == FAILED
        assert (row(store)["attempt"], row(store)["handed_back"]) == (2, 0)
        assert row(store)["worker"] != dead


def test_a_worker_that_was_away_writes_nothing_over_the_verdict(
    way: Way, world: World, tmp_path: Path, settings: dict[str, str], store: Store
) -> None:
    event = an_event(world)
    with (
        running_gate(way.environment, tmp_path / "gate", **settings) as gate,
        running_worker(way.environment, tmp_path / "worker", store, **settings),
        asked(gate, event) as answer,
    ):
        way.wait_until_reached()
        away = worker_pid(store)
        os.kill(away, signal.SIGSTOP)
        try:
            way.free.set()
            assert answer_of(answer.result()) == FAILED
            done = row(store)
            assert (done["attempt"], worker_pid(store) != away) == (2, True)
        finally:
            os.kill(away, signal.SIGCONT)
        logs = [tmp_path / "gate" / "gate.log", tmp_path / "worker" / "worker.log"]
        until(
            lambda: any(
                '"written": false' in log.read_text() or "check given up" in log.read_text() for log in logs
            )
        )
        assert row(store) == done


def test_a_check_that_kills_its_workers_ends_as_an_error(
    way: Way, world: World, tmp_path: Path, settings: dict[str, str], store: Store
) -> None:
    event = an_event(world)
    with (
        running_gate(way.environment, tmp_path / "gate", **settings, GATE_MAX_ATTEMPTS="2") as gate,
        asked(gate, event) as answer,
    ):
        for attempt in (1, 2):
            way.wait_until_reached()
            assert row(store)["attempt"] == attempt
            os.kill(worker_pid(store), signal.SIGKILL)
        assert answer_of(answer.result()) == (503, "ERROR")
        assert "gave up after 2 attempts" in answer.result().json()["summary"]
        # Nobody is told that verdict again: who asks once more starts anew.
        way.free.set()
        assert answer_of(gate.hooks.post("/hooks/lakefs", json=event)) == FAILED


def test_the_end_answers_waiting_hooks_and_hands_the_check_back(
    way: Way, world: World, tmp_path: Path, settings: dict[str, str], store: Store
) -> None:
    event = an_event(world)
    with running_gate(way.environment, tmp_path / "gate", **settings) as gate, asked(gate, event) as answer:
        way.wait_until_reached()
        gate.process.terminate()
        said = answer.result()
        assert (said.status_code, said.json()["allowed"], said.json()["verdict"]) == (503, False, "")
        assert "merge again" in said.json()["summary"]
        gate.process.wait(30)
    left = row(store)
    assert (left["state"], left["attempt"], left["handed_back"]) == ("queued", 1, 1)
    assert store.workers.alive() == 0
    way.free.set()
    once = settings | {"GATE_MAX_ATTEMPTS": "1"}
    with running_gate(way.environment, tmp_path / "gate", **once) as gate:
        assert answer_of(gate.hooks.post("/hooks/lakefs", json=event)) == FAILED
        assert (row(store)["id"], row(store)["attempt"]) == (left["id"], 2)


def test_two_gates_on_one_database_make_one_check_of_one_content(
    way: Way, world: World, tmp_path: Path, settings: dict[str, str], store: Store
) -> None:
    event = an_event(world)
    with (
        running_gate(way.environment, tmp_path / "one", **settings) as one,
        running_gate(way.environment, tmp_path / "two", **settings) as two,
        asked(one, event) as first,
        asked(two, event) as second,
        asked(two, event) as third,
    ):
        way.wait_until_reached()
        way.free.set()
        answers = [item.result() for item in (first, second, third)]
        assert [answer_of(item) for item in answers] == [FAILED] * 3
        assert {item.json()["check"] for item in answers} == {row(store)["id"]}
        assert row(store)["attempt"] == 1
