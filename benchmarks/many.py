"""Several gates and workers on one PostgreSQL: 10,000 merges, kills in between, and what each one costs."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import text

from benchmarks.figures import Figure
from gate_server.store.database import reading
from gate_server.store.store import Store, open_store
from local_lakefs.testing import RunningServer, lakefs_server
from tests.e2e.harness import (
    GATE_COMMAND,
    HOOK_ENVIRONMENT,
    ROOT,
    Gate,
    World,
    gate_environment,
    running_gate,
)
from tests.e2e.many import ask_all, found_wrong, many_merges
from tests.postgres import Postgres, postgres_server

MERGES = int(os.environ.get("GATE_BENCH_MERGES", "10000"))
SOURCES = 20
KILL_EVERY_S = float(os.environ.get("GATE_BENCH_KILL_EVERY_S", "10"))
UNSEEN = int(os.environ.get("GATE_BENCH_UNSEEN", "200"))
IDLE_S = 10.0
APPENDS = 500
SETTINGS = {"GATE_LEASE_S": "10", "GATE_WAIT_S": "100", "GATE_MAX_ATTEMPTS": "100"}


def many() -> Iterator[Figure]:
    """Measure all of it, with an embedded lakeFS and a PostgreSQL that writes durably, as it is delivered."""
    with (
        tempfile.TemporaryDirectory() as name,
        lakefs_server(Path(name) / "lakefs", HOOK_ENVIRONMENT) as server,
        postgres_server(durable=True) as postgres,
    ):
        folder = Path(name)
        for workers in (1, 2, 4):
            yield from _by_workers(server, postgres, folder / f"by-{workers}", workers)
        yield from _ledger(postgres)
        yield from _with_kills(server, postgres, folder / "kills")


def _by_workers(server: RunningServer, postgres: Postgres, folder: Path, workers: int) -> Iterator[Figure]:
    """One gate, and as many workers; content never seen, each in a child of its own."""
    merges = many_merges(World(server), UNSEEN, 1)
    database = postgres.new_database()
    settings = {**SETTINGS, "GATE_DATABASE_URL": database, "GATE_WORKER_THREADS": "1"}
    with ExitStack() as stack:
        gate = stack.enter_context(running_gate(server.environment, folder / "gate", **settings))
        alone = [
            stack.enter_context(_worker(server, folder / f"worker-{number}", settings))
            for number in range(1, workers)
        ]
        store = open_store(database)
        stack.callback(store.engine.dispose)
        _until(lambda: store.workers.alive() == workers)
        warm = many_merges(World(server), 2 * workers, 1)
        ask_all([gate], warm)
        idle = _idle(store)
        before, started = _taken(gate, alone, postgres), time.perf_counter()
        transactions, wal = _transactions(store), _wal_bytes(store)
        answers = ask_all([gate], merges)
        taken_s = time.perf_counter() - started
        after = _taken(gate, alone, postgres)
        if answers != [(merge.status, merge.verdict) for merge in merges]:
            raise RuntimeError("a wrong verdict")
        yield Figure(
            f"merges a second never seen, {workers} workers of 1 thread", f"{UNSEEN / taken_s:.1f}", ""
        )
        for process, spent_s in after.items():
            each_ms = (spent_s - before[process]) / UNSEEN * 1e3
            yield Figure(f"  processor time for each: {process}", f"{each_ms:.1f} ms", "")
        made = (_transactions(store) - transactions - idle * taken_s) / UNSEEN
        yield Figure("  database transactions for each, beside the idle ones", f"{made:.1f}", "")
        yield Figure("  write-ahead log for each", f"{(_wal_bytes(store) - wal) / UNSEEN / 1e3:.1f} kB", "")
        yield Figure("  database transactions a second where nothing happens", f"{idle:.0f}", "")
        yield Figure("  connections", f"{_connections(store)}", "")
        yield Figure("  calls to lakeFS for each: judging", f"{_calls(store):.1f}", "")


@contextmanager
def _worker(server: RunningServer, folder: Path, settings: dict[str, str]) -> Iterator[psutil.Process]:
    """Run `gate worker` until the block ends."""
    folder.mkdir(parents=True)
    environment = gate_environment(server.environment, folder, **settings)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*GATE_COMMAND, "worker"],
            env=environment,
            cwd=ROOT,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _with_kills(server: RunningServer, postgres: Postgres, folder: Path) -> Iterator[Figure]:
    """Two gates and two workers alone; one of their processes is killed every now and then."""
    world = World(server)
    merges = many_merges(world, MERGES // SOURCES, SOURCES)
    database = postgres.new_database()
    settings = {**SETTINGS, "GATE_DATABASE_URL": database}
    chance, over, killed = random.Random(1), threading.Event(), []
    with ExitStack() as stack:
        gates = [
            stack.enter_context(running_gate(server.environment, folder / f"gate-{n}", **settings))
            for n in (1, 2)
        ]
        alone = [stack.enter_context(_worker(server, folder / f"worker-{n}", settings)) for n in (1, 2)]
        store = open_store(database)
        stack.callback(store.engine.dispose)
        _until(lambda: store.workers.alive() == 4)
        above = [psutil.Process(gate.process.pid) for gate in gates] + alone

        def kill() -> None:
            while not over.wait(KILL_EVERY_S):
                with contextlib.suppress(psutil.Error, IndexError):
                    victim = chance.choice(chance.choice(above).children())
                    kind = "web" if "web" in victim.cmdline() else "worker"
                    victim.kill()
                    killed.append(kind)

        killer = threading.Thread(target=kill)
        killer.start()
        started = time.perf_counter()
        try:
            answers = ask_all(gates, merges)
            taken_s = time.perf_counter() - started
        finally:
            over.set()
            killer.join()
        again = ask_all(gates[::-1], merges)
        expected = [(merge.status, merge.verdict) for merge in merges]
        wrong = found_wrong(store, world.name, merges)
        if wrong or answers != expected or again != expected:
            raise RuntimeError(f"{wrong[:5]}")
        with reading(store.engine) as connection:
            twice = connection.execute(text("SELECT count(*) FROM checks WHERE attempt > 1")).scalar_one()
    what = f"{len(merges):,} merges, {killed.count('web')} gates and {killed.count('worker')} workers killed"
    yield Figure(what, "one check, one verdict each", "each once")
    yield Figure("  taken over from one that was killed", f"{twice}", "")
    yield Figure("  a second, kills and all (of 20, 19 with known data)", f"{len(merges) / taken_s:.1f}", "")


def _ledger(postgres: Postgres) -> Iterator[Figure]:
    """Append to the record, which goes one after the other: what bounds all gates together."""
    store = open_store(postgres.new_database())
    threads = 8

    def append() -> None:
        for number in range(APPENDS // threads):
            store.ledger.looked(f"{number}", "repository", "main", "bench", {"summary": "x" * 200})

    appending = [threading.Thread(target=append) for _ in range(threads)]
    started = time.perf_counter()
    for thread in appending:
        thread.start()
    for thread in appending:
        thread.join()
    rate = APPENDS // threads * threads / (time.perf_counter() - started)
    store.engine.dispose()
    yield Figure("entries of the record a second, of all gates together", f"{rate:.0f}", "two a merge")


def _taken(gate: Gate, alone: list[psutil.Process], postgres: Postgres) -> dict[str, float]:
    """Return the processor time of each kind of process, those of its children that ended included, s."""
    found = {"door": 0.0, "worker": 0.0, "children": 0.0, "database": 0.0}
    for above in (psutil.Process(gate.process.pid), *alone):
        for process in above.children():
            if "web" in process.cmdline():
                found["door"] += _cpu_s(process, ended=True)
                found["door"] += sum(_cpu_s(item) for item in process.children(recursive=True))
            elif "worker" in process.cmdline():
                found["worker"] += _cpu_s(process)
                found["children"] += sum(
                    _cpu_s(item, ended=True) for item in process.children(recursive=True)
                )
    postmaster = psutil.Process(postgres.pid)
    found["database"] = _cpu_s(postmaster, ended=True)
    found["database"] += sum(_cpu_s(process) for process in postmaster.children())
    return found


def _cpu_s(process: psutil.Process, *, ended: bool = False) -> float:
    with contextlib.suppress(psutil.Error):
        times = process.cpu_times()
        children_s = times.children_user + times.children_system if ended else 0.0
        return float(times.user + times.system + children_s)
    return 0.0


def _idle(store: Store) -> float:
    """Return how many transactions a second come where nothing happens."""
    before, started = _transactions(store), time.perf_counter()
    time.sleep(IDLE_S)
    return (_transactions(store) - before) / (time.perf_counter() - started)


def _transactions(store: Store) -> int:
    return int(_told(store, "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"))


def _wal_bytes(store: Store) -> int:
    return int(_told(store, "SELECT pg_current_wal_lsn() - '0/0'"))


def _connections(store: Store) -> int:
    return int(_told(store, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"))


def _calls(store: Store) -> float:
    return float(_told(store, "SELECT avg(lakefs_calls) FROM checks"))


def _told(store: Store, query: str) -> Any:
    with reading(store.engine) as connection:
        return connection.execute(text(query)).scalar_one()


def _until(reached: Any) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        if time.monotonic() > deadline:
            raise RuntimeError("they did not start")
        time.sleep(0.1)


if __name__ == "__main__":
    for figure in many():
        figure.print()
