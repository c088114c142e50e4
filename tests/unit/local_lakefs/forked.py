"""The embedded server in a process that is forked from one which has loaded all of this already."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import gunicorn.workers.gthread  # noqa: F401 - loaded before the fork

import local_lakefs.api  # noqa: F401
from local_lakefs.service import ACCESS_KEY_VARIABLE, SECRET_KEY_VARIABLE
from local_lakefs.serving import Options, serve

STARTED_WITHIN_S = 120.0
ACCESS_KEY_ID, SECRET_ACCESS_KEY = "AKIAFORKED", "forked"


def serve_forked(directory: Path, ready_file: Path) -> None:
    """Be the server, in a process group of its own."""
    os.setsid()
    os.environ.update({ACCESS_KEY_VARIABLE: ACCESS_KEY_ID, SECRET_KEY_VARIABLE: SECRET_ACCESS_KEY})
    serve(Options(directory, port=0, ready_file=ready_file))


class Mortal:
    """A server that is killed and started again in the same directory, each time at another port.

    Its old port may have become somebody else's meanwhile.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._starts = 0
        self._process: BaseProcess | None = None
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["__main__", __name__])

    def start(self) -> str:
        """Start it; return its address."""
        self._starts += 1
        ready_file = self.directory.with_name(f"ready-{self._starts}.json")
        self._process = self._context.Process(target=serve_forked, args=(self.directory, ready_file))
        self._process.start()
        deadline = time.monotonic() + STARTED_WITHIN_S
        while not ready_file.exists():
            assert self._process.is_alive(), f"start {self._starts} failed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return str(json.loads(ready_file.read_text())["url"])

    def kill(self) -> None:
        """Kill all of its processes at once."""
        assert self._process is not None
        assert self._process.pid is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.join()
