"""A process that dies, or loses its database, before its n-th call. Its parent forks, so has one thread."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable

import httpx
from sqlalchemy import Connection, Engine, event, func, select, text

KILLED = 77
Tell = Callable[[str], None]


class Calls:
    """Counts this process's calls to database and lakeFS; before number `last` it dies.

    Parameters
    ----------
    last
        0 for never.
    tell
        Hears which call it was.
    thread
        Whose calls count; all threads' by default.
    instead
        What happens instead of death; only commits count then.
    """

    def __init__(
        self, last: int, tell: Tell, thread: str = "", instead: Callable[[Connection], None] | None = None
    ) -> None:
        self._left = last
        self._tell = tell
        self._thread = thread
        self._instead = instead

    def count(self) -> None:
        """Count from now on, whoever makes the engine or the client."""
        event.listen(Engine, "before_cursor_execute", self._statement)
        event.listen(Engine, "commit", lambda connection: self._comes("COMMIT", connection))
        real = httpx.HTTPTransport.handle_request

        def counted(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
            self._comes(f"{request.method} {request.url.path}")
            return real(transport, request)

        httpx.HTTPTransport.handle_request = counted  # type: ignore[method-assign]

    def _statement(self, connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        self._comes(statement.split(maxsplit=1)[0], connection)

    def _comes(self, name: str, connection: Connection | None = None) -> None:
        if self._thread and threading.current_thread().name != self._thread:
            return
        if self._instead is not None and name != "COMMIT":
            return
        self._left -= 1
        if self._left == 0:
            self._tell(name)
            if self._instead is None or connection is None:
                os._exit(KILLED)
            self._instead(connection)


def lose_database(connection: Connection) -> None:
    """Kill the server's process behind a connection; make SQLite read-only, from its next statement on."""
    own = connection.connection.driver_connection
    assert own is not None
    if connection.dialect.name == "sqlite":
        own.execute("PRAGMA query_only=1")
        # The next connection of the pool may be another one.
        event.listen(connection.engine, "checkout", lambda other, *_: other.execute("PRAGMA query_only=1"))
        return
    pid = own.info.backend_pid
    # A transaction would see the activity of its beginning.
    with connection.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
        other.execute(select(func.pg_terminate_backend(pid)))
        while other.execute(text("SELECT 1 FROM pg_stat_activity WHERE pid = :pid"), {"pid": pid}).first():
            time.sleep(0.01)


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
