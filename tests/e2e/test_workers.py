"""Several workers and gates on one database, and what becomes of checks when some of them die."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text, update

from gate_server.store.store import Store, open_store
from gate_server.store.tables import checks
from local_lakefs.testing import RunningServer
from tests.e2e import shifted_clock
from tests.e2e.harness import BAD, ROOT, Gate, World, gate_environment, running_gate, web_of
from tests.e2e.holding import Way, holding_way
from tests.e2e.many import ask_all, found_wrong, kill_one_that_judges, many_merges

# Longer than a loaded machine stands still; where a lease is to end, it is ended by hand.
LEASE_S = "60"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SHIFTED_S = 3600.0
WAIT_S = 120.0
FAILED = (412, "FAIL")


@dataclass
class Company:
    """Two gates and a worker alone on one database, all on a way to lakeFS that can be held.

    On PostgreSQL the worker's machine has another time; SQLite's clock is its machine's.
    """

    one: Gate
    two: Gate
    way: Way
    store: Store
    logs: list[Path]


@pytest.fixture(scope="module")
def running(
    server: RunningServer, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("company")
    settings = settings_of(new_database())
    store = open_store(settings["GATE_DATABASE_URL"])
    with (
        holding_way(server) as way,
        running_gate(way.environment, folder / "one", **settings) as one,
        running_gate(way.environment, folder / "two", **settings) as two,
        running_worker(way.environment, folder / "worker", shifted_s(store), **settings),
    ):
        until(lambda: store.workers.alive() == 3)
        logs = [one.log, two.log, folder / "worker" / "worker.log"]
        yield Company(one, two, way, store, logs)
    store.engine.dispose()


@pytest.fixture
def company(running: Company) -> Company:
    """Give the company, the way held."""
    running.way.hold()
    return running


@pytest.fixture
def way(server: RunningServer) -> Iterator[Way]:
    with holding_way(server) as found:
        yield found


@pytest.fixture
def settings(new_database: Callable[[], str]) -> dict[str, str]:
    return settings_of(new_database())


@pytest.fixture
def store(settings: dict[str, str]) -> Iterator[Store]:
    opened = open_store(settings["GATE_DATABASE_URL"])
    yield opened
    opened.engine.dispose()


def settings_of(database_url: str) -> dict[str, str]:
    patient = {"GATE_LEASE_S": LEASE_S, "GATE_WAIT_S": "100", "GATE_LAKEFS_TIMEOUT_S": "150"}
    return {"GATE_DATABASE_URL": database_url, **patient}


def shifted_s(store: Store) -> float:
    return SHIFTED_S if store.engine.dialect.name == "postgresql" else 0.0


@contextmanager
def running_worker(
    lakefs: dict[str, str], folder: Path, clock_shifted_s: float, **settings: str
) -> Iterator[None]:
    """Run a worker alone until the block ends, its clock shifted."""
    folder.mkdir()
    environment = gate_environment(lakefs, folder, **settings)
    command = shifted_clock.command(clock_shifted_s)
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        yield
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
    """Ask by hook, while the block runs; again as long as the check does."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(gate.post_event, event)


def answer_of(response: httpx.Response) -> tuple[int, str]:
    assert response.json()["allowed"] is False
    return response.status_code, response.json()["verdict"]


def row(store: Store, world: World) -> dict[str, Any]:
    """Return the one check of a repository."""
    with store.engine.connect() as connection:
        query = text("SELECT * FROM checks WHERE repository = :name")
        (found,) = connection.execute(query, {"name": world.name}).all()
        return dict(found._mapping)


def worker_pid(store: Store, world: World) -> int:
    """Return the process that holds a repository's one check."""
    return int(row(store, world)["worker"].split(":")[1])


def end_lease(store: Store, world: World) -> None:
    """End the lease of a repository's one check, as its time would."""
    mine = (checks.c.repository == world.name) & (checks.c.state == "running")
    with store.engine.begin() as connection:
        connection.execute(update(checks).where(mine).values(lease_until=LONG_AGO))


def test_another_worker_takes_over_what_a_killed_one_left(company: Company, world: World) -> None:
    with asked(company.one, an_event(world)) as answer:
        company.way.wait_until_reached()
        held = row(company.store, world)
        os.kill(worker_pid(company.store, world), signal.SIGKILL)
        end_lease(company.store, world)
        company.way.free.set()
        assert answer_of(answer.result()) == FAILED
    done = row(company.store, world)
    assert (done["attempt"], done["handed_back"], done["worker"] == held["worker"]) == (2, 0, False)


def test_a_long_poll_is_one_ask_at_whichever_gate(company: Company, world: World) -> None:
    event = an_event(world)
    for gate in (company.one, company.two, company.one):
        told = gate.hooks.post("/hooks/lakefs", json=event, headers={"Prefer": "wait=1"})
        assert answer_of(told) == (503, "")
    company.way.free.set()
    assert answer_of(company.two.post_event(event)) == FAILED
    check = row(company.store, world)["id"]
    answers = [(ask.status, ask.outcome) for ask in company.store.asks.of_check(check)]
    # Where the verdict was there before the last poll came, that one was known at once: an ask of its own.
    assert answers in ([FAILED], [(503, ""), FAILED])


def test_a_worker_that_was_away_writes_nothing_over_the_verdict(company: Company, world: World) -> None:
    with asked(company.one, an_event(world)) as answer:
        company.way.wait_until_reached()
        away = worker_pid(company.store, world)
        os.kill(away, signal.SIGSTOP)
        end_lease(company.store, world)
        try:
            company.way.free.set()
            assert answer_of(answer.result()) == FAILED
            done = row(company.store, world)
            assert (done["attempt"], worker_pid(company.store, world) != away) == (2, True)
        finally:
            os.kill(away, signal.SIGCONT)
    until(lambda: any(came_back(log, done["id"]) for log in company.logs))
    assert row(company.store, world) == done


def came_back(log: Path, check_id: str) -> bool:
    """Whether a worker noticed that this check is another's."""
    lines = [line for line in log.read_text().splitlines() if check_id in line]
    return any('"written": false' in line or "check given up" in line for line in lines)


def test_two_gates_on_one_database_make_one_check_of_one_content(company: Company, world: World) -> None:
    event = an_event(world)
    with (
        asked(company.one, event) as first,
        asked(company.two, event) as second,
        asked(company.two, event) as third,
    ):
        company.way.wait_until_reached()
        company.way.free.set()
        answers = [item.result() for item in (first, second, third)]
    assert [answer_of(item) for item in answers] == [FAILED] * 3
    assert {item.json()["check"] for item in answers} == {row(company.store, world)["id"]}
    assert row(company.store, world)["attempt"] == 1


def test_a_database_that_is_away_for_a_moment_loses_no_verdict(company: Company, world: World) -> None:
    with asked(company.one, an_event(world)) as answer:
        company.way.wait_until_reached()
        interrupt(company, world)
        assert answer_of(answer.result()) == FAILED
    assert row(company.store, world)["state"] == "done"


def interrupt(company: Company, world: World) -> None:
    """Drop all connections; SQLite has none: hold its lock until the lease has ended and writers gave up."""
    engine = company.store.engine
    if engine.dialect.name == "postgresql":
        drop = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        with engine.connect() as connection:
            dropped = connection.execute(text(f"{drop} AND datname = current_database()")).all()
        assert len(dropped) >= 3
        company.way.free.set()
        return
    mine = checks.c.repository == world.name
    with engine.begin() as connection:
        connection.execute(update(checks).where(mine).values(lease_until=LONG_AGO))
        company.way.free.set()
        until(lambda: any("could not use the database" in log.read_text() for log in company.logs))


def test_of_many_checks_kills_lose_none_and_none_is_judged_twice(company: Company, world: World) -> None:
    company.way.free.set()
    gates, merges = [company.one, company.two], many_merges(world, 12, 17)
    expected = [(merge.status, merge.verdict) for merge in merges]
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(ask_all, gates, merges)
        left = 0
        while not left and not answers.done():
            left = kill_one_that_judges(company.store, world.name)
        web_of(company.two).kill()
        assert answers.result() == expected
    assert left, "nothing was left by the one that was killed"
    # Whoever asks again, at the other gate, hears the same.
    assert ask_all(gates[::-1], merges) == expected
    assert found_wrong(company.store, world.name, merges) == []


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
            assert row(store, world)["attempt"] == attempt
            os.kill(worker_pid(store, world), signal.SIGKILL)
            end_lease(store, world)
        assert answer_of(answer.result()) == (503, "ERROR")
        assert "gave up after 2 attempts" in answer.result().json()["summary"]
        # Nobody is told that verdict again: who asks once more starts anew.
        way.free.set()
        assert answer_of(gate.post_event(event)) == FAILED


def test_the_end_answers_waiting_hooks_and_hands_the_check_back(
    way: Way, world: World, tmp_path: Path, settings: dict[str, str], store: Store
) -> None:
    event = an_event(world)
    with (
        running_gate(way.environment, tmp_path / "gate", **settings) as gate,
        ThreadPoolExecutor(1) as pool,
    ):
        answer = pool.submit(gate.hooks.post, "/hooks/lakefs", json=event)
        way.wait_until_reached()
        gate.process.terminate()
        said = answer.result()
        assert (said.status_code, said.json()["allowed"], said.json()["verdict"]) == (503, False, "")
        assert "merge again" in said.json()["summary"]
        gate.process.wait(30)
    left = row(store, world)
    assert (left["state"], left["attempt"], left["handed_back"]) == ("queued", 1, 1)
    assert store.workers.alive() == 0
    way.free.set()
    once = settings | {"GATE_MAX_ATTEMPTS": "1"}
    with running_gate(way.environment, tmp_path / "gate", **once) as gate:
        assert answer_of(gate.post_event(event)) == FAILED
        assert (row(store, world)["id"], row(store, world)["attempt"]) == (left["id"], 2)
