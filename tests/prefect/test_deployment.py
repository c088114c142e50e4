"""What `deploy/compose.yaml` starts of Prefect's, as processes on loopback: the same commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.e2e.harness import ROOT, free_port
from tests.prefect.harness import prefect_environment, running_prefect, until

SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_blocks_pool_and_deployments_are_seeded_and_the_workers_health_is_seen(tmp_path: Path) -> None:
    home = tmp_path / "work"
    for folder in ("deploy", "examples"):
        shutil.copytree(ROOT / folder, home / folder)
    kept = tmp_path / "prefect"
    kept.mkdir()
    port, health = free_port(), str(free_port())
    own = {
        "LAKECTL_SERVER_ENDPOINT_URL": "http://lakefs:8000",
        "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": "AKIA",
        "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": "secret",
        "GATE_URL": "http://gate:8090",
        "GATE_API_TOKEN": "token",
        "EXAMPLES": str(home / "examples" / "prefect"),
        "PREFECT_WORKER_WEBSERVER_PORT": health,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    with running_prefect(kept, port) as prefect:
        env = {**os.environ, **prefect_environment(kept, port), **own}
        *shell, script = SERVICES["prefect-seed"]["command"]
        seed = [*shell, script.replace("/home/work", str(home))]
        done = subprocess.run(seed, env=env, cwd=home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        found = prefect.api.post("/deployments/filter", json={}).json()
        assert {item["name"] for item in found} >= {"existing-flow", "new-flow", "publish"}
        assert prefect.api.get("/work_pools/lakefs").json()["type"] == "process"
        with (tmp_path / "worker.log").open("wb") as log:
            worker = subprocess.Popen(
                SERVICES["prefect-worker"]["command"], env=env, cwd=home, stdout=log, stderr=log
            )
        try:
            check = SERVICES["prefect-worker"]["healthcheck"]["test"][-1]
            assert "http://127.0.0.1:8080/health" in check
            until(lambda: answers(f"http://127.0.0.1:{health}/health"))
        finally:
            worker.terminate()
            worker.wait(60)
