"""A process that dies before its n-th call to database or lakeFS. Its parent may fork: it has one thread."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable

import httpx
from sqlalchemy import Engine, event

KILLED = 77
Tell = Callable[[str], None]


class Calls:
    """Counts this process's calls to database and lakeFS; ends the process before number `last`.

    Parameters
    ----------
    last
        0 for never.
    tell
        Hears which call it was.
    thread
        Whose calls count; all threads' by default.
    """

    def __init__(self, last: int, tell: Tell, thread: str = "") -> None:
        self._left = last
        self._tell = tell
        self._thread = thread

    def count(self) -> None:
        """Count from now on, whoever makes the engine or the client."""
        event.listen(Engine, "before_cursor_execute", lambda *given: self._comes(str(given[2]).split()[0]))
        event.listen(Engine, "commit", lambda _: self._comes("COMMIT"))
        real = httpx.HTTPTransport.handle_request

        def counted(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
            self._comes(f"{request.method} {request.url.path}")
            return real(transport, request)

        httpx.HTTPTransport.handle_request = counted  # type: ignore[method-assign]

    def _comes(self, name: str) -> None:
        if self._thread and threading.current_thread().name != self._thread:
            return
        self._left -= 1
        if self._left == 0:
            self._tell(name)
            os._exit(KILLED)


def in_a_fork(do: Callable[[Tell], int | None]) -> tuple[int, str]:
    """Run `do` in a process of its own; return its exit code, which `do` may return, and what it told."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(do(lambda text: (os.write(writing, text.encode()), None)[1]) or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        said = told.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said
