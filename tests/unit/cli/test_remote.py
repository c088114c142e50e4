"""What answers at a gate's address, and what the commands make of it. A real HTTP server answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gate_server.cli.check import _exit_code
from gate_server.cli.remote import RemoteGate
from gate_server.errors import (
    AccessDenied,
    Conflict,
    CouldNotTell,
    Forbidden,
    NotFound,
    TooManyFailures,
    UsageError,
)


@contextmanager
def answering(status: int, body: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def error(code: str) -> str:
    return json.dumps({"error": {"code": code, "message": "what happened", "hint": "what to do"}})


@pytest.mark.parametrize(
    ("status", "body", "kind", "exit_code"),
    [
        (401, error("access_denied"), AccessDenied, 2),
        (403, error("forbidden"), Forbidden, 2),
        (429, error("too_many_failures"), TooManyFailures, 2),
        (404, error("not_found"), NotFound, 2),
        (409, error("conflict"), Conflict, 3),
        (422, error("wrong_shape"), UsageError, 2),
        (503, error("lakefs_unreachable"), CouldNotTell, 3),
        (200, "<html>a page of a proxy</html>", CouldNotTell, 3),
        (200, "[]", CouldNotTell, 3),
        (302, "", CouldNotTell, 3),
        (502, "bad gateway", CouldNotTell, 3),
        (500, '{"error": "text"}', CouldNotTell, 3),
    ],
)
def test_answers_that_are_no_success(status: int, body: str, kind: type[UsageError], exit_code: int) -> None:
    with answering(status, body) as url, pytest.raises(kind) as raised:
        RemoteGate(url, "token").call("GET", "/x")
    assert raised.value.exit_code == exit_code


def test_a_refused_revert_is_an_answer() -> None:
    with answering(409, '{"plan": {}, "revert": {"state": "refused"}}') as url:
        assert RemoteGate(url, "token").call("GET", "/x")["revert"]["state"] == "refused"


def test_nobody_there() -> None:
    with answering(200, "{}") as url:
        pass
    with pytest.raises(CouldNotTell, match="does not answer"):
        RemoteGate(url, "token").call("GET", "/x")


def test_no_address_and_no_token() -> None:
    with pytest.raises(UsageError, match="no gate's address"):
        RemoteGate("gate:8090", "token")
    with pytest.raises(AccessDenied, match="wants a token"):
        RemoteGate("http://127.0.0.1:1", "")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"verdict": "PASS", "allowed": True}, 0),
        ({"verdict": "WARN", "allowed": True}, 0),
        ({"verdict": "FAIL", "allowed": False}, 1),
        ({"verdict": "ERROR", "allowed": False}, 3),
        ({"verdict": "ERROR", "allowed": True}, 3),
    ],
)
def test_exit_codes(body: dict[str, object], code: int) -> None:
    assert _exit_code(body) == code


@pytest.mark.parametrize(
    "body", [{}, {"verdict": "", "allowed": True}, {"verdict": "pass"}, {"verdict": "OK"}]
)
def test_what_is_no_verdict_is_never_a_pass(body: dict[str, object]) -> None:
    with pytest.raises(CouldNotTell):
        _exit_code(body)
