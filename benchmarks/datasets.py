"""What one new file of a table of many costs, beside that file alone."""

from __future__ import annotations

import io
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.engine import EXPECTATIONS, table
from benchmarks.figures import Figure, event
from local_lakefs.testing import lakefs_server
from tests.e2e.harness import HOOK_ENVIRONMENT, Gate, World, running_gate

FILES = int(os.environ.get("GATE_BENCH_FILES", "1000"))
ROWS_A_FILE = 20_000
ROUNDS = 5
RULES = """\
version: 1
rules:
  - {name: whole, paths: [whole/**], suite: plain, format: {type: parquet}, scope: dataset, dataset: whole/}
  - {name: alone, paths: [alone/**], suite: plain, format: {type: parquet}}
"""


def datasets() -> Iterator[Figure]:
    """Measure a table of many files, one of which changes."""
    with (
        tempfile.TemporaryDirectory() as folder,
        lakefs_server(Path(folder) / "lakefs", HOOK_ENVIRONMENT) as server,
    ):
        policy = _write_policy(Path(folder))
        settings = {"GATE_POLICY": str(policy), "GATE_WAIT_S": "300"}
        with running_gate(server.environment, Path(folder) / "gate", **settings) as gate:
            yield from _beside_one(gate, World(server))


def _write_policy(folder: Path) -> Path:
    (folder / "suites").mkdir()
    asked = [{"type": name, "kwargs": kwargs} for name, kwargs in EXPECTATIONS]
    (folder / "suites" / "plain.json").write_text(json.dumps({"expectations": asked}))
    (folder / "gate.yaml").write_text(RULES)
    return folder / "gate.yaml"


def _beside_one(gate: Gate, world: World) -> Iterator[Figure]:
    with ThreadPoolExecutor(4) as pool:
        contents = dict(pool.map(lambda number: (f"whole/{number:05}.parquet", _file(number)), range(FILES)))
    world.commit(world.main, contents)
    first_s, first = _asked(gate, world, "whole/new.parquet", FILES)
    alone, whole = [], []
    for number in range(FILES + 1, FILES + 1 + ROUNDS):
        alone.append(_asked(gate, world, "alone/new.parquet", number)[0])
        taken_s, told = _asked(gate, world, "whole/new.parquet", number)
        whole.append(taken_s)
    mine, other = statistics.median(whole), statistics.median(alone)
    size_bytes = len(next(iter(contents.values())))
    yield Figure(
        f"one new file of {FILES + 1:,} of {size_bytes / 1e3:,.0f} kB, against it alone",
        f"{mine / other:.2f} ({mine:.3f} s, {other:.3f} s)",
        "at most 2",
    )
    yield Figure("  objects read, and known", f"{told['objects_read']}, {told['objects_known']:,}", "")
    yield Figure("  all of them the first time", f"{first_s:.1f} s ({first['objects_read']:,} objects)", "")


def _file(seed: int) -> bytes:
    content = io.BytesIO()
    table(ROWS_A_FILE, seed).write_parquet(content)
    return content.getvalue()


def _asked(gate: Gate, world: World, path: str, seed: int) -> tuple[float, dict[str, Any]]:
    """Bring a file; return the seconds from hook to verdict, and what the report says was read."""
    branch = world.repository.branch(f"b-{time.monotonic_ns()}").create("main")
    commit = world.commit(branch, {path: _file(seed)})
    started = time.perf_counter()
    answer = gate.hooks.post("/hooks/lakefs", json=event(world, str(commit.get_commit().id)), timeout=300)
    taken_s = time.perf_counter() - started
    if answer.status_code != 200:
        raise RuntimeError(answer.text)
    (found,) = gate.api.get(f"/api/v1/checks/{answer.json()['check']}").json()["validations"]
    return taken_s, found["meta"]["gate"]
