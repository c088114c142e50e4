"""What objects' bytes are read with, against servers that answer as they should, and as they should not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gate_server.errors import CouldNotTell, LakeFSError, LakeFSUnreachable
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.objects import open_object, read_range

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"
Answer = Callable[[socket.socket], object]


@contextmanager
def serving(*answers: Answer) -> Iterator[tuple[str, list[bytes]]]:
    """Give the address of a server that answers so, one request after the other; and what it was asked."""
    asked: list[bytes] = []
    left = list(answers)

    def serve(listener: socket.socket) -> None:
        while left:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                while left and (request := _request(connection)):
                    asked.append(request)
                    if left.pop(0)(connection) is not None:
                        break

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _request(connection: socket.socket) -> bytes:
    found = b""
    while b"\r\n\r\n" not in found and (piece := connection.recv(65536)):
        found += piece
    return found


def _says(*pieces: bytes) -> Answer:
    """Answer with these bytes; the connection stays open."""
    return lambda connection: connection.sendall(b"".join(pieces))


def _breaks_off(*pieces: bytes) -> Answer:
    """Answer with these bytes, and close the connection."""
    return lambda connection: (connection.sendall(b"".join(pieces)), True)


def lakefs(url: str, timeout_s: float = 5.0) -> LakeFS:
    return LakeFS(url, "key", "secret", timeout_s=timeout_s, reads_tried=1)


def read(client: LakeFS) -> bytes:
    with open_object(client, "sales", "c1", "a b/ü+&#.csv") as stream:
        return stream.read()


def test_bytes_come_as_they_are_stored_over_one_connection() -> None:
    packed = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 10\r\n\r\n"
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n"
    with serving(_says(packed, b"0123456789"), _says(chunked), _breaks_off()) as (url, asked):
        client = lakefs(url)
        assert read(client) == read(client) == b"0123456789"
        assert client.calls == len(asked) == 2  # the second request came over the first's connection
    first = asked[0].decode().lower()
    assert first.startswith(
        "get /api/v1/repositories/sales/refs/c1/objects?path=a+b%2f%c3%bc%2b%26%23.csv http/1.1\r\n"
    )
    assert "\r\naccept-encoding: identity\r\n" in first
    assert "\r\nauthorization: basic a2v5onnly3jlda==\r\n" in first


RANGE = b"HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-9/10\r\n"


@pytest.mark.parametrize("head", [HEAD, RANGE + b"content-length: 10\r\n\r\n"])
@pytest.mark.parametrize("ends", [_breaks_off, _says])
def test_a_part_is_never_taken_for_the_whole(head: bytes, ends: Callable[..., Answer]) -> None:
    assert_broken(ends(head, b"0123"), is_range=b"206" in head)


@pytest.mark.parametrize("rest", [b"4\r\n01", b"4\r\n0123\r\n", b"4\r\n0123\r\nzz\r\n"])
@pytest.mark.parametrize("status", [b"HTTP/1.1 200 OK\r\n", RANGE])
def test_nor_a_part_of_chunks(status: bytes, rest: bytes) -> None:
    head = status + b"transfer-encoding: chunked\r\n\r\n"
    assert_broken(_breaks_off(head, rest), is_range=b"206" in head)


def assert_broken(answer: Answer, *, is_range: bool) -> None:
    def ask() -> object:
        return read_range(client, "sales", "c1", "a", 10, 0, 10) if is_range else read(client)

    with serving(answer, _breaks_off()) as (url, _):
        client = lakefs(url, timeout_s=0.3)
        with pytest.raises(CouldNotTell, match="broke off"):
            ask()


def test_no_answer_is_no_bytes() -> None:
    with serving(_breaks_off()) as (url, _), pytest.raises(LakeFSUnreachable, match="does not answer"):
        read(lakefs(url))
    with serving(_says(), _says()) as (url, _), pytest.raises(LakeFSUnreachable, match="ReadTimeout"):
        read(lakefs(url, timeout_s=0.3))
    with pytest.raises(LakeFSUnreachable, match="ConnectError"):
        read(lakefs(url))  # nobody listens there now
    with serving(_breaks_off(b"SSH-2.0-OpenSSH\r\n")) as (url, _), pytest.raises(LakeFSUnreachable):
        read(lakefs(url))


def test_what_is_wrong_is_told_and_not_waited_for_without_end() -> None:
    gone = b'HTTP/1.1 410 Gone\r\ncontent-length: 18\r\n\r\n{"message":"lost"}'
    with serving(_says(gone)) as (url, _), pytest.raises(LakeFSError, match=r"410 .*lost"):
        read(lakefs(url))
    slow = threading.Event()

    def byte_by_byte(connection: socket.socket) -> object:
        connection.sendall(b"HTTP/1.1 500 No\r\ncontent-length: 1000\r\n\r\n")
        while not slow.wait(0.05):
            connection.sendall(b"x")
        return connection

    with serving(byte_by_byte) as (url, _):
        with pytest.raises(LakeFSUnreachable, match="ReadTimeout"):
            read(lakefs(url, timeout_s=0.5))
        slow.set()


def test_a_redirect_is_not_followed_with_our_keys() -> None:
    away = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
    with serving(_says(away)) as (url, _), pytest.raises(LakeFSError, match="redirect"):
        read(lakefs(url))


def test_the_environment_names_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(_says(HEAD, b"0123456789"), _says(HEAD, b"9876543210")) as (proxy, asked):
        monkeypatch.setenv("http_proxy", proxy.replace("//", "//me:p%40ss@"))
        assert read(lakefs("http://lakefs.example")) == b"0123456789"
        line, *headers = asked[0].decode().lower().split("\r\n")
        assert line.startswith("get http://lakefs.example/api/v1/repositories/")
        assert "proxy-authorization: basic bwu6cebzcw==" in headers
        with serving(_says(HEAD, b"direct...."), _says(HEAD, b"by port...")) as (url, _):
            client = lakefs(url)
            monkeypatch.setenv("no_proxy", "127.0.0.1")
            assert read(client) == b"direct...."
            monkeypatch.setenv("no_proxy", url.removeprefix("http://"))
            assert read(client) == b"by port..."
