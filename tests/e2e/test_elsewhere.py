"""The gate talks to lakeFS and its database alone, whatever address, redirect or name somebody gives it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psutil
import pytest
from flask.testing import FlaskClient

from gate_server.app import create_app, make_services
from gate_server.settings import read_settings
from local_lakefs.testing import RunningServer
from tests.e2e.harness import API_TOKEN, BAD, GOOD, HOOK_TOKEN, ROOT, Gate, World
from tests.e2e.proxy import Exchange, proxy_before
from tests.e2e.spoiling import JSON
from tests.e2e.test_lakefs_faults import Asking, asking

__all__ = ["asking"]  # its fixture

NAMES = (
    "..",
    ".",
    "../..",
    "../../../admin",
    "..%2f..%2fadmin",
    "%2e%2e",
    "repo/../other",
    "/etc/passwd",
    "http://127.0.0.1:9/x",
    "//127.0.0.1:9/x",
    "repo?x=1",
    "repo#x",
    "repo\\..\\x",
    "repo\r\nX-Injected: 1",
    "repo;x",
    "\u2025/\uff0e\uff0e",
)


@dataclass
class Stranger:
    """Somebody on loopback whom the gate must not call."""

    port: int
    called: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = Stranger(listener.getsockname()[1])

        def listen() -> None:
            while True:
                try:
                    connection, address = listener.accept()
                except OSError:
                    return
                found.called.append(address)
                connection.close()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield found
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.mark.parametrize("point", ["commit", "branch", "repository", "listing", "diff", "object"])
def test_no_redirect_is_followed(asking: Asking, stranger: Stranger, point: str) -> None:
    for status in (301, 302, 303, 307, 308):

        def redirects(exchange: Exchange, _: threading.Event, status: int = status) -> None:
            exchange.answer(status, b"", {"Location": f"{stranger.url}/x?path=lakefs_test_b.csv"})

        asking.begin()
        with asking.way.spoilt_at(point, redirects):
            asked = asking.ahead() if point == "branch" else asking.by_hook()
        assert asking.way.spoilt
        assert asked == (503, "ERROR"), status
    assert stranger.called == []


@pytest.mark.parametrize("scheme", ["http", "s3", "file"])
def test_no_address_of_an_object_is_called(asking: Asking, stranger: Stranger, scheme: str) -> None:
    """Objects are read by their path, at lakeFS; where they lie is compared, never opened."""

    def lies_elsewhere(exchange: Exchange, _: threading.Event) -> None:
        listing = exchange.asked().json()
        for item in listing["results"]:
            item["physical_address"] = f"{scheme}://127.0.0.1:{stranger.port}/{item['path']}"
        exchange.answer(200, json.dumps(listing).encode(), JSON)

    asking.begin()
    with asking.way.spoilt_at("listing", lies_elsewhere):
        assert asking.by_hook() == (412, "FAIL")
        assert asking.way.spoilt
    assert stranger.called == []


def test_its_processes_are_connected_with_lakefs_alone(gate: Gate, world: World) -> None:
    world.branch("bad", lakefs_test_dot_csv=BAD)
    assert gate.ask(world.name, "bad")["verdict"] == "FAIL"
    here, lakefs = urlsplit(gate.url).port, urlsplit(world.server.url).port
    found = []
    for process in [gate.process, *psutil.Process(gate.process.pid).children(recursive=True)]:
        try:
            found += psutil.Process(process.pid).net_connections("inet")
        except psutil.NoSuchProcess:  # a child, whose check ended
            continue
    outgoing = [item.raddr for item in found if item.raddr and item.laddr.port != here]
    assert outgoing, "nothing was looked at"
    assert {(address.ip, address.port) for address in outgoing} == {("127.0.0.1", lakefs)}


# -- names ---------------------------------------------------------------------------------------------


@contextmanager
def door(server: RunningServer, folder: Path, **settings: str) -> Iterator[tuple[FlaskClient, list[str]]]:
    """Give the app, and the paths that it asks lakeFS for."""
    asked: list[str] = []

    def treat(exchange: Exchange) -> None:
        asked.append(exchange.path)
        exchange.pass_on()

    with proxy_before(server.url, treat) as url, pytest.MonkeyPatch.context() as patch:
        for name, value in {**server.environment, "LAKECTL_SERVER_ENDPOINT_URL": url}.items():
            patch.setenv(name, value)
        given: dict[str, Any] = {"hook_token": HOOK_TOKEN, "api_token": API_TOKEN, "wait_s": 0.05, **settings}
        policy = ROOT / "expectations" / "gate.yaml"
        services = make_services(read_settings({}, data_dir=folder, policy=policy, **given))
        yield create_app(services).test_client(), asked
        services.store.engine.dispose()


def test_names_lead_nowhere_else(server: RunningServer, world: World, tmp_path: Path) -> None:
    world.commit(world.main, {"a": b"1"})
    head = world.main.get_commit().id
    with door(server, tmp_path) as (client, asked):
        as_admin = {"Authorization": f"Bearer {API_TOKEN}"}
        for name in NAMES:
            ask = {"repository": world.name, "source": "main", "destination": "main"}
            put_back = {"repository": world.name, "branch": "main", "to": head}
            sent = [("checks", {**ask, key: name}) for key in ask]
            sent += [("reverts", {**put_back, key: name, "dry_run": True}) for key in put_back]
            for noun, body in sent:
                answer = client.post(f"/api/v1/{noun}", json=body, headers=as_admin)
                told = answer.get_json()
                assert answer.status_code in (200, 404, 409, 422, 503), (body, told)
                if answer.status_code == 200:  # could not tell, which is a verdict of a check
                    assert (told["verdict"], told["allowed"]) == ("ERROR", False), (body, told)
            for path in (f"/checks/{name}", f"/reverts/{name}", f"/assets/{name}", f"/assets/../{name}"):
                page = client.get(path)
                assert page.status_code in (302, 308, 404), path
                assert "root:" not in page.text
        for path in asked:
            way = urlsplit(path).path
            parts = way.split("/")
            assert parts[:4] == ["", "api", "v1", "repositories"], path
            assert parts[4] == world.name or unquote(parts[4]) in NAMES, path
            assert not {".", ".."} & set(parts), path


def test_a_host_that_is_claimed_is_not_believed(server: RunningServer, world: World, tmp_path: Path) -> None:
    """Addresses that are told, and where a sign-in leads, are the gate's own."""
    evil = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "host=evil.example",
        "X-Original-URL": "/api/v1/tokens",
        "X-Rewrite-URL": "/api/v1/tokens",
        "X-HTTP-Method-Override": "DELETE",
    }
    world.branch("new", lakefs_test_dot_csv=GOOD)
    with door(server, tmp_path, public_url="https://gate.example") as (client, _):
        body = {"repository": world.name, "source": "new", "destination": "main"}
        headers = {**evil, "Authorization": f"Bearer {API_TOKEN}"}
        asked = client.post("/api/v1/checks", json=body, headers=headers)
        assert asked.status_code == 202
        assert asked.get_json()["report"].startswith("https://gate.example/checks/")
        page = client.get("/", headers=evil)
        assert (page.status_code, page.location) == (302, "/sign-in?next=/")
        assert "evil" not in client.get("/sign-in", headers=evil).text
