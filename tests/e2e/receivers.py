"""Those who are told: a web server that Slack, Teams and webhooks are spoken to as, and a mail server."""

from __future__ import annotations

import email
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Receiver:
    """Takes what is posted, or does what a test says by path: a status, headers, or an event to hang at."""

    port: int = 0
    came: list[tuple[str, Any]] = field(default_factory=list)
    answers: dict[str, tuple[int, Mapping[str, str]]] = field(default_factory=dict)
    hangs: dict[str, threading.Event] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def at(self, path: str) -> list[Any]:
        """Return what came to a path, oldest first."""
        return [body for where, body in list(self.came) if where == path]

    def address(self, path: str) -> str:
        """Return the address of a path as a JSON webhook."""
        return f"json://127.0.0.1:{self.port}{path}"


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run the web server until the block ends."""
    here = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            path = self.path.partition("?")[0]
            here.asked.append(path)
            if path in here.hangs:
                here.hangs[path].wait(120)
            status, headers = here.answers.get(path, (200, {}))
            if status < 300:
                here.came.append((path, json.loads(body)))
            self.send_response(status)
            for name, value in {"Content-Type": "text/plain", **headers}.items():
                self.send_header(name, value)
            with suppress(OSError):  # who sent it may be gone
                self.end_headers()
                self.wfile.write(b"ok")

        do_GET = do_POST

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield here
    finally:
        for hang in here.hangs.values():
            hang.set()
        server.shutdown()
        server.server_close()


class Mailbox:
    """Keeps the mails that came."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.port = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(email.message_from_bytes(envelope.content))
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """Run the mail server until the block ends."""
    from tests.e2e.harness import free_port

    mailbox = Mailbox()
    mailbox.port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
