"""The process that runs one Lua hook: it reads a job, and writes what the script prints and how it ended.

What the script asks of lakeFS goes the same way, since this process has neither keys nor an address:
a line with the call out, and in a line with status and size, and as many bytes.

It ends with its server, whose end closes its standard input, and at the latest a little after the hook's time
is over: by a signal that the system delivers, whatever the script keeps the interpreter busy with.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
from queue import SimpleQueue
from typing import Any, BinaryIO, NoReturn

from local_lakefs.actions.endpoint import Call
from local_lakefs.actions.lua_modules import Modules, http, lakefs_api
from local_lakefs.actions.sandbox import ScriptFailed, run_script

ADDRESS_SPACE_LIMIT_BYTES = 2 << 30
CPU_LIMIT_S = 600  # a script may wait for long, but not work


def main() -> None:
    """Wait for the job, run it and tell how it ended; the process ends here in any case."""
    answers: SimpleQueue[tuple[int, bytes]] = SimpleQueue()

    def ask(call: Call) -> tuple[int, bytes]:
        _tell({"call": call})
        return answers.get()

    modules: Modules = {"lakefs": lakefs_api.functions(ask)}
    if "--http" in sys.argv:
        from local_lakefs.actions import outbound  # takes a while, and is not always needed

        outbound.tls_context()
        modules["net/http"] = http.HTTP
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S))
    if (
        sys.platform == "linux"
    ):  # elsewhere this limit is not to be had; Lua's own memory is limited in any case
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_LIMIT_BYTES, ADDRESS_SPACE_LIMIT_BYTES))
    jobs = sys.stdin.buffer
    line = jobs.readline()
    if not line:
        return  # never needed
    job = json.loads(line)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, job["timeout_s"] + 1)
    threading.Thread(target=_receive, args=(jobs, answers), daemon=True).start()
    room_bytes = job["output_limit_bytes"]
    _tell({"begun": True})

    def write(text: bytes) -> None:
        nonlocal room_bytes
        room_bytes -= len(text)
        if room_bytes < 0:
            _end(f"output larger than {job['output_limit_bytes']} bytes")
        _tell({"print": text.decode(errors="replace")})

    try:
        run_script(job["code"].encode("latin-1"), job["variables"], write, modules)
    except ScriptFailed as failure:
        _end(str(failure))
    _end(None)


def _receive(jobs: BinaryIO, answers: SimpleQueue[tuple[int, bytes]]) -> None:
    """Take the server's answers, until its end."""
    while line := jobs.readline():
        status, size_bytes = json.loads(line)
        answers.put((status, jobs.read(size_bytes)))
    os._exit(1)


def _tell(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
    sys.stdout.buffer.flush()


def _end(error: str | None) -> NoReturn:
    """End at once: closing the interpreter would run the finalizers of the script."""
    _tell({"error": error})
    os._exit(0)


if __name__ == "__main__":
    main()
