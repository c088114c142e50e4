"""Prints the figures of the whole: `python -m benchmarks`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import load, single
from benchmarks.figures import Figure
from local_lakefs.testing import lakefs_server
from tests.e2e.harness import HOOK_ENVIRONMENT, running_gate


def main() -> None:
    """Print all figures."""
    Figure("figure", "median", "goal").print()
    for figure in single.command_line():
        figure.print()
    with (
        tempfile.TemporaryDirectory() as folder,
        lakefs_server(Path(folder) / "lakefs", HOOK_ENVIRONMENT) as server,
        running_gate(server.environment, Path(folder) / "gate") as gate,
    ):
        for measure in (
            single.unknown_verdict,
            single.known_verdict,
            single.reverts,
            load.burst_and_stream,
            load.merges,
        ):
            for figure in measure(server, gate):
                figure.print()


if __name__ == "__main__":
    main()
