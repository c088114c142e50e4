"""The queue under load: a thousand checks of content never seen, and where the time of one goes."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import Figure, cpu_s
from local_lakefs.testing import RunningServer
from tests.e2e.collector import collecting
from tests.e2e.harness import BAD, GOOD, Gate, World, running_gate, until

CHECKS = 1000
MEMORY_AT = (100, 500, 1000)
FEW = 100
LOOK_EVERY_S = 0.1
GIVE_UP_S = 3600.0


def thousand_checks(server: RunningServer, gate: Gate) -> Iterator[Figure]:
    """Queue many checks at once; each has to be judged once, in its turn, and memory stays as it is."""
    repository, commits = _contents(server, CHECKS)
    started, before_s = time.perf_counter(), cpu_s(gate)
    asked = _ask(gate, repository, commits)
    memory, longest_s = _until_judged(gate, repository, MEMORY_AT)
    whole_s = time.perf_counter() - started
    rows = _rows(gate, "SELECT id, outcome, attempt, started_at FROM checks WHERE repository = ?", repository)
    if len(rows) != len(asked):
        raise RuntimeError(f"{len(asked)} checks were asked for, {len(rows)} are there")
    for row in rows:
        if row["attempt"] != 1 or row["outcome"] != asked[row["id"]]:
            raise RuntimeError(f"judged {row['attempt']} times, as {row['outcome']}: {row['id']}")
    begun = sorted(rows, key=lambda row: row["started_at"])
    turns = {row["id"]: turn for turn, row in enumerate(begun)}
    late = max(turns[check_id] - turn for turn, check_id in enumerate(asked))
    yield Figure(
        f"{CHECKS:,} checks queued: judged, twice, wrong", f"{len(rows):,}, 0, 0", "each once, as it should"
    )
    yield Figure("  begun later than in their turn, by at most", f"{late} checks", "none starved")
    yield Figure(
        "  longest wait in the queue, of the whole time", f"{longest_s:.0f} s of {whole_s:.0f} s", ""
    )
    yield Figure("  a second (two at once), content never seen", f"{CHECKS / whole_s:.1f}", "")
    taken_s = (cpu_s(gate) - before_s) / CHECKS
    yield Figure("  processor time of the gate for each", f"{taken_s:.2f} s", "")
    for name in memory[MEMORY_AT[0]]:
        figures = ", ".join(f"{memory[count][name] / 1e6:.0f}" for count in MEMORY_AT)
        yield Figure(f"  resident MB of {name} at {MEMORY_AT}", figures, "flat")


def by_threads(server: RunningServer, folder: Path) -> Iterator[Figure]:
    """Measure how many checks a second one worker judges with 1, 2 and 4 at once."""
    for threads in (1, 2, 4):
        repository, commits = _contents(server, FEW)
        with running_gate(
            server.environment, folder / f"by-{threads}", GATE_WORKER_THREADS=str(threads)
        ) as gate:
            until(lambda gate=gate: gate.api.get("/readyz").status_code == 200)
            started = time.perf_counter()
            _ask(gate, repository, commits)
            _until_judged(gate, repository, (FEW,))
            rate = FEW / (time.perf_counter() - started)
        yield Figure(f"checks a second, GATE_WORKER_THREADS={threads}", f"{rate:.1f}", "")


def stages(server: RunningServer) -> Iterator[Figure]:
    """Measure where the time of a check goes, by its trace."""
    with tempfile.TemporaryDirectory() as folder, collecting() as collector:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        with running_gate(server.environment, Path(folder), **settings) as gate:
            world = World(server)
            for number in range(20):
                branch = f"b{number}"
                world.branch(branch, lakefs_test_dot_csv=GOOD + b"%d,1,1,1,1\n" % number)
                gate.ask(world.name, branch)
            until(lambda: sum(span.name == "check" for span in collector.spans) == 20)
    taken = defaultdict(list)
    names = {span.span_id: span.name for span in collector.spans}
    for span in collector.spans:
        within = names.get(span.parent_id, "")
        place = f"{span.name} in {within}" if span.name.startswith("lakeFS") else span.name
        taken[place].append((span.ended_ns - span.began_ns) / 1e6)
    wanted = {
        "a check, content never seen": "check",
        "  resolve": "resolve",
        "  plan": "plan",
        "  the child": "child",
        "    of it: read and judge": "task",
        "    of that: read": "lakeFS GET in child",
        "  remember": "remember",
    }
    for what, name in wanted.items():
        yield Figure(what, f"{statistics.median(taken[name]):.0f} ms", "")


def _contents(server: RunningServer, count: int) -> tuple[str, list[str]]:
    """Return a repository and `count` commits, each of its own content: good and bad in turn."""
    world = World(server)
    branch = world.repository.branch("many").create("main")
    commits = []
    for number in range(count):
        content = (BAD if number % 2 else GOOD) + (b"%d,1,1,1\n" if number % 2 else b"%d,1,1,1,1\n") % number
        commits.append(world.commit(branch, {"lakefs_test.csv": content}).get_commit().id)
    return world.name, commits


def _ask(gate: Gate, repository: str, commits: list[str]) -> dict[str, str]:
    """Queue a check of each; return their ids, in order, and what each has to come to."""
    found: dict[str, str] = {}
    for number, commit in enumerate(commits):
        body = {"repository": repository, "source": commit, "destination": "main"}
        answer = gate.api.post("/api/v1/checks", json=body).raise_for_status()
        found[answer.json()["check"]] = "FAIL" if number % 2 else "PASS"
    if len(found) != len(commits):
        raise RuntimeError("checks of different content were joined")
    return found


def _until_judged(
    gate: Gate, repository: str, memory_at: tuple[int, ...]
) -> tuple[dict[int, dict[str, int]], float]:
    """Wait until as many as the last of `memory_at` are done.

    Returns
    -------
        The memory of each process at each number of checks; the longest age of the oldest in the queue, s.
    """
    memory: dict[int, dict[str, int]] = {}
    largest_child, longest_s = 0, 0.0
    deadline = time.monotonic() + GIVE_UP_S
    while len(memory) < len(memory_at):
        if time.monotonic() > deadline:
            raise RuntimeError("the queue does not come to an end")
        time.sleep(LOOK_EVERY_S)
        now = _memory(gate)
        largest_child = max(largest_child, now.pop("a child"))
        oldest = "SELECT max((julianday('now') - julianday(created_at)) * 86400) AS s FROM checks"
        (queued,) = _rows(gate, f"{oldest} WHERE repository = ? AND state = 'queued'", repository)
        longest_s = max(longest_s, queued["s"] or 0.0)
        (done,) = _rows(
            gate, "SELECT count(*) AS n FROM checks WHERE repository = ? AND state = 'done'", repository
        )
        for count in memory_at:
            if done["n"] >= count and count not in memory:
                memory[count] = {**now, "the largest child": largest_child}
                largest_child = 0
    return memory, longest_s


def _memory(gate: Gate) -> dict[str, int]:
    """Return the resident bytes of the gate's processes."""
    found = {"web": 0, "worker": 0, "what children come from": 0, "a child": 0}
    for process in psutil.Process(gate.process.pid).children(recursive=True):
        try:
            command, above = process.cmdline(), psutil.Process(process.ppid()).cmdline()
            size = process.memory_info().rss
        except psutil.Error:
            continue  # a child that ended just now
        if "web" in command:
            found["web"] += size
        elif "worker" in command:
            found["worker"] += size
        elif "worker" in above:
            found["what children come from"] = max(size, found["what children come from"])
        else:
            found["a child"] = max(size, found["a child"])
    return found


def _rows(gate: Gate, query: str, repository: str) -> list[dict[str, Any]]:
    """Return what the database holds."""
    database = Path(gate.environment["GATE_DATA_DIR"]) / "gate.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query, [repository])]
