"""Prints the figures of the whole: `python -m benchmarks`."""

from __future__ import annotations

import os
import platform
import tempfile
from pathlib import Path

from benchmarks import (
    datasets,
    embedded,
    engine,
    gateway,
    load,
    many,
    pages,
    queue,
    repositories,
    single,
    tables,
)
from benchmarks.figures import Figure
from local_lakefs.testing import lakefs_server
from tests.e2e.harness import HOOK_ENVIRONMENT, running_gate


def main() -> None:
    """Print all figures."""
    load_1, _, _ = os.getloadavg()
    print(f"{os.cpu_count()} cores, load {load_1:.1f} before, Python {platform.python_version()}")
    Figure("figure", "median", "goal").print()
    for measure_alone in (
        single.command_line,
        single.importing,
        embedded.embedded_server,
        gateway.large_objects,
        engine.engine,
        datasets.datasets,
        tables.tables,
        pages.pages,
        repositories.repositories,
        many.many,
    ):
        for figure in measure_alone():
            figure.print()
    with (
        tempfile.TemporaryDirectory() as folder,
        lakefs_server(Path(folder) / "lakefs", HOOK_ENVIRONMENT) as server,
        running_gate(server.environment, Path(folder) / "gate") as gate,
    ):
        for measure in (
            single.unknown_verdict,
            single.judged_ahead,
            single.known_verdict,
            single.reverts,
            load.burst_and_stream,
            load.capacity,
            load.merges,
            queue.thousand_checks,
        ):
            for figure in measure(server, gate):
                figure.print()
        for figure in queue.stages(server):
            figure.print()
        for figure in queue.by_threads(server, Path(folder)):
            figure.print()


if __name__ == "__main__":
    main()
