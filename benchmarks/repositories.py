"""A merge of ten objects into a repository of a million: calls to lakeFS, time and memory of its check."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import lakefs
import psutil

from benchmarks.embedded import peak_bytes
from benchmarks.figures import Figure
from local_lakefs.testing import RunningServer, lakefs_server
from tests.e2e.filled import NAME, fill
from tests.e2e.harness import GOOD, HOOK_ENVIRONMENT, Gate, running_gate, worker_of

OBJECTS = int(os.environ.get("GATE_BENCH_OBJECTS", "1000000"))
CHANGED = 10
ROUNDS = 3
POLICY = """\
version: 1
rules:
  - {name: all, paths: ["tables/**"], suite: five_columns, format: {type: csv, header: false}}
"""
SUITE = Path(__file__).parents[1] / "expectations" / "suites" / "five_columns.json"


def repositories() -> Iterator[Figure]:
    """Measure the first check, that all is listed for, and those after it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder / "lakefs", OBJECTS)
        (folder / "suites").mkdir()
        (folder / "suites" / SUITE.name).write_bytes(SUITE.read_bytes())
        (folder / "gate.yaml").write_text(POLICY)
        settings = {
            "GATE_POLICY": str(folder / "gate.yaml"),
            "GATE_WAIT_S": "3000",
            "GATE_WORKER_THREADS": "1",
        }
        with (
            lakefs_server(folder / "lakefs", HOOK_ENVIRONMENT) as server,
            running_gate(server.environment, folder / "gate", **settings) as gate,
        ):
            yield from _checks(server, gate)


def _checks(server: RunningServer, gate: Gate) -> Iterator[Figure]:
    branch: Any = lakefs.Repository(NAME, client=server.client).branch("main")
    yield Figure(f"a worker before, {OBJECTS:,} objects ahead", f"{_peak_mb(gate):,.0f} MB", "")
    for number in range(1 + ROUNDS):
        for place in range(CHANGED):
            branch.object(f"tables/{place * 7:05d}/new-{number}.csv").upload(GOOD + b"%d,1,1,1,1\n" % number)
        commit = branch.commit("ten of them").get_commit().id
        event = {
            "event_type": "pre-merge",
            "repository_id": NAME,
            "branch_id": "main",
            "source_ref": commit,
            "commit_id": commit,
        }
        started, before_s = time.perf_counter(), _cpu_s(gate)
        answer = gate.hooks.post("/hooks/lakefs", json=event, timeout=httpx.Timeout(3600))
        taken_s = time.perf_counter() - started
        if answer.status_code != 200:
            raise RuntimeError(answer.text)
        check = gate.api.get(f"/api/v1/checks/{answer.json()['check']}").json()
        what = "the first check" if number == 0 else f"check {number + 1}"
        yield Figure(f"{what}: {CHANGED} of {OBJECTS:,} changed", f"{taken_s:.1f} s", "")
        yield Figure("  calls to lakeFS", f"{check['lakefs_calls']}", "by change, after the first")
        yield Figure("  processor time of the worker", f"{_cpu_s(gate) - before_s:.1f} s", "")
        yield Figure("  the worker's peak of memory so far", f"{_peak_mb(gate):,.0f} MB", "bounded")


def _cpu_s(gate: Gate) -> float:
    with contextlib.suppress(psutil.Error):
        times = worker_of(gate).cpu_times()
        return float(times.user + times.system)
    return 0.0


def _peak_mb(gate: Gate) -> float:
    return peak_bytes(worker_of(gate).pid) / 1e6


if __name__ == "__main__":
    for figure in repositories():
        figure.print()
