"""A way to lakeFS that holds the reading of data until it is let go: a check takes as long as wanted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from local_lakefs.testing import RunningServer

HELD_AT_MOST_S = 25.0
_OF_ONE_HOP = ("host", "connection", "transfer-encoding", "content-length", "content-encoding")


@dataclass
class Way:
    """Where lakeFS is reached, and what happens on the way."""

    server: RunningServer
    url: str = ""
    reached: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    free: threading.Event = field(default_factory=threading.Event)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to take this way."""
        return {**self.server.environment, "LAKECTL_SERVER_ENDPOINT_URL": self.url}

    def hold(self) -> None:
        """Hold data from now on."""
        self.free.clear()
        while self.reached.acquire(blocking=False):
            pass

    def wait_until_reached(self) -> None:
        """Wait until data is asked for, once more."""
        assert self.reached.acquire(timeout=60), "no data was asked for"


@contextmanager
def holding_way(server: RunningServer) -> Iterator[Way]:
    """Give a way to `server` on which data is held until `free` is set."""
    way = Way(server)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.command == "GET" and "/objects?" in self.path:
                way.reached.release()
                way.free.wait(HELD_AT_MOST_S)
            headers = {key: value for key, value in self.headers.items() if key.lower() not in _OF_ONE_HOP}
            answer = client.request(self.command, server.url + self.path, content=body, headers=headers)
            self.send_response(answer.status_code)
            for key, value in answer.headers.items():
                if key.lower() not in _OF_ONE_HOP:
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = pass_on

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with httpx.Client(timeout=60) as client:
        proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        proxy.daemon_threads = True
        proxy.handle_error = lambda *_: None  # type: ignore[method-assign]  # who asked was killed
        way.url = f"http://127.0.0.1:{proxy.server_port}"
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield way
        finally:
            way.free.set()
            proxy.shutdown()
            thread.join()
            proxy.server_close()
