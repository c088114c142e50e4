"""What a child does first, so that it harms nobody beside it and leaves nothing behind."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from gate_server.workers.parent import end_with_parent

BEHIND = 5  # nice; of two busy processes the other gets three times as much


def isolate(folder: str) -> None:
    """Lead an own process group, die with the parent, leave no core, keep temporary files in `folder`.

    Give way to the gate's other processes, to their work as well as when the machine has no memory left.
    """
    os.setsid()
    os.nice(BEHIND)
    _let_forkserver_end()
    end_with_parent(signal.SIGKILL)
    if sys.platform == "linux":
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():  # it died before the line above
            os._exit(1)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(folder)
    tempfile.tempdir = folder
    os.environ["TMPDIR"] = folder
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(nowhere, stream)
    os.dup2(os.open("stderr", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)


def _let_forkserver_end() -> None:
    """Close this child's hold on the forkserver, so that both end when their worker is killed.

    A forkserver ends when nobody holds the other end of its pipe, of which each child is given a copy.
    """
    server: Any = forkserver._forkserver  # a private part, which types do not know
    held = getattr(server, "_forkserver_alive_fd", None)
    if held is not None:  # this child came of a forkserver
        os.close(held)
        server._forkserver_alive_fd = None
