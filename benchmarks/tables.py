"""What one file costs that is added to a Delta table of many, beside that file alone."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deltalake import write_deltalake

from benchmarks.datasets import FILES, ROUNDS, ROWS_A_FILE
from benchmarks.engine import EXPECTATIONS, table
from benchmarks.figures import Figure, event
from local_lakefs.testing import lakefs_server
from tests.e2e.harness import HOOK_ENVIRONMENT, Gate, World, running_gate

INTERVAL = os.environ.get("GATE_BENCH_CHECKPOINTS", "199")
RULES = """\
version: 1
rules:
  - {name: delta, paths: [delta/**], suite: plain, format: {type: delta}, scope: dataset, dataset: delta/}
  - {name: alone, paths: [alone/**], suite: plain, format: {type: parquet}}
"""


def tables() -> Iterator[Figure]:
    """Measure a Delta table of as many versions as files, with a checkpoint now and then."""
    with (
        tempfile.TemporaryDirectory() as name,
        lakefs_server(Path(name) / "lakefs", HOOK_ENVIRONMENT) as server,
    ):
        folder = Path(name)
        (folder / "suites").mkdir()
        asked = [{"type": kind, "kwargs": kwargs} for kind, kwargs in EXPECTATIONS]
        (folder / "suites" / "plain.json").write_text(json.dumps({"expectations": asked}))
        (folder / "gate.yaml").write_text(RULES)
        settings = {"GATE_POLICY": str(folder / "gate.yaml"), "GATE_WAIT_S": "300"}
        with running_gate(server.environment, folder / "gate", **settings) as gate:
            yield from _beside_one(gate, World(server), folder / "table")


def _beside_one(gate: Gate, world: World, folder: Path) -> Iterator[Figure]:
    for number in range(FILES):
        _append(folder, number)
    world.commit(world.main, {f"delta/{name}": content for name, content in _files(folder).items()})
    first_s, first = _asked(gate, world, _appended(folder, FILES), "delta/")
    alone, added = [], []
    for number in range(FILES + 1, FILES + 1 + ROUNDS):
        new = _appended(folder, number)
        data = {name: content for name, content in new.items() if name.endswith(".parquet")}
        alone.append(_asked(gate, world, data, "alone/")[0])
        taken_s, told = _asked(gate, world, new, "delta/")
        added.append(taken_s)
    mine, other = statistics.median(added), statistics.median(alone)
    yield Figure(
        f"one file added to a Delta table of {FILES:,}, against it alone",
        f"{mine / other:.2f} ({mine:.3f} s, {other:.3f} s)",
        "at most 2",
    )
    yield Figure("  objects read, and known", f"{told['objects_read']}, {told['objects_known']:,}", "")
    yield Figure("  all of them the first time", f"{first_s:.1f} s ({first['objects_read']:,} objects)", "")


def _append(folder: Path, seed: int) -> None:
    # So that of a thousand versions five lie after the last checkpoint, as they do on average with Spark.
    interval = {"delta.checkpointInterval": INTERVAL} if seed == 0 else None
    write_deltalake(folder, table(ROWS_A_FILE, seed), mode="append", configuration=interval)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def _appended(folder: Path, seed: int) -> dict[str, bytes]:
    """Return what an append brings, and take it back here."""
    before = {one for one in folder.rglob("*") if one.is_file()}
    _append(folder, seed)
    new = [one for one in folder.rglob("*") if one.is_file() and one not in before]
    found = {str(one.relative_to(folder)): one.read_bytes() for one in new}
    for one in new:
        one.unlink()
    return found


def _asked(
    gate: Gate, world: World, contents: Mapping[str, bytes], prefix: str
) -> tuple[float, dict[str, Any]]:
    """Bring files; return the seconds from hook to verdict, and what the report says was read."""
    branch = world.repository.branch(f"b-{time.monotonic_ns()}").create("main")
    commit = world.commit(branch, {f"{prefix}{name}": content for name, content in contents.items()})
    started = time.perf_counter()
    answer = gate.hooks.post("/hooks/lakefs", json=event(world, str(commit.get_commit().id)), timeout=300)
    taken_s = time.perf_counter() - started
    if answer.status_code != 200:
        raise RuntimeError(answer.text)
    (found,) = gate.api.get(f"/api/v1/checks/{answer.json()['check']}").json()["validations"]
    return taken_s, found["meta"]["gate"]
