"""gunicorn's threaded worker for clients that are slow, on purpose or not: none of them holds a thread.

gunicorn reads a request in a thread of its pool for as long as the client likes, lets a thread wait 5 s for
the first byte of a connection, and lingers up to 2 s over each that ends in the one thread that accepts
them: a few dozen slow clients would stop the gate (gunicorn 27, ``workers/gthread.py``). Here the thread that
accepts also collects each request, without waiting, and a thread gets it whole. Under TLS that cannot be: a
thread reads, but only until a deadline.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import re
import selectors
import socket
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from gate_server.app import MAX_BODY_BYTES

REQUEST_WITHIN_S = 10.0  # from its first byte to its last
ANSWER_WITHIN_S = 30.0  # until the client has read it
LINGER_S = 2.0  # after an answer, so that what the client still sends does not cut it off
MOST_COLLECTED, MOST_KEPT_ALIVE, MOST_LINGERING = 500, 300, 150  # connections; beyond, the oldest goes
HEAD_BYTES = 65_536
HELD_BYTES = 64_000_000  # of all requests that are being collected
READ_BYTES = 65_536
LINGER_BYTES = 4_000_000
MOST_UNREAD_BYTES = 50_000
SEND_BUFFER_BYTES = 1_000_000  # so that most answers leave their thread at once, whether they are read or not

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*[;\r]")
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)


class Connection(TConn):  # type: ignore[misc]
    """A connection, with what was received of its next request."""

    def __init__(self, worker: Worker, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(worker.cfg, sock, client, server)
        self._worker = worker
        self.received = bytearray()
        self.head_bytes = 0  # known once the head is there
        self.chunk_at = 0  # where the first chunk that is not there yet begins
        self.is_continued = False
        self.discarded_bytes = 0

    def init(self) -> None:
        """Give the parser what was received."""
        super().init()
        if self.received:
            self.parser.unreader.unread(bytes(self.received))
            self.received = bytearray()
            self.head_bytes, self.is_continued = 0, False

    def close(self, graceful: bool = False) -> None:
        """Close it; after an answer not before the client had a moment to read it."""
        if graceful:
            self._worker.linger(self)
        else:
            super().close()

    def is_whole(self) -> bool:
        """Whether no more is needed: the request is there, or so much that it is refused anyway."""
        if not self.head_bytes:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return len(self.received) > HEAD_BYTES
            self.head_bytes = self.chunk_at = end + 4
        head, size_bytes = self.received[: self.head_bytes], len(self.received) - self.head_bytes
        if _CHUNKED.search(head):
            return size_bytes > MAX_BODY_BYTES or self._is_last_chunk_there()
        named = _LENGTH.search(head)
        return named is None or int(named[1]) > MAX_BODY_BYTES or size_bytes >= int(named[1])

    def _is_last_chunk_there(self) -> bool:
        """Go on from chunk to chunk (RFC 9112, 7.1); chunks that are none are gunicorn's to refuse."""
        while (end := self.received.find(b"\r\n", self.chunk_at)) >= 0:
            named = _CHUNK.match(self.received, self.chunk_at)
            if named is None:
                return True
            if not (size_bytes := int(named[1], 16)):
                return self.received.find(b"\r\n\r\n", self.chunk_at) >= 0
            following = end + 2 + size_bytes + 2
            if following > len(self.received):
                return False
            self.chunk_at = following
        return len(self.received) - self.chunk_at > HEAD_BYTES

    def expects_word(self) -> bool:
        """Whether the client waits for leave to send the body, and was not given it yet."""
        if self.is_continued or not _EXPECTS.search(self.received[: self.head_bytes]):
            return False
        self.is_continued = True
        return True


class Worker(ThreadWorker):  # type: ignore[misc]
    """Hands whole requests to its threads. The methods without a leading underscore are gunicorn's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.max_keepalived = MOST_KEPT_ALIVE
        # Each ends at a time of the monotonic clock, the oldest first.
        self._collected: dict[Connection, float] = {}
        self._lingering: dict[Connection, float] = {}
        self._in_threads: dict[int, tuple[Connection, float]] = {}  # thread -> whose client is waited for
        self._held_bytes = 0

    def accept(self, listener: Any) -> None:
        """Take a connection; where there is no room, the one that is slow for longest makes it."""
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._make_room(0)
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._collect(Connection(self, sock, client, listener.getsockname()))
        self._make_room(MOST_COLLECTED)

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Begin the next request of a connection that was kept alive."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._collect(conn)
        self._on_readable(conn, client)

    def finish_request(self, conn: Connection, fs: Future[Any]) -> None:
        """Begin the next request where a part of it came with the last one."""
        is_kept = not fs.cancelled() and fs.exception() is None and bool(fs.result())
        if is_kept and (ahead := conn.parser.unreader.take_buffered()):
            self._collect(conn)
            self._take(conn, ahead)
        else:
            super().finish_request(conn, fs)

    def handle(self, conn: Connection) -> Any:
        """Read a request and answer it, in a thread of the pool."""
        self._in_threads[threading.get_ident()] = conn, time.monotonic() + REQUEST_WITHIN_S
        try:
            return super().handle(conn)
        finally:
            self._in_threads.pop(threading.get_ident(), None)

    def load_wsgi(self) -> None:
        """Load the app: it may take its time, its client may not."""
        super().load_wsgi()
        self.wsgi: Any = partial(self._answer, self.wsgi)

    def murder_pending(self) -> None:
        """Once a second: end what is late."""
        super().murder_pending()
        now = time.monotonic()
        for conn, deadline in list(self._collected.items()):
            if deadline <= now or not (self.alive or conn.received):
                self._drop(conn)
        for conn, deadline in list(self._lingering.items()):
            if deadline <= now:
                self._end_lingering(conn)
        for conn, deadline in list(self._in_threads.values()):
            if deadline <= now:
                with contextlib.suppress(OSError):  # its thread closes it
                    conn.sock.shutdown(socket.SHUT_RDWR)

    def linger(self, conn: Connection) -> None:
        """Close a connection once its client did, or soon."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, lambda _: self._on_lingering(conn))
        except (OSError, ValueError, KeyError):
            conn.close()
            return
        self._lingering[conn] = time.monotonic() + LINGER_S
        if len(self._lingering) > MOST_LINGERING:
            self._end_lingering(next(iter(self._lingering)))

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        """Keep a connection unless a body was left unread: gunicorn would wait for it up to 5 s."""
        return keepalive and bool(conn.parser.finish_body(deadline=time.monotonic() + 0.01))

    def _answer(
        self, app: Callable[..., Iterable[bytes]], environ: dict[str, Any], start: Any
    ) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if "HTTP_TRANSFER_ENCODING" in environ or 0 < length <= MAX_BODY_BYTES:
            try:
                body = environ["wsgi.input"].read(MAX_BODY_BYTES + 1)
            except OSError:  # it broke off, or its chunks are none: the app says what is wrong with no body
                body = b""
            environ["wsgi.input"] = io.BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))  # Werkzeug cuts a chunked body that is too long off
            environ.pop("HTTP_TRANSFER_ENCODING", None)
        conn, _ = self._in_threads.pop(threading.get_ident())
        try:
            return app(environ, start)
        finally:
            self._in_threads[threading.get_ident()] = conn, time.monotonic() + ANSWER_WITHIN_S

    def _collect(self, conn: Connection) -> None:
        conn.sock.setblocking(False)
        self._collected[conn] = time.monotonic() + REQUEST_WITHIN_S
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_readable, conn))

    def _on_readable(self, conn: Connection, _: Any) -> None:
        if conn not in self._collected:  # another's event, a moment ago, was its end
            return
        if self.cfg.is_ssl:  # the handshake comes first: a thread's work
            self._hand_over(conn)
            return
        try:
            data = conn.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._take(conn, data)
        else:
            self._drop(conn)

    def _take(self, conn: Connection, data: bytes) -> None:
        conn.received += data
        self._held_bytes += len(data)
        if conn.is_whole():
            self._hand_over(conn)
        elif self._held_bytes > HELD_BYTES:
            self._drop(conn)
        elif conn.expects_word():
            with contextlib.suppress(OSError):
                conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _hand_over(self, conn: Connection) -> None:
        if _unread_bytes(conn.sock) > MOST_UNREAD_BYTES:  # asks for more, and does not read what it gets
            self._drop(conn)
            return
        self._forget(conn)
        conn.data_ready = True
        self.enqueue_req(conn)

    def _forget(self, conn: Connection) -> None:
        del self._collected[conn]
        self._held_bytes -= len(conn.received)
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)

    def _drop(self, conn: Connection) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def _make_room(self, most: int) -> None:
        if len(self._collected) > most:
            self._drop(next(iter(self._collected)))

    def _on_lingering(self, conn: Connection) -> None:
        if conn not in self._lingering:
            return
        try:
            size_bytes = len(conn.sock.recv(READ_BYTES))
        except BlockingIOError:
            return
        except OSError:
            size_bytes = 0
        conn.discarded_bytes += size_bytes
        if not size_bytes or conn.discarded_bytes > LINGER_BYTES:
            self._end_lingering(conn)

    def _end_lingering(self, conn: Connection) -> None:
        del self._lingering[conn]
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        conn.close()


def _unread_bytes(sock: socket.socket) -> int:
    """Return how much of what was sent the other side has no room for (Linux; 0 where it is not told)."""
    try:
        told = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int.from_bytes(told, sys.byteorder)
