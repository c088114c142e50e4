"""A real Prefect server as a process, and what the tests ask it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.harness import ROOT

EXAMPLES = ROOT / "examples" / "prefect"
START_S = 300.0


def prefect_environment(home: Path, port: int) -> dict[str, str]:
    """Return the settings of a Prefect that keeps all in `home`, tells nobody, and knows its server."""
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_CLIENT_METRICS_ENABLED": "false",
        "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "DO_NOT_TRACK": "1",
    }


@dataclass
class PrefectServer:
    """A Prefect server that answers; ``url`` has no ``/api``."""

    url: str
    process: subprocess.Popen[bytes]

    @property
    def api(self) -> httpx.Client:
        """Its API."""
        return httpx.Client(base_url=f"{self.url}/api", timeout=30)

    def artifacts(self, flow_run_id: object) -> list[dict[str, Any]]:
        """Return the artifacts of a flow run that people see, oldest first."""
        asked = {"artifacts": {"flow_run_id": {"any_": [str(flow_run_id)]}}, "sort": "ID_DESC"}
        with self.api as api:
            found: list[dict[str, Any]] = api.post("/artifacts/filter", json=asked).raise_for_status().json()
        return sorted((item for item in found if item["key"]), key=lambda item: str(item["created"]))

    def logs(self, flow_run_id: object) -> str:
        """Return what a flow run logged, as far as it has arrived."""
        asked = {"logs": {"flow_run_id": {"any_": [str(flow_run_id)]}}}
        with self.api as api:
            found = api.post("/logs/filter", json=asked).raise_for_status().json()
        return "\n".join(item["message"] for item in found)


@contextmanager
def running_prefect(
    home: Path, port: int, settings: Mapping[str, str] | None = None
) -> Iterator[PrefectServer]:
    """Run `prefect server start`, on SQLite unless `settings` say otherwise, until the block ends."""
    log = home / "server.log"
    url = f"http://127.0.0.1:{port}"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, **prefect_environment(home, port), **(settings or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        until(lambda: process.poll() is not None or _answers(f"{url}/api/health"), START_S)
        if process.poll() is not None:
            raise RuntimeError(f"Prefect's server did not come up:\n{log.read_text()[-4000:]}")
        yield PrefectServer(url, process)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def prefect(*arguments: str, env: Mapping[str, str], cwd: Path = EXAMPLES) -> str:
    """Run a command of Prefect's, among the examples; return what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
        cwd=cwd,
        env={**os.environ, "EXAMPLES": str(EXAMPLES), **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def until(reached: Callable[[], bool], patience_s: float = 120.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + patience_s
    while not reached():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False
