"""`gate suites draft` and `gate suites test`, by the real command line against the embedded lakeFS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local_lakefs.testing import RunningServer
from tests.e2e.harness import World, gate_environment, run_gate


def orders(*numbers: int, status: str = "open") -> bytes:
    return "\n".join(["id,status", *(f"{number},{status}" for number in numbers)]).encode()


def environment(server: RunningServer, folder: Path) -> Mapping[str, str]:
    return gate_environment(server.environment, folder, GATE_POLICY=str(folder / "gate.yaml"))


def test_a_draft_is_tried_on_what_was_merged(world: World, server: RunningServer, tmp_path: Path) -> None:
    env = environment(server, tmp_path)
    (tmp_path / "suites").mkdir()
    numbers = range(1, 41)
    world.commit(world.main, {"orders/a.csv": orders(*numbers)})
    world.commit(world.main, {"other.csv": b"x\n1\n"})
    out = tmp_path / "suites" / "a.json"
    uri = f"lakefs://{world.name}/main/orders/a.csv"
    done = run_gate("suites", "draft", uri, "--out", str(out), "--json", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    drafted = json.loads(done.stdout)
    assert json.loads(out.read_text()) == drafted["suite"]
    assert drafted["rule"]["format"] == {"type": "csv", "types": {"id": "integer"}}
    again = run_gate("suites", "draft", uri, "--out", str(out), env=env)
    assert (again.returncode, "is there already" in again.stderr + again.stdout) == (2, True)

    (tmp_path / "gate.yaml").write_text(json.dumps({"version": 1, "rules": [drafted["rule"]]}))
    world.commit(world.main, {"orders/a.csv": orders(*numbers, 40)})
    world.commit(world.main, {"orders/a.csv": orders(*numbers, 41)})
    tried = run_gate("suites", "test", "a", f"lakefs://{world.name}/main", "--json", env=env)
    assert tried.returncode == 1, tried.stdout + tried.stderr
    told = json.loads(tried.stdout)
    assert [one["verdict"] for one in told["commits"]] == ["PASS", "FAIL", "PASS"]
    assert (told["rules"], told["blocked"], told["unknown"]) == (["a"], 1, 0)
    (reason,) = told["commits"][1]["reasons"]
    assert (reason["path"], reason["message"]) == (
        "orders/a.csv",
        "`id`: 2 of 41 values are not unique, first in line 41",
    )
    last = run_gate("suites", "test", "a", f"lakefs://{world.name}/main", "--last", "1", env=env)
    assert (last.returncode, "a would have blocked 0 of 1 commit" in last.stdout) == (0, True), last.stdout
    unknown = run_gate("suites", "test", "b", f"lakefs://{world.name}/main", env=env)
    assert (unknown.returncode, "there are: a" in unknown.stdout + unknown.stderr) == (2, True)


def test_a_folder_is_one_table(world: World, server: RunningServer, tmp_path: Path) -> None:
    parts: dict[str, Any] = {"t/1.csv": orders(*range(20)), "t/2.csv": orders(*range(20, 40), status="shut")}
    world.commit(world.main, {**parts, "t/_SUCCESS": b""})
    env = environment(server, tmp_path)
    done = run_gate("suites", "draft", f"lakefs://{world.name}/main/t", "--json", env=env)
    drafted = json.loads(done.stdout)
    assert (drafted["rows"], drafted["objects"]) == (40, 2)
    assert {key: drafted["rule"][key] for key in ("paths", "scope", "dataset", "suite")} == {
        "paths": ["t/**"],
        "scope": "dataset",
        "dataset": "t/",
        "suite": "t",
    }
    nothing = run_gate("suites", "draft", f"lakefs://{world.name}/main/none", env=env)
    assert (nothing.returncode, "there is nothing at" in nothing.stdout + nothing.stderr) == (2, True)
    world.commit(world.main, {"bad.csv": b"a,b\n1\n"})
    bad = run_gate("suites", "draft", f"lakefs://{world.name}/main/bad.csv", env=env)
    assert (bad.returncode, "line 2" in bad.stdout + bad.stderr) == (1, True)
