"""lakeFS, web, worker or a child is killed at a random moment of a check or a revert, again and again.

No wrong pass, no lost verdict, no main that never was. `GATE_TEST_KILLS` says how often (default 4, for every
run of the tests), `GATE_TEST_SEED` which moments.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from gate_server.lakefs.client import LakeFS
from gate_server.parts import make_revert_context
from gate_server.reverts import sweep
from gate_server.settings import Settings
from gate_server.store.store import open_store
from local_lakefs.testing import RunningServer, lakefs_server
from tests.e2e.harness import Gate, World, free_port, running_gate

KILLS = int(os.environ.get("GATE_TEST_KILLS", "4"))
ANSWERED_WITHIN_S = 240.0
NAME = "lakefs_test.csv"


@dataclass
class Mortal:
    """An embedded lakeFS of the test's own, which is killed and comes back at the same address."""

    directory: Path
    stack: ExitStack
    port: int = field(default_factory=free_port)

    def start(self) -> RunningServer:
        """Start it, again."""
        self.running = self.stack.enter_context(lakefs_server(self.directory, port=self.port))
        return self.running

    def processes(self) -> list[psutil.Process]:
        """Return all of its processes."""
        first = psutil.Process(self.running.pid)
        return [first, *first.children(recursive=True)]


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Mortal]:
    with ExitStack() as stack:
        yield Mortal(tmp_path / "lakefs", stack)


def test_kills_at_random_moments_lose_nothing(
    mortal: Mortal, new_database: Callable[[], str], tmp_path: Path
) -> None:
    seed = os.environ.get("GATE_TEST_SEED") or str(random.randrange(10**6))
    chance = random.Random(seed)
    server = mortal.start()
    world, killed = World(server), 0
    settings = {"GATE_DATABASE_URL": new_database(), "GATE_LEASE_S": "5"}
    with running_gate(server.environment, tmp_path / "gate", **settings) as gate:
        for number in range(KILLS):
            about = f"GATE_TEST_SEED={seed}, kill {number}"
            do = a_check if chance.random() < 0.5 else a_revert
            with do(gate, world, number, chance, about):
                time.sleep(chance.uniform(0, 0.5))
                # Each of the gate's processes, and lakeFS as often as all of them.
                victims = psutil.Process(gate.process.pid).children(recursive=True)
                if victims and chance.random() < 0.6:
                    chance.choice(victims).kill()
                    killed += 1
                else:
                    for process in mortal.processes():
                        process.kill()
                    mortal.start()
                    killed += 1
    assert killed == KILLS
    nothing_is_left(server, world, gate)


@contextmanager
def a_check(gate: Gate, world: World, number: int, chance: random.Random, about: str) -> Iterator[None]:
    columns, expected = chance.choice([(5, (200, "PASS")), (4, (412, "FAIL"))])
    # Never the same twice: what a merge does not change is not judged.
    world.commit(world.main, {NAME: row(number, columns)})
    head = world.main.get_commit().id
    names = {"event_type": "pre-merge", "repository_id": world.name, "branch_id": "main"}
    event = {**names, "source_ref": head, "commit_id": head}
    # Who does not wait is answered 503 and leaves the check running.
    sent(lambda: gate.hooks.post("/hooks/lakefs", json=event, headers={"Prefer": "wait=0"}))
    yield

    def verdict() -> tuple[int, str] | None:
        answer = sent(lambda: gate.hooks.post("/hooks/lakefs", json=event, headers={"Prefer": "wait=20"}))
        if answer is None or answer.status_code == 503:
            return None
        assert answer.json()["allowed"] is (answer.status_code == 200), answer.text
        return answer.status_code, str(answer.json()["verdict"])

    assert eventually(verdict) == expected, about


@contextmanager
def a_revert(gate: Gate, world: World, number: int, _: random.Random, about: str) -> Iterator[None]:
    world.commit(world.main, {NAME: row(number, 5)})
    good = world.main.get_commit().id
    target = world.contents(good)
    world.commit(world.main, {NAME: b"bad", f"new/{number}": b"bad"})
    bad = world.contents("main")
    body = {"repository": world.name, "branch": "main", "to": good}

    def put_back() -> bool | None:
        answer = sent(lambda: gate.api.post("/api/v1/reverts", json=body))
        return (answer is not None and answer.status_code in (200, 201)) or None

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(sent, lambda: gate.api.post("/api/v1/reverts", json=body))
        yield
        first.result()
    assert world.contents("main") in (bad, target), about
    assert eventually(put_back), about
    assert world.contents("main") == target, about


def row(number: int, columns: int) -> bytes:
    return ",".join([str(number), *"2345"[: columns - 1]]).encode() + b"\n"


def sent(ask: Callable[[], httpx.Response]) -> httpx.Response | None:
    """Ask; None where nobody answers."""
    try:
        return ask()
    except httpx.TransportError:
        return None


def eventually(told: Callable[[], Any]) -> Any:
    """Ask until something is told, as a pipeline tries again."""
    deadline = time.monotonic() + ANSWERED_WITHIN_S
    while time.monotonic() < deadline:
        if (found := told()) is not None:
            return found
        time.sleep(0.1)
    raise AssertionError("nothing was told")


def nothing_is_left(server: RunningServer, world: World, gate: Gate) -> None:
    """Sweep, as the worker does after a while; no branch and no open revert stays."""
    store = open_store(gate.database_url)
    lakefs = LakeFS(server.url, server.access_key_id, server.secret_access_key)
    context = make_revert_context(lakefs, store, Settings())
    sweep(context, older_than_s=0)
    assert store.reverts.unfinished() == []
    assert store.ledger.verify() == []
    told = {revert.id: revert.state for revert in store.reverts.listed(limit=1000)}
    kept = {entry.subject: entry for entry in store.ledger.entries() if entry.kind == "revert.closed"}
    assert {subject: entry.content["state"] for subject, entry in kept.items()} == told
    path = f"/repositories/{world.name}/branches"
    assert [item["id"] for item in lakefs.pages(path, show_hidden=True)] == ["main"]
    store.engine.dispose()
