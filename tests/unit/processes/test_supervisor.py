"""The supervisor keeps its processes running."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import structlog

from gate_server.processes import Supervisor
from tests.e2e.harness import until


def test_a_process_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    """As where there is no memory for one: there it is the fork that fails."""
    program, started = tmp_path / "program", tmp_path / "started"
    supervisor = Supervisor({}, os.environ)
    with structlog.testing.capture_logs() as said:
        thread = threading.Thread(target=supervisor._keep, args=("worker", [str(program)]))
        thread.start()
        try:
            until(lambda: any("could not be started" in entry["event"] for entry in said))
            program.with_suffix(".new").write_text(f"#!/bin/sh\ntouch {started}\n")
            program.with_suffix(".new").chmod(0o755)
            program.with_suffix(".new").rename(program)
            until(started.exists)
        finally:
            supervisor._stop.set()
            thread.join()
