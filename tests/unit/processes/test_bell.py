"""A new check is looked at when it is rung for, not when the worker looks of itself."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate_server.model import Candidate, Commit
from gate_server.store.store import open_store
from gate_server.workers import loop
from gate_server.workers.bell import Bell, ringer
from tests.e2e.harness import until

NEVER_S = 3600.0
CANDIDATE = Candidate("r", "main", Commit("b", "mb"), Commit("j", "mj"), None)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_what_was_rung_before_is_heard_once(pipe: tuple[int, int]) -> None:
    bell, ring = Bell(pipe[0]), ringer(pipe[1])
    ring()
    ring()
    bell.wait(NEVER_S)
    heard = threading.Event()
    waiting = threading.Thread(target=lambda: (bell.wait(NEVER_S), heard.set()))
    waiting.start()
    assert not heard.wait(0.05)
    ring()
    waiting.join()


def test_whoever_rings_does_not_wait_where_nobody_hears(pipe: tuple[int, int]) -> None:
    ring = ringer(pipe[1])
    for _ in range(100_000):  # more than a pipe holds
        ring()
    Bell(pipe[0]).wait(NEVER_S)


def test_a_worker_takes_what_is_rung_for(
    pipe: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "RUNG_POLL_S", NEVER_S)
    monkeypatch.setattr(loop, "AHEAD_POLL_S", NEVER_S)
    url = f"sqlite:///{tmp_path}/gate.db"
    store, asking = open_store(url), open_store(url, ringer(pipe[1]))
    judged: list[str] = []
    worker = loop.Worker(
        store,
        lambda check: judged.append(check.id),
        lease_s=60,
        most_attempts=3,
        bell=Bell(pipe[0]),
        threads=2,
    )
    running = threading.Thread(target=worker.run)
    running.start()
    try:
        until(lambda: bool(store.workers.alive()))
        made = []
        for number in range(3):
            one = Candidate("r", "main", Commit("b", "mb"), Commit(f"j{number}", f"mj{number}"), None)
            made.append(asking.checks.create(one, "b", "p").id)
            until(lambda: sorted(judged) == sorted(made))
        # One that was made ahead of who asks is waited for from now on.
        ahead = store.checks.create(CANDIDATE, "b", "p", ahead=True)
        asking.checks.awaited(ahead.id)
        until(lambda: ahead.id in judged)
    finally:
        worker.stop()
        ringer(pipe[1])()
        running.join()
