"""What a webhook sends, which answers let an operation through, and what its log shows."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest

from local_lakefs.actions import HooksFailed, InvalidAction
from local_lakefs.actions.duration import parse_duration_s
from tests.unit.local_lakefs_actions.harness import EVENT, Answer, Hooks, Receiver, respond, webhook_action

StartReceiver = Callable[[Answer], Receiver]
OK = respond(200)


def test_the_body_of_a_pre_merge(hooks: Hooks, receiver: StartReceiver) -> None:
    gate = receiver(OK)
    assert hooks.run(webhook_action(gate.url + "/hook")) is not None
    [request] = gate.requests
    assert (request.method, request.path) == ("POST", "/hook")
    assert request.headers["Content-Type"] == "application/json"
    body = json.loads(request.body)
    assert body.pop("event_time").endswith("Z")
    assert body == {
        "event_type": "pre-merge",
        "action_name": "web action",
        "hook_id": "the_hook",
        "repository_id": "demo",
        "branch_id": "main",
        "source_ref": EVENT.source_ref,
        "merge_source": "feature",
        "commit_id": EVENT.commit_id,
        "commit_message": "Merge",
        "committer": "someone",
        "commit_metadata": {"key": "value"},
    }


def test_empty_fields_are_left_out(hooks: Hooks, receiver: StartReceiver) -> None:
    gate = receiver(OK)
    bare = replace(EVENT, source_ref="", merge_source="", commit_id="", commit_metadata={}, commit_message="")
    hooks.run(webhook_action(gate.url), event=bare)
    assert set(json.loads(gate.requests[0].body)) == {
        "event_type",
        "event_time",
        "action_name",
        "hook_id",
        "repository_id",
        "branch_id",
        "committer",
    }


def test_only_variables_with_the_prefix_are_filled_in_and_logs_hide_them(
    make_hooks: Callable[..., Hooks], receiver: StartReceiver
) -> None:
    gate = receiver(OK)
    hooks = make_hooks({"LAKEFSACTION_TOKEN": "s3cret", "OTHER": "hidden", "LAKEFS_KEY": "hidden"})
    run_id = hooks.run(
        webhook_action(
            gate.url + "/?b=1&a=%26",
            "headers: {Authorization: 'Bearer {{ ENV.LAKEFSACTION_TOKEN }}', X-Other: '<{{ENV.OTHER}}>',"
            " X-Key: '<{{ ENV.LAKEFS_KEY }}>', X-Plain: plain},"
            " query_params: {token: '{{ ENV.LAKEFSACTION_TOKEN }}', list: [x, 'y z']}",
        )
    )
    [request] = gate.requests
    assert request.headers["Authorization"] == "Bearer s3cret"
    assert (request.headers["X-Other"], request.headers["X-Key"]) == ("<>", "<>")
    assert request.path == "/?a=%26&b=1&list=x&list=y+z&token=s3cret"
    log = hooks.output(run_id)
    assert "s3cret" not in log
    assert "Authorization: *******\n" in log
    assert "X-Plain: plain\n" in log
    assert "token: *******\n" in log


def test_the_url_is_not_filled_in(make_hooks: Callable[..., Hooks], receiver: StartReceiver) -> None:
    gate = receiver(OK)
    make_hooks({"LAKEFSACTION_TOKEN": "s3cret"}).run(webhook_action(gate.url + "/{{ENV.LAKEFSACTION_TOKEN}}"))
    assert "s3cret" not in gate.requests[0].path
    assert "LAKEFSACTION_TOKEN" in gate.requests[0].path


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (
            "headers: {A: '{{ ENV.LAKEFSACTION_NONE }}'}",
            "extracting headers: reading header: LAKEFSACTION_NONE not found: missing env var",
        ),
        ("headers: {A: 5}", "extracting headers: headers array should contains only strings"),
        ("headers: [a]", "extracting headers: unsupported headers"),
        ("query_params: {a: {b: c}}", "query params single value should be of type string"),
        ("query_params: {a: [5]}", "query params array should contains only strings"),
        ("timeout: 5x", 'webhook request duration: time: invalid duration "5x"'),
    ],
)
def test_wrong_properties(hooks: Hooks, receiver: StartReceiver, properties: str, message: str) -> None:
    gate = receiver(OK)
    with pytest.raises(InvalidAction) as caught:
        hooks.run(webhook_action(gate.url, properties))
    assert message in str(caught.value)
    assert gate.requests == []


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_status_that_lets_through(hooks: Hooks, receiver: StartReceiver, status: int) -> None:
    run_id = hooks.run(webhook_action(receiver(respond(status)).url))
    assert hooks.service.get_run("demo", str(run_id))["status"] == "completed"


@pytest.mark.parametrize("status", [300, 304, 400, 401, 412, 500, 503])
def test_status_that_refuses(hooks: Hooks, receiver: StartReceiver, status: int) -> None:
    gate = receiver(respond(status, b"the reason" if status != 304 else b""))
    with pytest.raises(HooksFailed) as caught:
        hooks.run(webhook_action(gate.url))
    run_id = caught.value.run_id
    assert str(caught.value) == (
        "1 error occurred:\n\t* hook run id '0000_0000' failed"
        " on action 'web action' hook 'the_hook': action failed:"
        f" webhook request failed (status code: {status})\n\n"
    )
    assert len(gate.requests) == 1
    assert hooks.service.get_run("demo", run_id)["status"] == "failed"
    log = hooks.output(run_id)
    assert f" {status} " in log
    assert log.endswith(f"Error: action failed: webhook request failed (status code: {status})\n")
    assert status == 304 or "the reason" in log


@pytest.mark.parametrize(
    ("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
)
def test_redirects_are_followed(hooks: Hooks, receiver: StartReceiver, status: int, method: str) -> None:
    target = receiver(OK)
    gate = receiver(respond(status, headers={"Location": target.url + "/page"}))
    hooks.run(webhook_action(gate.url + "/hook?a=1", "headers: {Authorization: a, X-Token: b}"))
    [request] = target.requests
    assert (request.method, request.path) == (method, "/page")
    assert bool(request.body) == (method == "POST")
    assert ("Content-Type" in request.headers) == (method == "POST")
    assert request.headers["Referer"] == f"{gate.url}/hook?a=1"
    # to another port of the same host even these go
    assert (request.headers["Authorization"], request.headers["X-Token"]) == ("a", "b")


def test_a_redirect_to_another_host_takes_no_authorization(hooks: Hooks, receiver: StartReceiver) -> None:
    target = receiver(OK)
    gate = receiver(respond(302, headers={"Location": f"http://localhost:{target.port}/"}))
    hooks.run(webhook_action(gate.url, "headers: {Authorization: a, Cookie: c, X-Token: b}"))
    [request] = target.requests
    assert request.headers["X-Token"] == "b"
    assert not {"Authorization", "Cookie"} & set(request.headers)


def test_redirects_without_end_refuse(hooks: Hooks, receiver: StartReceiver) -> None:
    gate = receiver(respond(302, headers={"Location": "/again"}))
    with pytest.raises(HooksFailed, match="stopped after 10 redirects"):
        hooks.run(webhook_action(gate.url))
    assert len(gate.requests) == 10


def test_a_redirect_to_nowhere_refuses(hooks: Hooks, receiver: StartReceiver) -> None:
    with pytest.raises(HooksFailed, match=r"status code: 302"):
        hooks.run(webhook_action(receiver(respond(302)).url))


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_connection_refused(hooks: Hooks, closed_port: int) -> None:
    url = f"http://user:secret@127.0.0.1:{closed_port}/x"
    with pytest.raises(HooksFailed) as caught:
        hooks.run(webhook_action(url))
    assert (
        f'action failed: Post "http://user:***@127.0.0.1:{closed_port}/x": dial tcp 127.0.0.1:{closed_port}:'
        " connect: connection refused\n"
    ) in str(caught.value)


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/"])
def test_a_url_that_is_none(hooks: Hooks, url: str) -> None:
    with pytest.raises(HooksFailed):
        hooks.run(webhook_action(url))


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Set when the test is over, for handlers that keep a client waiting until then."""
    event = threading.Event()
    yield event
    event.set()


TIMED_OUT = r"context deadline exceeded \(Client.Timeout exceeded while awaiting headers\)"


def test_no_answer_in_time_refuses(hooks: Hooks, receiver: StartReceiver, over: threading.Event) -> None:
    gate = receiver(lambda _handler: bool(over.wait()) and None)
    with pytest.raises(HooksFailed, match=TIMED_OUT):
        hooks.run(webhook_action(gate.url, "timeout: 200ms"))
    assert len(gate.requests) <= 1  # there is no second try; on a busy machine the first may not have come


def test_headers_that_drip_do_not_stretch_the_time(
    hooks: Hooks, receiver: StartReceiver, over: threading.Event
) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not over.wait(0.05):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    with pytest.raises(HooksFailed, match=TIMED_OUT):
        hooks.run(webhook_action(receiver(drip).url, "timeout: 300ms"))


def test_a_body_without_end_does_not_take_back_the_status(
    hooks: Hooks, receiver: StartReceiver, over: threading.Event
) -> None:
    """In lakeFS the status decides, and a body that never ends only shows in the log."""

    def stall(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        handler.wfile.flush()
        over.wait()

    log = hooks.output(hooks.run(webhook_action(receiver(stall).url, "timeout: 3s")))
    assert "Failed dumping response: context deadline exceeded" in log


def test_what_is_no_http_refuses(hooks: Hooks, receiver: StartReceiver) -> None:
    gate = receiver(lambda handler: bool(handler.wfile.write(b"nonsense\r\n\r\n")) and None)
    with pytest.raises(HooksFailed, match='Post "http'):
        hooks.run(webhook_action(gate.url))


def test_a_huge_answer_is_left_out_of_the_log(hooks: Hooks, receiver: StartReceiver) -> None:
    log = hooks.output(hooks.run(webhook_action(receiver(respond(200, b"x" * (8 << 20))).url)))
    assert "body larger than 1048576 bytes" in log
    assert len(log) < 10_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1m", 60),
        ("1m30s", 90),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("0", 0),
        ("-1s", -1),
        ("+2s", 2),
        (".5s", 0.5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "1 s", "1d", "1s2", "١s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        parse_duration_s(text)
