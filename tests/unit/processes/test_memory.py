"""What of the memory of a child is counted."""

from __future__ import annotations

import os
import subprocess
import sys

from gate_server.workers.memory import memory_bytes

# A process whose thread starts another one, which takes 200 MB and says so.
STARTS_ANOTHER = """
import subprocess, sys, threading
takes = "held = b'x' * 200_000_000; print('held', flush=True); input()"
thread = threading.Thread(target=subprocess.run, args=([sys.executable, "-c", takes],))
thread.start()
thread.join()
"""


def test_what_a_child_started_is_counted_with_it() -> None:
    """Else a limit would be as good as none for a library that starts processes."""
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_ANOTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert memory_bytes(process.pid) > 200_000_000
        assert memory_bytes(os.getpid()) > 200_000_000
        process.stdin.close()
    assert memory_bytes(process.pid) == 0
