"""How long large tables take from hook to verdict, beside Great Expectations and beside plain Polars.

All of them read the same object from the same lakeFS, in turn. Imports are not counted: the gate's child has
its libraries loaded, so the others may have theirs.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil

from benchmarks.figures import Figure, event
from local_lakefs.testing import RunningServer, lakefs_server
from tests.e2e.harness import HOOK_ENVIRONMENT, Gate, World, running_gate

ROWS = int(os.environ.get("GATE_BENCH_ROWS", "20000000"))
ROUNDS = 3
COLUMNS = ["id", "qty", "price", "code", "flag", "day"]
CSV_TYPES = {"id": "integer", "qty": "integer", "price": "number", "flag": "boolean", "day": "date"}
_EVERY_S = 0.02

# Ten expectations; with uniqueness, the first of them is another one.
EXPECTATIONS: list[tuple[str, dict[str, Any]]] = [
    ("expect_column_values_to_not_be_null", {"column": "price"}),
    ("expect_table_row_count_to_be_between", {"min_value": 1}),
    ("expect_table_columns_to_match_ordered_list", {"column_list": COLUMNS}),
    ("expect_column_values_to_not_be_null", {"column": "id"}),
    ("expect_column_values_to_be_between", {"column": "qty", "min_value": 0, "max_value": 99}),
    ("expect_column_values_to_be_between", {"column": "price", "min_value": 0, "max_value": 100}),
    ("expect_column_values_to_be_in_set", {"column": "flag", "value_set": [True, False]}),
    ("expect_column_max_to_be_between", {"column": "day", "min_value": "2020-01-01"}),
    ("expect_column_value_lengths_to_be_between", {"column": "code", "min_value": 1, "max_value": 3}),
    ("expect_column_mean_to_be_between", {"column": "price", "min_value": 49, "max_value": 51}),
]
UNIQUE = ("expect_column_values_to_be_unique", {"column": "id"})
PROVABLE = EXPECTATIONS[1:4]


@dataclass(frozen=True)
class Run:
    """How long one took, and the most memory that its process held."""

    seconds: float
    peak_bytes: int
    check: str = ""


def engine() -> Iterator[Figure]:
    """Measure large tables of both formats."""
    with (
        tempfile.TemporaryDirectory() as folder,
        lakefs_server(Path(folder) / "lakefs", HOOK_ENVIRONMENT) as server,
    ):
        policy = _write_policy(Path(folder))
        settings = {"GATE_POLICY": str(policy), "GATE_WAIT_S": "300"}
        with running_gate(server.environment, Path(folder) / "gate", **settings) as gate:
            world = World(server)
            for name, of in (("parquet", _parquet), ("csv", _csv)):
                file = Path(folder) / f"table.{name}"
                of(file, ROWS)
                yield from _beside_others(server, gate, world, file, name)
                file.unlink()
            yield from _provable(gate, world, Path(folder))


def table(rows: int, seed: int = 0) -> pl.DataFrame:
    """Return a table of six columns without nulls: `id` is unique, `price` uniform from 0 to 100."""
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "id": np.arange(rows),
            "qty": random.integers(0, 100, rows),
            "price": random.random(rows) * 100,
            "code": pl.Series(random.integers(0, 1000, rows)).cast(pl.String),
            "flag": random.integers(0, 2, rows).astype(bool),
            "day": pl.Series(random.integers(19_000, 19_700, rows)).cast(pl.Int32).cast(pl.Date),
        }
    )


def _parquet(file: Path, rows: int) -> None:
    table(rows).write_parquet(file, row_group_size=1_000_000)


def _csv(file: Path, rows: int) -> None:
    table(rows).write_csv(file)


def _write_policy(folder: Path) -> Path:
    suites = folder / "policy" / "suites"
    suites.mkdir(parents=True)
    kinds = {"plain": EXPECTATIONS, "unique": [UNIQUE, *EXPECTATIONS[1:]], "provable": PROVABLE}
    rules = []
    for kind, expectations in kinds.items():
        asked = [{"type": name, "kwargs": kwargs} for name, kwargs in expectations]
        (suites / f"{kind}.json").write_text(json.dumps({"name": kind, "expectations": asked}))
        for form in ("parquet", "csv"):
            types = {"types": CSV_TYPES} if form == "csv" else {}
            rules.append(
                {
                    "name": f"{kind}-{form}",
                    "paths": [f"{kind}/*.{form}"],
                    "suite": kind,
                    "format": {"type": form, **types},
                    "limits": {"time_s": 300},
                }
            )
    path = folder / "policy" / "gate.yaml"
    path.write_text(json.dumps({"version": 1, "rules": rules}))  # JSON is YAML
    return path


def _beside_others(
    server: RunningServer, gate: Gate, world: World, file: Path, form: str
) -> Iterator[Figure]:
    size_bytes = file.stat().st_size
    what = f"{form}, {ROWS:,} rows, {size_bytes / 1e6:,.0f} MB"
    goals = {
        "parquet": {"plain": ("at most 0.1", "0.25"), "unique": ("at most 0.1", "0.5")},
        "csv": {"plain": ("at most 0.25", "under 1 GB"), "unique": ("at most 0.25", "under 1 GB")},
    }[form]
    for kind, (goal, memory_goal) in goals.items():
        ours, theirs, polars = [], [], []
        for number in range(ROUNDS):
            name = f"{kind}/{form}-{number}.{form}"
            commit = _commit(world, name, file)
            ours.append(hook_to_verdict(gate, world, commit))
            theirs.append(another("great_expectations", server, world, commit, name, kind))
            if form == "parquet":
                polars.append(another("polars", server, world, commit, name, kind))
        mine, other = median(ours), median(theirs)
        yield Figure(
            f"{what}, {kind}: hook to verdict, against Great Expectations",
            f"{mine.seconds / other.seconds:.3f} ({mine.seconds:.2f} s, {other.seconds:.2f} s)",
            goal,
        )
        yield Figure(
            "  memory of it",
            f"{mine.peak_bytes / other.peak_bytes:.2f} ({mine.peak_bytes / 1e6:,.0f} MB, "
            f"{other.peak_bytes / 1e6:,.0f} MB)",
            memory_goal,
        )
        if polars:
            by_hand = median(polars)
            yield Figure(
                "  against one Polars query by hand",
                f"{mine.seconds / by_hand.seconds:.2f} ({by_hand.seconds:.2f} s)",
                "at most 1.25",
            )


def _provable(gate: Gate, world: World, folder: Path) -> Iterator[Figure]:
    """Measure what footers prove, of a small and of a large object."""
    times, sizes, read = [], [], []
    for rows in (ROWS // 10, ROWS * 5 // 3):
        file = folder / "provable.parquet"
        _parquet(file, rows)
        taken = []
        for number in range(ROUNDS):
            commit = _commit(world, f"provable/{rows}-{number}.parquet", file)
            run = hook_to_verdict(gate, world, commit)
            taken.append(run.seconds)
        detail = gate.api.get(f"/api/v1/checks/{run.check}").json()
        read.append(sum(one["meta"]["gate"]["bytes_read"] for one in detail["validations"]))
        sizes.append(file.stat().st_size)
        times.append(statistics.median(taken))
    yield Figure(
        f"columns, rows, nulls of Parquet, {sizes[1] / 1e6:,.0f} MB against {sizes[0] / 1e6:,.0f} MB",
        f"{times[1] / times[0]:.2f} ({times[1]:.3f} s, {times[0]:.3f} s)",
        "independent of size",
    )
    yield Figure("  read of it", f"{read[1] / 1e6:.2f} MB", "under 1 MB")


def _commit(world: World, name: str, file: Path) -> str:
    """Put a file on a branch of its own; return the commit."""
    branch = world.repository.branch(f"b-{time.monotonic_ns()}").create("main")
    with file.open("rb") as content, branch.object(name).writer("wb") as target:
        while piece := content.read(8 << 20):
            target.write(piece)
    branch.commit(name)
    return str(branch.get_commit().id)


def hook_to_verdict(gate: Gate, world: World, commit: str) -> Run:
    """Have a merge judged that would bring a commit; raises where it is not passed."""
    with _watched(gate) as peak:
        started = time.perf_counter()
        answer = gate.hooks.post("/hooks/lakefs", json=event(world, commit), timeout=300)
        seconds = time.perf_counter() - started
    if answer.status_code != 200:
        raise RuntimeError(answer.text)
    return Run(seconds, peak[0], answer.json()["check"])


@contextmanager
def _watched(gate: Gate) -> Iterator[list[int]]:
    """Keep the most memory that a child of the gate held; its high-water mark, looked at again and again."""
    peak, stop = [0], threading.Event()
    known = set(psutil.pids())
    family = {gate.process.pid, *(child.pid for child in psutil.Process(gate.process.pid).children(True))}
    children: set[int] = set()

    def look() -> None:
        while not stop.wait(_EVERY_S):
            # Only what is new is looked at: to ask each process for its parent takes milliseconds of a core.
            fresh = set(psutil.pids()) - known
            known.update(fresh)
            children.update(pid for pid in sorted(fresh) if _parent(pid) in family | children)
            peak[0] = max(peak[0], *map(high_water_bytes, children), 0)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def _parent(pid: int) -> int:
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return 0


def high_water_bytes(pid: int) -> int:
    """Return the most memory that a process has held so far; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    marks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(marks[0]) * 1024 if marks else 0


def another(which: str, server: RunningServer, world: World, commit: str, name: str, kind: str) -> Run:
    """Let another judge the same object of the same lakeFS, in a process of its own."""
    asked = {
        "uri": f"{world.name}/{commit}/{name}",
        "expectations": [UNIQUE, *EXPECTATIONS[1:]] if kind == "unique" else EXPECTATIONS,
    }
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.by_{which}", json.dumps(asked)],
        env={**os.environ, **server.environment},
        check=True,
        capture_output=True,
    )
    told: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if not told["success"]:
        raise RuntimeError(f"{which} does not agree: {told}")
    return Run(told["seconds"], told["peak_bytes"])


def median(runs: list[Run]) -> Run:
    """Return the median of the times, and that of the memory."""
    return Run(
        statistics.median(run.seconds for run in runs),
        int(statistics.median(run.peak_bytes for run in runs)),
    )
