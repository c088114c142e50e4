"""Requests in pieces, several at once, or wrongly made: each whole one is answered, no wrong one is."""

from __future__ import annotations

import json
import os
import random
import socket
from http.client import parse_headers
from typing import BinaryIO
from urllib.parse import urlsplit

import pytest

from tests.e2e.harness import HOOK_TOKEN, Gate

ROUNDS = 40
BODY = json.dumps({"event_type": "pre-commit", "repository_id": "r", "branch_id": "b"}).encode()
HEAD = (
    "POST /hooks/lakefs HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\n"
    f"Authorization: Bearer {HOOK_TOKEN}\r\n"
).encode()
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: gate\r\n\r\n"


def connected(gate: Gate) -> socket.socket:
    address = urlsplit(gate.url)
    return socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=60)


def request(chance: random.Random) -> tuple[bytes, int]:
    """Return a whole request and the status of its answer."""
    kind = chance.randrange(4)
    if kind == 0:
        return HEALTH, 200
    if kind == 1:
        return HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY, 422
    body, chunks = BODY, b""
    while body:
        size = chance.randint(1, len(body))
        chunks += (
            b"%x;name=value\r\n" % size + body[:size] + b"\r\n"
            if kind == 2
            else b"%X\r\n" % size + body[:size] + b"\r\n"
        )
        body = body[size:]
    trailer = b"X-Trailer: 1\r\n" if chance.random() < 0.5 else b""
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailer + b"\r\n", 422


def test_requests_in_pieces_are_answered_one_by_one(gate: Gate) -> None:
    seed = os.environ.get("GATE_TEST_SEED") or str(random.randrange(10**6))
    chance = random.Random(seed)
    for _ in range(ROUNDS):
        requests = [request(chance) for _ in range(chance.randint(1, 6))]
        together = b"".join(content for content, _ in requests)
        cuts = sorted(chance.randrange(len(together)) for _ in range(chance.randint(0, 12)))
        pieces = [together[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
        with connected(gate) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                client.sendall(piece)
            reader = client.makefile("rb")
            for _, status in requests:
                assert answered(reader) == status, f"GATE_TEST_SEED={seed}: {pieces}"


def answered(reader: BinaryIO) -> int:
    """Return the status of the next answer, and read it to its end."""
    status = reader.readline().split()[1]
    headers = parse_headers(reader)
    assert reader.read(int(headers["Content-Length"]))
    return int(status)


@pytest.mark.parametrize(
    "wrong",
    [
        b"\r\n\r\n\r\n",
        b"\x00" * 200,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost gate\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: gate\r\nX: a\x00b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: gate\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: gate\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 100_000,
        HEAD + b"Content-Length: -1\r\n\r\n" + BODY,
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + BODY,
        HEAD + b"Content-Length: 5, 5\r\n\r\n" + BODY,
        HEAD + b"Content-Length : %d\r\n\r\n" % len(BODY) + BODY,
        HEAD + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % len(BODY),
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: x\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1;" + b"x" * 70_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example\r\n"
        + b"Transfer-Encoding: chunked\r\n\r\nz\r\n",
    ],
)
def test_what_is_no_http_is_refused_or_sent_away(gate: Gate, wrong: bytes) -> None:
    with connected(gate) as client:
        client.sendall(wrong)
        client.shutdown(socket.SHUT_WR)
        said = b""
        try:
            while data := client.recv(65_536):
                said += data
        except ConnectionResetError:
            pass
    assert not said or 400 <= int(said.split(b" ", 2)[1]) <= 505, said
    assert b"Traceback" not in said
    with connected(gate) as client:
        client.sendall(HEALTH)
        assert answered(client.makefile("rb")) == 200
