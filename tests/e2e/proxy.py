"""A proxy on loopback before lakeFS: what passes there is treated as a test wishes."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

OF_ONE_HOP = ("host", "connection", "transfer-encoding", "content-length", "content-encoding")
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time


@dataclass
class Exchange:
    """One request on its way to lakeFS, and how it may be answered."""

    method: str
    path: str
    server_url: str
    _handler: BaseHTTPRequestHandler
    _client: httpx.Client

    def asked(self) -> httpx.Response:
        """Ask lakeFS."""
        given = self._handler.headers
        body = self._handler.rfile.read(int(given.get("Content-Length") or 0))
        headers = {key: value for key, value in given.items() if key.lower() not in OF_ONE_HOP}
        return self._client.request(self.method, self.server_url + self.path, content=body, headers=headers)

    def pass_on(self) -> None:
        """Answer as lakeFS does."""
        answer = self.asked()
        self.answer(answer.status_code, answer.content, headers_of(answer))

    def answer(
        self, status: int, body: bytes, headers: Mapping[str, str], *, announced_bytes: int | None = None
    ) -> None:
        """Answer with `body`, which may be of another length than is announced; then the connection ends."""
        length = len(body) if announced_bytes is None else announced_bytes
        self._handler.close_connection = length != len(body)
        self.begin(status, {**headers, "Content-Length": str(length)})
        self.go_on(body)

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Send status and headers."""
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def go_on(self, body: bytes) -> None:
        """Send a part of the body."""
        self._handler.wfile.write(body)
        self._handler.wfile.flush()

    def hang_up(self) -> None:
        """Reset the connection."""
        self._handler.close_connection = True
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._handler.connection.close()


def headers_of(answer: httpx.Response) -> dict[str, str]:
    """Return the headers of an answer that a proxy passes on."""
    return {key: value for key, value in answer.headers.items() if key.lower() not in OF_ONE_HOP}


@contextmanager
def proxy_before(server_url: str, treat: Callable[[Exchange], None]) -> Iterator[str]:
    """Give the address of a proxy that lets `treat` answer each request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def treated(self) -> None:
            treat(Exchange(self.command, self.path, server_url, self, client))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = treated

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with httpx.Client(timeout=60) as client:
        proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        proxy.daemon_threads = True
        proxy.handle_error = lambda *_: None  # type: ignore[method-assign]  # who asked went away
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
            thread.join()
            proxy.server_close()
