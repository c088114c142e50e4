"""Traces: one for each request, through hook, check, child and lakeFS; no collector delays anything."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from benchmarks.figures import event
from local_lakefs.testing import RunningServer
from tests.e2e.collector import Span, collecting
from tests.e2e.harness import (
    API_TOKEN,
    BAD,
    HOOK_TOKEN,
    World,
    gate_environment,
    run_gate,
    running_gate,
    until,
)

SECRET_CELL = "cell-7f3a"


def test_one_trace_holds_hook_check_child_and_lakefs(
    server: RunningServer, world: World, tmp_path: Path
) -> None:
    content = BAD + f"{SECRET_CELL},1,1,1\n".encode()
    commit = world.branch("b", lakefs_test_dot_csv=content).get_commit().id
    with collecting() as collector:
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-key=k1",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        with running_gate(server.environment, tmp_path, **settings) as gate:
            answer = gate.hooks.post(
                "/hooks/lakefs", json=event(world, commit), headers={"X-Request-ID": "merge-1"}
            )
            # On a slow machine the hook may be answered before the verdict: the trace has it all the same.
            assert answer.status_code in (412, 503)
            gate.post_event(event(world, commit))

            def done(name: str) -> list[Span]:
                return [span for span in collector.spans if span.name == name]

            until(lambda: bool(done("check") and done("POST /hooks/lakefs")))
            world.commit(world.main, {"a": b"a"})
            world.commit(world.main, {"a": b"b"})
            back = {"repository": world.name, "branch": "main", "to": "main~1"}
            gate.api.post("/api/v1/reverts", json=back).raise_for_status()
    (revert,) = done("revert")
    assert any(span.name == "lakeFS POST" and span.parent_id == revert.span_id for span in collector.spans)
    (check,) = done("check")
    trace = collector.of(check.trace_id)
    names = {span.name for span in trace}
    assert names >= {
        "POST /hooks/lakefs", "wait", "check", "resolve", "plan", "evaluate", "decide", "remember",
        "child", "task", "lakeFS GET",
    }  # fmt: skip
    assert {span.process for span in trace} == {"web", "worker"}
    assert check.attributes["repository"] == world.name
    assert check.attributes["outcome"] == "FAIL"
    hook = next(span for span in trace if span.name == "POST /hooks/lakefs")
    assert hook.attributes["check"] == check.attributes["check"] == answer.json()["check"]
    assert hook.attributes["status"] == answer.status_code
    by_id = {span.span_id: span for span in trace}

    def path(span: Span) -> list[str]:
        above = by_id.get(span.parent_id)
        return [*(path(above) if above else []), span.name]

    paths = {tuple(path(span)) for span in trace}
    assert ("POST /hooks/lakefs", "wait") in paths
    assert ("POST /hooks/lakefs", "lakeFS GET") in paths
    assert ("check", "plan", "lakeFS GET") in paths
    assert ("check", "evaluate", "child", "task") in paths
    (read,) = (span for span in trace if path(span) == ["check", "evaluate", "child", "lakeFS GET"])
    assert read.attributes == {"path": read.attributes["path"], "status": 200}
    (child,) = (span for span in trace if span.name == "child")
    assert child.began_ns <= read.began_ns <= read.ended_ns <= child.ended_ns
    assert set(collector.headers) == {"k1"}
    everything = b"".join(collector.bodies)
    for secret in (SECRET_CELL, HOOK_TOKEN, API_TOKEN, server.secret_access_key):
        assert secret.encode() not in everything


def test_a_collector_that_is_away_delays_no_verdict(
    server: RunningServer, world: World, tmp_path: Path
) -> None:
    """It takes connections and never answers: the queue of spans is full, verdicts come all the same."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "OTEL_BSP_SCHEDULE_DELAY": "1",
            "OTEL_BSP_MAX_QUEUE_SIZE": "4",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "2",
            # Longer than all waits of this test: whoever waits for it never gets to an end.
            "OTEL_EXPORTER_OTLP_TIMEOUT": "3600",
            "OTEL_BSP_EXPORT_TIMEOUT": "3600000",
        }
        with running_gate(server.environment, tmp_path, **settings) as gate:
            for branch in ("x", "y"):
                world.branch(branch, lakefs_test_dot_csv=BAD + branch.encode() + b",1,1,1\n")
                assert gate.ask(world.name, branch)["verdict"] == "FAIL"


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_an_endpoint_without_the_extra_is_refused_at_the_start(
    server: RunningServer, tmp_path: Path, command: str
) -> None:
    (tmp_path / "opentelemetry.py").write_text("raise ModuleNotFoundError('as if it were not installed')\n")
    environment = gate_environment(
        server.environment,
        tmp_path,
        PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318",
    )
    arguments = ["serve", "--port", "0"] if command == "serve" else ["worker"]
    answer = run_gate(*arguments, env=environment)
    assert answer.returncode == 2
    assert "OTEL_EXPORTER_OTLP_ENDPOINT is set" in answer.stderr
    assert "lakefs-gate[otel]" in answer.stderr
