"""How much memory a child takes, with all that it started."""

from __future__ import annotations

from pathlib import Path

import psutil


def memory_bytes(pid: int | None) -> int:
    """Return the memory of a process and of what it started; 0 where it ended just now."""
    try:
        process = psutil.Process(pid)
        return int(sum(item.memory_info().rss for item in [process, *_descendants(process)]))
    except psutil.Error:
        return 0


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    """Return what a process started, as the kernel tells: psutil looks at all processes of the machine."""
    try:
        threads = Path(f"/proc/{process.pid}/task").iterdir()
        pids = [int(pid) for thread in threads for pid in (thread / "children").read_text().split()]
        started = [psutil.Process(pid) for pid in pids]
        return started + [one for child in started for one in _descendants(child)]
    except (OSError, psutil.NoSuchProcess):  # one of them ended just now, or the kernel does not tell
        return process.children(recursive=True)
