"""Traces in one process: nothing without an endpoint, no text of an error with one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gate_server.telemetry import traces
from gate_server.telemetry.requests import working_for
from tests.e2e.collector import collecting

SECRET_CELL = "cell-7f3a"


def test_without_an_endpoint_nothing_is_imported() -> None:
    program = """
import sys
import gate_server.processes
from gate_server.telemetry import traces
traces.set_up_traces("web")
with traces.span("check", check="1"):
    traces.note(outcome="PASS")
    traces.lakefs_called("GET", "/user", 200, 0.1)
traces.send_what_is_left()
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=clean, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_an_error_is_told_by_its_kind_and_a_request_by_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "_tracer", None)
    monkeypatch.setattr(traces, "_provider", None)
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
        monkeypatch.setattr(traces, "FLUSH_S", 60.0)
        traces.set_up_traces("worker")

        @traces.span("check")
        def judge() -> None:
            traces.lakefs_called("GET", "/repositories/r", 0, 0.1)
            raise ValueError(f"bad value {SECRET_CELL}")

        with pytest.raises(ValueError, match=SECRET_CELL), working_for("r1"):
            judge()
        with traces.span("upkeep"):
            pass
        traces.send_what_is_left()
    found = {span.name: span for span in collector.spans}
    assert set(found) == {"check", "lakeFS GET", "upkeep"}
    assert found["check"].failed
    assert found["lakeFS GET"].failed
    assert found["lakeFS GET"].parent_id == found["check"].span_id
    assert int(found["check"].trace_id, 16) == traces.trace_id("r1")
    assert found["upkeep"].trace_id != found["check"].trace_id
    everything = b"".join(collector.bodies)
    assert b"ValueError" in everything
    assert SECRET_CELL.encode() not in everything
