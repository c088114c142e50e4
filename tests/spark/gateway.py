"""A way to lakeFS's S3 gateway on which reads of a file can be kept waiting, and with them a job."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PATIENCE_S = 600


@dataclass
class Gateway:
    """lakeFS's gateway as a cluster reaches it."""

    url: str
    reads: list[str] = field(default_factory=list)  # the names of files that were asked for, each time
    reached: threading.Event = field(default_factory=threading.Event)  # somebody waits
    _held: str = ""
    _goes_on: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def holding(self, name: str) -> Iterator[None]:
        """Answer no read of files of this name until the block ends."""
        self.reached.clear()
        self._goes_on.clear()
        self._held = name
        try:
            yield
        finally:
            self._held = ""
            self._goes_on.set()

    def look_at(self, content: bytes) -> None:
        """Note what is read, and keep it waiting if it has to."""
        if not content.startswith(b"GET "):  # a request without a body comes in one piece
            return
        name = content.split(b" ", 2)[1].decode().rpartition("/")[2]
        self.reads.append(name)
        if name == self._held:
            self.reached.set()
            self._goes_on.wait(PATIENCE_S)


@contextmanager
def gateway_before(server_url: str) -> Iterator[Gateway]:
    """Pass bytes to a lakeFS and back as they are, since requests are signed with the address they ask."""
    there = urlsplit(server_url)

    def relay(source: socket.socket, target: socket.socket, look_at: Callable[[bytes], object]) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                look_at(content)
                target.sendall(content)
        for side in (source, target):
            with suppress(OSError):  # the other thread was first
                side.shutdown(socket.SHUT_RDWR)

    def connect(client: socket.socket) -> None:
        with client, socket.create_connection((there.hostname, there.port)) as server:
            back = threading.Thread(target=relay, args=(server, client, len), daemon=True)
            back.start()
            relay(client, server, gateway.look_at)
            back.join()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        gateway = Gateway(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=connect, args=listener.accept()[:1], daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield gateway
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
