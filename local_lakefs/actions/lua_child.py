"""The process that runs one Lua hook: it reads a job, and writes what the script prints and how it ended.

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
from typing import Any, BinaryIO, NoReturn

from local_lakefs.actions.lua_values import CannotConvert, Lua, table_argument
from local_lakefs.actions.sandbox import ScriptFailed, run_script

ADDRESS_SPACE_LIMIT_BYTES = 2 << 30
CPU_LIMIT_S = 600  # a script may wait for long, but not work
HTTP_TIMEOUT_S = 30.0
HTTP_BODY_LIMIT_BYTES = 16 << 20


def main() -> None:
    """Wait for the job, run it and tell how it ended; the process ends here in any case."""
    request = None
    if "--http" in sys.argv:
        from local_lakefs.actions import outbound  # takes a while, and is not always needed

        outbound.tls_context()
        request = _request
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
    threading.Thread(target=_end_with_server, args=(jobs,), daemon=True).start()
    room_bytes = job["output_limit_bytes"]

    def write(text: bytes) -> None:
        nonlocal room_bytes
        room_bytes -= len(text)
        if room_bytes < 0:
            _end(f"output larger than {job['output_limit_bytes']} bytes")
        _tell({"print": text.decode(errors="replace")})

    try:
        run_script(job["code"].encode("latin-1"), job["variables"], write, request)
    except ScriptFailed as failure:
        _end(str(failure))
    _end(None)


def _request(lua: Lua, *arguments: Any) -> tuple[Any, ...]:
    """Answer for ``net/http``'s ``request(url, body)`` or ``request{url=, method=, body=, headers=}``."""
    from local_lakefs.actions.outbound import (
        RequestFailed,
        send,
    )  # takes a while, and most scripts ask nothing

    method, url, body, headers = _read_request(lua, arguments)
    try:
        answer = send(
            method,
            url,
            headers=headers,
            content=body,
            timeout_s=HTTP_TIMEOUT_S,
            body_limit_bytes=HTTP_BODY_LIMIT_BYTES,
        )
    except RequestFailed as error:
        raise CannotConvert(str(error)) from error
    if answer.body_problem:
        raise CannotConvert(answer.body_problem)
    by_name: dict[str, list[str]] = {}
    for name, value in answer.headers:
        by_name.setdefault(name, []).append(value)
    return (
        answer.status_code,
        bytes(answer.body).decode("latin-1"),
        lua.push({name: values[0] if len(values) == 1 else values for name, values in by_name.items()}),
        f"{answer.status_code} {answer.reason}",
    )


def _read_request(
    lua: Lua, arguments: tuple[Any, ...]
) -> tuple[str, str, bytes | None, list[tuple[str, str]]]:
    first = arguments[0] if arguments else None
    if isinstance(first, str):
        body = arguments[1] if len(arguments) > 1 else None
        given: dict[str, Any] = {
            "url": lua.pull(first),
            "body": lua.pull(body) if isinstance(body, str) else None,
        }
    elif first is None or isinstance(first, bool | int | float):
        raise CannotConvert("first argument can be url or request table")
    else:
        given = table_argument(lua, first)
    url, body = given.get("url"), given.get("body")
    if not isinstance(url, str) or not url:
        raise CannotConvert("missing request url")
    method = given.get("method", "POST" if isinstance(body, str) else "GET")
    headers: list[tuple[str, str]] = []
    for name, value in (given.get("headers") or {}).items():
        values = value.values() if isinstance(value, dict) else [value]
        headers += [(name, one) for one in values if isinstance(one, str)]
    return method, url, body.encode() if isinstance(body, str) else None, headers


def _end_with_server(jobs: BinaryIO) -> None:
    jobs.read()
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
