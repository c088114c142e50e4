"""Clients that are slow, large or many, on purpose: known verdicts are still answered, each as it was."""

from __future__ import annotations

import asyncio
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from local_lakefs.testing import RunningServer
from tests.e2e.harness import BAD, GOOD, HOOK_TOKEN, Gate, World, running_gate
from tests.e2e.holding import holding_way

SLOW_CLIENTS = 200  # many times the gate's threads
KNOWN_ASKED = 20
GIGABYTE = 1_000_000_000
HEAD = b"POST /hooks/lakefs HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\n"
OPENED: tuple[bytes, ...] = (
    b"",  # says nothing at all
    b"P",
    HEAD,  # then the rest of a header, by the byte
    HEAD + b"Content-Length: 500\r\n\r\n{",  # then the body, by the byte
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n1f4\r\n{",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n1f4\r\n\r\n0\r\n\r\n",  # looks like an end and is none
    HEAD + b"Expect: 100-continue\r\nContent-Length: 500\r\n\r\n",
    HEAD + b"Content-Length: 999999999\r\n\r\n{",
    b"GET /healthz HTTP/1.1\r\nHost: gate\r\n\r\nGET /healthz HT",  # one request whole, the next is not
    b"GET /healthz HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n\r\n",  # reads the answer, never hangs up
    b"GET /openapi.json HTTP/1.1\r\nHost: gate\r\n\r\n" * 100,  # never reads the answers
    b"\x16\x03\x01\x02\x00\x01\x00",  # a TLS handshake where there is none
)


@pytest.fixture(scope="module")
def small_gate(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Give a gate of few threads."""
    folder = Path(tmp_path_factory.mktemp("gate"))
    with running_gate(server.environment, folder, GATE_THREADS="8", GATE_MAX_WAITING="4") as gate:
        yield gate


def event_of(world: World, **more: str) -> dict[str, Any]:
    head = world.main.get_commit().id
    names = {"event_type": "pre-merge", "repository_id": world.name, "branch_id": "main"}
    return {**names, "source_ref": head, "commit_id": head, **more}


def known_event(gate: Gate, world: World, content: bytes = BAD) -> dict[str, Any]:
    """Return an event whose verdict is known."""
    world.commit(world.main, {"lakefs_test.csv": content})
    event = event_of(world)
    assert gate.post_event(event).json()["verdict"] in ("PASS", "FAIL")
    return event


@contextmanager
def slow_clients(gate: Gate, openings: tuple[bytes, ...]) -> Iterator[list[socket.socket]]:
    """Keep connections that send a byte now and then and read nothing."""
    address = urlsplit(gate.url)
    clients = []
    for opening in openings:
        client = socket.create_connection((str(address.hostname), int(address.port or 0)))
        client.setblocking(False)
        clients.append(client)
        if opening:
            client.send(opening)
    ended = threading.Event()

    def drip() -> None:
        while not ended.wait(0.5):
            for client in clients:
                with suppress(OSError):
                    client.send(b" ")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield clients
    finally:
        ended.set()
        thread.join()
        for client in clients:
            client.close()


def test_slow_clients_hold_no_thread_and_are_sent_away(small_gate: Gate, world: World) -> None:
    event = known_event(small_gate, world)
    openings = tuple(OPENED[number % len(OPENED)] for number in range(SLOW_CLIENTS))
    with slow_clients(small_gate, openings) as clients:
        for _ in range(KNOWN_ASKED):
            # Each on a connection of its own, as lakeFS may.
            headers = {"Authorization": f"Bearer {HOOK_TOKEN}"}
            answer = httpx.post(f"{small_gate.url}/hooks/lakefs", json=event, headers=headers, timeout=120)
            assert (answer.status_code, answer.json()["verdict"]) == (412, "FAIL")
        assert until_closed(clients) == []
    assert httpx.get(f"{small_gate.url}/healthz").json() == {"status": "ok"}
    assert "Traceback" not in small_gate.log.read_text(errors="replace")


def until_closed(clients: list[socket.socket]) -> list[socket.socket]:
    """Read until the gate has hung up on all; return those on which it did not, within two minutes."""
    deadline = time.monotonic() + 120
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_READ)
        left = set(clients)
        while left and time.monotonic() < deadline:
            for key, _ in selector.select(1):
                client = key.fileobj
                assert isinstance(client, socket.socket)
                try:
                    if client.recv(1 << 20):
                        continue
                except BlockingIOError:
                    continue
                except OSError:
                    pass
                selector.unregister(client)
                left.discard(client)
    return list(left)


def test_a_gigabyte_is_refused_before_it_is_sent(small_gate: Gate, world: World) -> None:
    web = next(item for item in psutil.Process(small_gate.process.pid).children() if "web" in item.cmdline())
    before = sum(item.memory_info().rss for item in [web, *web.children(recursive=True)])
    event = known_event(small_gate, world)
    sent = 0

    def gigabyte() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(GIGABYTE // 1_000_000):
            sent += 1_000_000
            yield b" " * 1_000_000

    for path in ("/hooks/lakefs", "/sign-in"):
        for length in ({"Content-Length": str(GIGABYTE)}, {}):
            sent = 0
            headers = {"Authorization": f"Bearer {HOOK_TOKEN}", "Content-Type": "application/json", **length}
            if path == "/sign-in":
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            try:
                with httpx.Client(timeout=60) as client:
                    answer = client.post(small_gate.url + path, content=gigabyte(), headers=headers)
                assert answer.status_code == 413, (path, answer.text)
            except httpx.TransportError:  # the connection ended while we still sent
                pass
            assert sent < GIGABYTE / 2, (path, length)
    after = sum(item.memory_info().rss for item in [web, *web.children(recursive=True)])
    assert after - before < 150_000_000
    assert small_gate.post_event(event).json()["verdict"] == "FAIL"


def test_two_hundred_waiting_hooks_and_known_verdicts(
    server: RunningServer, world: World, tmp_path: Path
) -> None:
    """Hooks beyond the places are sent away at once; all of them find their verdict at the next merge."""
    with holding_way(server) as way, running_gate(way.environment, tmp_path, GATE_MAX_WAITING="10") as gate:
        way.free.set()
        known = known_event(gate, world)
        way.hold()
        world.commit(world.main, {"lakefs_test.csv": GOOD})
        slow = event_of(world)

        async def ask(client: httpx.AsyncClient, event: dict[str, Any]) -> tuple[int, str]:
            answer = await client.post("/hooks/lakefs", json=event)
            return answer.status_code, answer.json()["verdict"]

        async def all_at_once() -> None:
            headers = {"Authorization": f"Bearer {HOOK_TOKEN}"}
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(
                base_url=gate.url, headers=headers, timeout=120, limits=limits
            ) as client:
                waiting = [asyncio.create_task(ask(client, slow)) for _ in range(200)]
                await asyncio.to_thread(way.wait_until_reached)
                answers = [await ask(client, known) for _ in range(KNOWN_ASKED)]
                assert answers == [(412, "FAIL")] * KNOWN_ASKED
                way.free.set()
                answered = Counter(await asyncio.gather(*waiting))
            assert set(answered) <= {(503, ""), (200, "PASS")}
            assert answered[200, "PASS"] > 0
            assert answered[503, ""] > 0

        asyncio.run(all_at_once())
        assert gate.post_event(slow).json()["verdict"] == "PASS"
        found = gate.api.get("/api/v1/checks", params={"repository": world.name}).json()["checks"]
        assert len(found) == 2
