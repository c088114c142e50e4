"""A command of ours as a person at a terminal has it: what it shows, and that it leaves nothing behind."""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from pathlib import Path

import psutil


def read(terminal: int, process: subprocess.Popen[bytes], text: str, patience_s: float = 240) -> str:
    """Return what the terminal shows until `text` is among it, or the process ends."""
    shown = b""
    deadline = time.monotonic() + patience_s
    while text.encode() not in shown and time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.2)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # it ended
            break
    return shown.decode(errors="replace")


def assert_nothing_is_left(temporary: Path, output: str = "") -> None:
    """Hold that no process and no file is left, of those that it named and those with that folder."""
    pids = [int(pid) for pid in re.findall(r"\(process (\d+)\)", output)]
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    mine = [item for item in psutil.process_iter() if _temporary_of(item).startswith(str(temporary))]
    # The gate's forkserver ends by itself when its parent did, once it has imported what it imports.
    _, left = psutil.wait_procs(mine, timeout=60)
    assert not left
    assert [path.name for path in temporary.iterdir()] == []


def _temporary_of(process: psutil.Process) -> str:
    try:
        return process.environ().get("TMPDIR", "")
    except psutil.Error:
        return ""
