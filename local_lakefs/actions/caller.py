"""Whether the client of a request is still there: for one that hung up no webhook is waited for (H12)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

SOCKET = "gunicorn.socket"  # where the WSGI environment has the client's connection

hung_up: ContextVar[Callable[[], bool]] = ContextVar("hung_up", default=lambda: False)


def watch(environ: dict[str, Any]) -> None:
    """Let `hung_up` tell of the client of this thread's request."""
    connection = environ.get(SOCKET)
    hung_up.set(lambda: connection is not None and _ended(connection))


def _ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
