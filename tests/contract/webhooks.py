"""A receiver of webhooks on loopback that keeps what it gets and answers as told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    content: bytes

    @property
    def event(self) -> Any:
        """The body as JSON."""
        return json.loads(self.content)


@dataclass
class Endpoint:
    """One address of the receiver. `during` runs while the sender waits for the answer."""

    url: str
    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    during: Callable[[Received], object] | None = None
    received: list[Received] = field(default_factory=list)

    @property
    def events(self) -> list[Any]:
        return [request.event for request in self.received]

    def of_type(self, event_type: str) -> list[Any]:
        return [event for event in self.events if event["event_type"] == event_type]


class Receiver:
    """Give each test an address of its own."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.endpoints: dict[str, Endpoint] = {}
        self.failures: list[BaseException] = []

    def endpoint(self, **answer: Any) -> Endpoint:
        path = f"/{uuid4().hex}"
        endpoint = Endpoint(self.base_url + path, **answer)
        self.endpoints[path] = endpoint
        return endpoint

    def answer(self, request: Received) -> Endpoint:
        endpoint = self.endpoints[request.path]
        endpoint.received.append(request)
        if endpoint.during:
            try:
                endpoint.during(request)
            except BaseException as error:
                self.failures.append(error)  # raised in the test by the fixture: a thread's assertion is lost
                raise
        return endpoint


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run a receiver on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = urlsplit(self.path)
            request = Received(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                {name.lower(): value for name, value in self.headers.items()},
                content,
            )
            endpoint = running.answer(request)
            with suppress(ConnectionError):  # a sender that did not wait for the answer
                self.send_response(endpoint.status)
                for name, value in endpoint.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(endpoint.body)))
                self.end_headers()
                self.wfile.write(endpoint.body)

        do_GET = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    running = Receiver(f"http://127.0.0.1:{server.server_address[1]}")
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
