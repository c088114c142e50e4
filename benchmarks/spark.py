"""What a table takes on Spark: judged by the gate there, by Great Expectations there, and here by Polars.

Spark is of this machine, with all its cores, and started anew for each judgement by both: `python -m
benchmarks.spark`, which needs what `make spark` puts in place.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from benchmarks.engine import EXPECTATIONS, ROWS, Run, another, hook_to_verdict, median, table
from benchmarks.figures import Figure
from local_lakefs.testing import RunningServer, lakefs_server
from tests.e2e.harness import HOOK_ENVIRONMENT, Gate, World, running_gate
from tests.spark.harness import local_spark

FILES = (2, 20, 200)
ROUNDS = int(os.environ.get("GATE_BENCH_ROUNDS", "3"))
LARGE = {
    "spark.master": "local[*]",
    "spark.driver.memory": "4g",
    "spark.driver.extraJavaOptions": "-Duser.timezone=UTC",  # as Spark is, with all of Java's compilers
}
RULES = """\
version: 1
defaults: {limits: {time_s: 300, memory_bytes: 8_000_000_000}}
rules:
  - {name: here, paths: [here/**], suite: plain, format: {type: parquet}, scope: dataset,
     dataset: "here/{table}/"}
  - {name: spark, paths: [spark/**], suite: plain, format: {type: parquet}, scope: dataset,
     dataset: "spark/{table}/", engine: spark}
"""


def spark() -> Iterator[Figure]:
    """Measure one table in 2, 20 and 200 files, and one more file."""
    with (
        tempfile.TemporaryDirectory() as folder,
        lakefs_server(Path(folder) / "lakefs", HOOK_ENVIRONMENT) as server,
    ):
        settings = {
            "GATE_POLICY": str(_write_policy(Path(folder))),
            "GATE_WAIT_S": "300",
            "GATE_SPARK_MASTER": "local[*]",
            "GATE_SPARK_CONF": json.dumps(local_spark(Path(folder)) | LARGE),
        }
        with running_gate(server.environment, Path(folder) / "gate", **settings) as gate:
            yield from _by_files(server, gate, World(server))


def _write_policy(folder: Path) -> Path:
    (folder / "suites").mkdir()
    asked = [{"type": name, "kwargs": kwargs} for name, kwargs in EXPECTATIONS]
    (folder / "suites" / "plain.json").write_text(json.dumps({"expectations": asked}))
    (folder / "gate.yaml").write_text(RULES)
    return folder / "gate.yaml"


def _by_files(server: RunningServer, gate: Gate, world: World) -> Iterator[Figure]:
    small = median([_judged(gate, world, "spark", table(1000, seed), 1)[0] for seed in range(ROUNDS)])
    yield Figure("1,000 rows on Spark, its start included", f"{small.seconds:.1f} s", "")
    for files in FILES:
        there, theirs, here = [], [], []
        for seed in range(ROUNDS):
            frame = table(ROWS, seed)
            here.append(_judged(gate, world, "here", frame, files)[0])
            run, branch, commit = _judged(gate, world, "spark", frame, files)
            there.append(run)
            folder = f"spark/{branch}/"
            theirs.append(another("great_expectations_on_spark", server, world, commit, folder, "plain"))
        mine, other, local = median(there), median(theirs), median(here)
        what = f"{ROWS:,} rows in {files} files"
        yield Figure(f"{what}: on Spark, against Great Expectations there", _ratio(mine, other), "")
        yield Figure("  against the gate's pass here, by Polars", _ratio(mine, local), "")
        memory = f"{mine.peak_bytes / 1e6:,.0f} MB, {other.peak_bytes / 1e6:,.0f} MB"
        yield Figure("  memory of it, and of Great Expectations", memory, "")
        more = [_one_more(gate, world, branch, seed) for seed in range(ROUNDS)]
        yield Figure("  one file more, the others known", _ratio(median(more), mine), "")


def _ratio(mine: Run, other: Run) -> str:
    return f"{mine.seconds / other.seconds:.2f} ({mine.seconds:.1f} s, {other.seconds:.1f} s)"


def _judged(gate: Gate, world: World, rule: str, frame: pl.DataFrame, files: int) -> tuple[Run, str, str]:
    """Put a table, in so many files, on a branch, and have it judged; return branch and commit, too."""
    name = f"t{time.monotonic_ns()}"
    branch = world.repository.branch(name).create("main")
    rows = -(-len(frame) // files)

    def upload(number: int) -> None:
        content = io.BytesIO()
        frame.slice(number * rows, rows).write_parquet(content)
        branch.object(f"{rule}/{name}/{number:05}.parquet").upload(content.getvalue())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upload, range(files)))
    branch.commit(name)
    commit = str(branch.get_commit().id)
    return hook_to_verdict(gate, world, commit), name, commit


def _one_more(gate: Gate, world: World, branch: str, seed: int) -> Run:
    """Have a table judged again that got another file."""
    content = io.BytesIO()
    table(ROWS // 100, 100 + seed).write_parquet(content)
    grown = world.commit(
        world.repository.branch(branch), {f"spark/{branch}/more-{seed}.parquet": content.getvalue()}
    )
    return hook_to_verdict(gate, world, str(grown.get_commit().id))


def main() -> None:
    """Print the figures."""
    load_1, _, _ = os.getloadavg()
    print(f"{os.cpu_count()} cores, load {load_1:.1f} before, {ROWS:,} rows")
    for figure in spark():
        figure.print()


if __name__ == "__main__":
    main()
