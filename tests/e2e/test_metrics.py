"""What can be seen of the gate: metrics that survive restarts, one request id in all logs, readiness."""

from __future__ import annotations

import http.server
import json
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from local_lakefs.testing import RunningServer
from tests.e2e.harness import (
    API_TOKEN,
    BAD,
    GATE_COMMAND,
    GOOD,
    HOOK_TOKEN,
    Gate,
    World,
    container_health_check,
    free_port,
    run_gate,
    running_gate,
    until,
    worker_of,
)


@pytest.fixture(scope="module")
def gate(
    server: RunningServer, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gate]:
    folder = tmp_path_factory.mktemp("seen")
    settings = {"GATE_DATABASE_URL": new_database(), "GATE_LEASE_S": "1"}
    with running_gate(server.environment, folder, **settings) as gate:
        until(lambda: gate.api.get("/readyz").status_code == 200)
        yield gate


def figures(gate: Gate) -> dict[tuple[Any, ...], float]:
    """Return every sample of /metrics by name and labels."""
    answer = gate.api.get("/metrics")
    assert answer.status_code == 200
    found: dict[tuple[Any, ...], float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


def test_metrics_open_to_readers_alone(gate: Gate) -> None:
    assert httpx.get(f"{gate.url}/metrics").status_code == 401
    assert gate.hooks.get("/metrics").status_code in (401, 403)
    limited = {"name": "team", "roles": ["reader"], "repositories": ["theirs"]}
    text = gate.api.post("/api/v1/tokens", json=limited).json()["text"]
    assert httpx.get(f"{gate.url}/metrics", headers={"Authorization": f"Bearer {text}"}).status_code == 403
    answer = gate.api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert HOOK_TOKEN not in answer.text
    assert API_TOKEN not in answer.text


def test_what_is_judged_is_counted_and_a_worker_that_dies_takes_nothing_along(
    gate: Gate, world: World
) -> None:
    def judged(verdict: str) -> float:
        return figures(gate).get(("gate_check_duration_seconds_count", ("verdict", verdict)), 0)

    before = figures(gate)
    passed, failed = judged("PASS"), judged("FAIL")
    world.branch("good", lakefs_test_dot_csv=GOOD)
    world.branch("bad", lakefs_test_dot_csv=BAD)
    assert gate.ask(world.name, "good")["verdict"] == "PASS"
    rules = gate.ask(world.name, "bad")["rules"]
    assert (judged("PASS"), judged("FAIL")) == (passed + 1, failed + 1)
    after = figures(gate)

    def more(name: str, *labels: tuple[str, str]) -> float:
        return after.get((name, *labels), 0) - before.get((name, *labels), 0)

    by_rule = sum(more("gate_rule_outcomes_total", ("outcome", "FAIL"), ("rule", rule)) for rule in rules)
    assert by_rule == 1
    # Both processes' calls, and the child's that read the object.
    assert more("gate_lakefs_call_duration_seconds_count", ("method", "GET"), ("status", "200")) >= 6
    asked = ("gate_request_duration_seconds_count", ("endpoint", "checks.ask_ahead"), ("status", "200"))
    assert more(*asked) == 2

    starts = ("gate_process_starts_total", ("process", "worker"))
    worker_of(gate).kill()
    until(lambda: figures(gate)[starts] == after[starts] + 1)
    assert judged("FAIL") == failed + 1
    world.branch("bad2", lakefs_test_dot_csv=BAD + b"1,2,3,4\n")
    assert gate.ask(world.name, "bad2")["verdict"] == "FAIL"
    assert judged("FAIL") == failed + 2


def test_the_queue_is_seen_and_without_a_worker_the_gate_is_not_ready(gate: Gate, world: World) -> None:
    until(lambda: gate.api.get("/readyz").status_code == 200)
    assert gate.api.get("/readyz").json()["workers"] == 1
    taken_over = figures(gate).get(("gate_checks_taken_over_total",), 0)
    worker = worker_of(gate)
    worker.send_signal(signal.SIGSTOP)
    try:
        world.branch("b", lakefs_test_dot_csv=GOOD)
        asked = {"repository": world.name, "source": "b", "destination": "main"}
        assert gate.api.post("/api/v1/checks", json=asked).status_code == 202
        until(lambda: gate.api.get("/readyz").status_code == 503)
        assert "no worker is alive" in gate.api.get("/readyz").json()["error"]["message"]
        waiting = figures(gate)
        assert waiting["gate_workers_alive",] == 0
        assert waiting["gate_checks_queued",] == 1
        until(lambda: figures(gate)["gate_queue_oldest_seconds",] > waiting["gate_queue_oldest_seconds",])
    finally:
        worker.send_signal(signal.SIGCONT)
    assert gate.ask(world.name, "b")["verdict"] == "PASS"
    until(lambda: gate.api.get("/readyz").status_code == 200)
    known = figures(gate)
    assert known["gate_checks_queued",] == 0
    assert known["gate_ledger_entries",] >= waiting["gate_ledger_entries",] + 2  # a verdict, an answer
    assert figures(gate).get(("gate_checks_taken_over_total",), 0) == taken_over


def test_a_worker_of_another_machine_serves_what_it_counts(gate: Gate) -> None:
    port = free_port()
    environment = {**gate.environment, "GATE_WORKER_METRICS": f"127.0.0.1:{port}"}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        answer = run_gate("worker", env=environment)
    assert answer.returncode == 2
    assert "cannot serve metrics" in answer.stderr
    assert run_gate("worker", env={**environment, "GATE_WORKER_METRICS": "9100"}).returncode == 2
    worker = subprocess.Popen([*GATE_COMMAND, "worker"], env=environment, stdout=subprocess.DEVNULL)
    try:

        def started() -> bool:
            try:
                text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
            except httpx.TransportError:
                return False
            return 'gate_process_starts_total{process="worker"} 1.0' in text

        until(started)
        until(lambda: figures(gate)["gate_workers_alive",] == 2)
    finally:
        worker.terminate()
        assert worker.wait(60) == 0
    until(lambda: figures(gate)["gate_workers_alive",] == 1)


# -- one id -------------------------------------------------------------------------------------------


class _Between(http.server.BaseHTTPRequestHandler):
    """Passes requests on to lakeFS, and notes the id that each bears."""

    lakefs_url: str
    seen: list[tuple[str, str]]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.seen.append((self.path, self.headers.get("X-Request-ID", "")))
        headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
        answer = httpx.request(
            self.command, self.lakefs_url + self.path, headers=headers, content=self.rfile.read(length)
        )
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers.get("content-type", "text/plain"))
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def between(server: RunningServer) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Give the address of a way to lakeFS, and what was asked for on it."""
    seen: list[tuple[str, str]] = []
    handler = type("Handler", (_Between,), {"lakefs_url": server.url, "seen": seen})
    way = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=way.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{way.server_port}", seen
    finally:
        way.shutdown()
        thread.join()
        way.server_close()


def test_one_id_goes_through_hook_check_child_and_lakefs(
    server: RunningServer, world: World, tmp_path: Path
) -> None:
    world.branch("b", lakefs_test_dot_csv=BAD)
    with between(server) as (url, seen):
        lakefs = {**server.environment, "LAKECTL_SERVER_ENDPOINT_URL": url}
        with running_gate(lakefs, tmp_path, GATE_LOG_LEVEL="info") as gate:
            answer = gate.api.post(
                "/api/v1/checks",
                json={"repository": world.name, "source": "b", "destination": "main"},
                params={"wait": 60},
                headers={"X-Request-ID": "nightly-load.7"},
            )
            assert answer.json()["verdict"] == "FAIL"
            assert answer.headers["X-Request-ID"] == "nightly-load.7"
            # Public, and yet no way to ask lakeFS over and over.
            looked = [gate.api.get("/readyz").status_code for _ in range(40)]
            assert looked[-1] == 200
            assert 0 < sum(path.endswith("/user") for path, _ in seen) < len(looked)
            assert container_health_check(gate) == 0
            gate_away = Gate(f"http://127.0.0.1:{free_port()}", gate.process, {}, gate.log)
            assert container_health_check(gate_away) == 1
            log = [json.loads(line) for line in gate.log.read_text().splitlines() if line.startswith("{")]
            made = [
                gate.api.get("/healthz", headers={"X-Request-ID": wrong}).headers["X-Request-ID"]
                for wrong in ("", "a b", "x" * 65, "ä".encode("latin-1"))  # type: ignore[dict-item]
            ]
    of_request = [line for line in log if line.get("request_id") == "nightly-load.7"]
    events = {line["event"]: line for line in of_request}
    assert {"asked", "check done", "answered"} <= set(events)
    assert events["check done"]["check"] == events["asked"]["check"] == answer.json()["check"]
    # The child reads the object, the worker lists, the web process resolves.
    ours = [path for path, request_id in seen if request_id == "nightly-load.7"]
    assert any("/objects?" in path for path in ours)
    assert any("/objects/ls" in path for path in ours)
    assert any("/branches/" in path or "/commits/" in path for path in ours)
    about_data = [item for item in seen if world.name in item[0]]
    assert {request_id for _, request_id in about_data} == {"nightly-load.7"}
    assert len(set(made)) == 4
    assert all(len(item) == 16 and item.isalnum() for item in made)
