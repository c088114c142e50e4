"""A process dies, or loses its database, before each of its calls in turn: no wrong pass, no lost verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local_lakefs.testing import RunningServer
from tests.contract.harness import Lakefs
from tests.e2e.harness import BAD, GOOD, ROOT, World, gate_environment

BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])


@BOTH
def test_a_worker_that_dies_at_any_call_loses_nothing(
    server: RunningServer, world: World, tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    *points, after = fail_at_each_call(
        "death", server, world, tmp_path, database_url(database, tmp_path, request)
    )
    for point in points:
        assert (point["left_state"] in ("queued", "running"), point["left_outcome"]) == (True, ""), point
        assert (point["state"], point["outcome"], point["written"]) == ("done", "FAIL", True), point
        assert point["recorded"] == ["FAIL"], point
        assert point["attempt"] == (2 if point["left_state"] == "running" else 1), point
    assert (after["left_state"], after["left_outcome"], after["attempt"]) == ("done", "FAIL", 1)
    # All of it was gone through: taking the check, reading main and its data, keeping each result.
    names = [point["name"] for point in points]
    assert names[-1] == "COMMIT"
    # The claim, the look at the policy, two evaluations, the verdict.
    assert names.count("COMMIT") == 5, names
    assert sum(name.startswith("GET") for name in names) >= 6, names


@BOTH
def test_a_database_that_is_lost_at_any_commit_loses_no_verdict(
    server: RunningServer, world: World, tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    """PostgreSQL's process is killed between statement and commit; SQLite becomes read-only after it."""
    url = database_url(database, tmp_path, request)
    points = fail_at_each_call("database", server, world, tmp_path, url)
    for point in points:
        assert (point["state"], point["outcome"], point["written"]) == ("done", "FAIL", True), point
        assert point["recorded"] == ["FAIL"], point
        assert point["left_outcome"] == ("FAIL" if point["left_state"] == "done" else ""), point
    assert [point["name"] for point in points] == ["COMMIT"] * 5 + [""]
    assert "running" in {point["left_state"] for point in points}


def fail_at_each_call(
    fault: str, server: RunningServer, world: World, folder: Path, database: str
) -> list[dict[str, Any]]:
    world.commit(world.main, {"lakefs_test.csv": GOOD, "lakefs_test_latest_file.csv": BAD})
    wanted = {
        "database_url": database,
        "url": server.url,
        "access_key_id": server.access_key_id,
        "secret_access_key": server.secret_access_key,
        "repository": world.name,
        "commit": world.main.get_commit().id,
        "policy": str(ROOT / "expectations" / "gate.yaml"),
        "fault": fault,
    }
    return run("tests.e2e.crash_points", wanted, server, folder, {})


@pytest.mark.parametrize(
    ("way", "what", "database"),
    [
        ("api", "keep", "postgresql"),
        ("cli", "to", "sqlite"),
        ("api", "path", "sqlite"),
        ("api", "commit", "sqlite"),
        ("api", "past actions", "sqlite"),
    ],
)
def test_a_revert_that_dies_at_any_call_leaves_main_old_or_exactly_put_back(
    server: RunningServer, tmp_path: Path, request: pytest.FixtureRequest, way: str, what: str, database: str
) -> None:
    lakefs = Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
    repository = lakefs.create_repository(files={"a": "good", "dir/b": "good"})
    wanted = {
        "way": way,
        "what": what,
        "repository": repository.name,
        "target": repository.head(),
        "url": server.url,
        "access_key_id": server.access_key_id,
        "secret_access_key": server.secret_access_key,
    }
    settings = {"GATE_DATABASE_URL": database_url(database, tmp_path, request)}
    *points, whole = run("tests.e2e.revert_crash_points", wanted, server, tmp_path, settings)
    for point in points:
        assert point["left"] == point["swept"] != "other", point
        if point["left"] == "old":
            assert (point["rows"], point["state"]) in ((0, ""), (1, "failed")), point
        else:
            assert (point["rows"], point["state"]) == (1, "verified"), point
        assert (point["open_rows"], point["branches"]) == (0, []), point
        assert (point["again"], point["finally_holds"]) == (0, "target"), point
    assert (whole["left"], whole["state"], whole["branches"]) == ("target", "verified", [])
    # All of it was gone through: the plan, its record, making the branch, main's change, deleting the branch.
    assert {point["left"] for point in points} == {"old", "target"}
    names = [point["name"] for point in points]
    for call in ("POST", "DELETE", "COMMIT"):
        assert sum(name.startswith(call) for name in names) >= (2 if call != "DELETE" else 1), names
    assert {point["state"] for point in points} == {"", "failed", "verified"}


def database_url(database: str, folder: Path, request: pytest.FixtureRequest) -> str:
    if database == "sqlite":
        return f"sqlite:///{folder}/gate.db"
    made: str = request.getfixturevalue("postgres").new_database()
    return made


def run(
    module: str, wanted: dict[str, Any], server: RunningServer, folder: Path, settings: dict[str, str]
) -> list[dict[str, Any]]:
    """Run a module that steps through crash points; return what it says of each."""
    done = subprocess.run(
        [sys.executable, "-m", module],
        input=json.dumps(wanted), env=gate_environment(server.environment, folder, **settings), cwd=ROOT,
        capture_output=True, text=True, check=False, timeout=540,
    )  # fmt: skip
    sys.stderr.write(done.stderr)  # shown where the test fails
    assert done.returncode == 0
    return [json.loads(line) for line in done.stdout.splitlines()]
