"""A service on a database of its own, and HTTP servers that answer as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local_lakefs.actions import ActionsService
from tests.unit.local_lakefs_actions.harness import Answer, Hooks, Receiver, Request


@pytest.fixture
def receiver() -> Iterator[Callable[[Answer], Receiver]]:
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> Receiver:
        receiver = Receiver(answer)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.title(): value for name, value in self.headers.items()}
                receiver.requests.append(Request(self.command, self.path, headers, body))
                receiver.answer(self)

            do_GET = do_PUT = do_POST

            def log_message(self, *_arguments: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        receiver.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return receiver

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def make_hooks(tmp_path: Path) -> Iterator[Callable[..., Hooks]]:
    services: list[ActionsService] = []

    def make(env: dict[str, str] | None = None, *, lua_http: bool = False) -> Hooks:
        service = ActionsService(tmp_path / "actions.db", env or {}, lua_http=lua_http)
        services.append(service)
        return Hooks(service)

    yield make
    for service in services:
        service.close()


@pytest.fixture
def hooks(make_hooks: Callable[..., Hooks]) -> Hooks:
    return make_hooks()
