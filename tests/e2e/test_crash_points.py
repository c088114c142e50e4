"""A worker dies before each of its calls to store and lakeFS in turn: no wrong pass, no lost verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from local_lakefs.testing import RunningServer
from tests.e2e.harness import BAD, GOOD, ROOT, World, gate_environment


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_worker_that_dies_at_any_call_loses_nothing(
    server: RunningServer, world: World, tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    world.commit(world.main, {"lakefs_test.csv": GOOD, "lakefs_test_latest_file.csv": BAD})
    wanted = {
        "database_url": f"sqlite:///{tmp_path}/gate.db"
        if database == "sqlite"
        else request.getfixturevalue("postgres").new_database(),
        "url": server.url,
        "access_key_id": server.access_key_id,
        "secret_access_key": server.secret_access_key,
        "repository": world.name,
        "commit": world.main.get_commit().id,
        "policy": str(ROOT / "expectations" / "gate.yaml"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.crash_points"],
        input=json.dumps(wanted), env=gate_environment(server.environment, tmp_path), cwd=ROOT,
        capture_output=True, text=True, check=False, timeout=540,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    *points, after = [json.loads(line) for line in done.stdout.splitlines()]
    for point in points:
        assert (point["left_state"] in ("queued", "running"), point["left_outcome"]) == (True, ""), point
        assert (point["state"], point["outcome"], point["written"]) == ("done", "FAIL", True), point
        assert point["attempt"] == (2 if point["left_state"] == "running" else 1), point
    assert (after["left_state"], after["left_outcome"], after["attempt"]) == ("done", "FAIL", 1)
    # All of it was gone through: taking the check, reading main and its data, keeping each result.
    names = [point["name"] for point in points]
    assert names[-1] == "COMMIT"
    # The claim, the look at the policy, two evaluations, the verdict.
    assert names.count("COMMIT") == 5, names
    assert sum(name.startswith("GET") for name in names) >= 6, names
