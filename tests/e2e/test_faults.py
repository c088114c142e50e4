"""What goes wrong, and what it gets: never a pass."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from local_lakefs.testing import RunningServer
from tests.e2e.harness import (
    BAD,
    GOOD,
    ROOT,
    Gate,
    World,
    free_port,
    gate_environment,
    run_gate,
    running_gate,
    until,
)

# Great Expectations' alone (it looks ahead), and exponential on NEVER_READY: no machine is fast enough.
PATTERN = "^((?=[^a]).*|(a|aa)+)$"
NEVER_READY = b"a" * 200 + b"!,2,3,4,5\n"
SUITE = {
    "name": "s",
    "expectations": [
        {"type": "expect_column_to_exist", "kwargs": {"column": "_c0"}},
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "_c0", "regex": PATTERN}},
    ],
}
SUITE_WITHOUT_EXPECTATIONS = {"name": "s", "expectations": []}
DATA_LIMITS = ("size_bytes", "rows", "columns", "field_bytes")
LIMITED = """\
version: 1
rules:
{rules}
"""
RULE = """\
  - name: {name}
    paths: "{name}/*"
    suite: s
    format: {{type: csv, header: false}}
    limits: {{{limits}}}
    on_error: {on_error}
"""


def write_policy(folder: Path, rules: str, suite: Any = SUITE) -> Path:
    (folder / "suites").mkdir(parents=True, exist_ok=True)
    (folder / "suites" / "s.json").write_text(suite if isinstance(suite, str) else json.dumps(suite))
    (folder / "gate.yaml").write_text(LIMITED.format(rules=rules))
    return folder / "gate.yaml"


# -- limits -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def limited(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    folder = tmp_path_factory.mktemp("limited")
    rules = "".join(
        RULE.format(name=name, limits=limits, on_error=on_error)
        for name, limits, on_error in (
            ("free", "", "block"),
            ("time", "time_s: 0.5", "block"),
            ("lenient", "time_s: 0.5", "warn"),
            ("memory", "memory_bytes: 1000", "block"),
            ("size", "size_bytes: 10", "block"),
            ("rows", "rows: 1", "block"),
            ("columns", "columns: 4", "block"),
            ("field", "field_bytes: 5", "block"),
        )
    )
    with running_gate(server.environment, folder, GATE_POLICY=str(write_policy(folder, rules))) as gate:
        yield gate


@pytest.mark.parametrize(
    ("name", "verdict", "allowed", "limit"),
    [
        ("time", "ERROR", False, "time_s"),
        ("lenient", "ERROR", True, "time_s"),
        ("memory", "ERROR", False, "memory_bytes"),
        ("size", "FAIL", False, "size_bytes"),
        ("rows", "FAIL", False, "rows"),
        ("columns", "FAIL", False, "columns"),
        ("field", "FAIL", False, "field_bytes"),
    ],
)
def test_a_limit_of_the_data_fails_a_limit_of_the_run_is_an_error(
    world: World, limited: Gate, name: str, verdict: str, allowed: bool, limit: str
) -> None:
    content = b"1,2,3,4,5\nlong-field,2,3,4,5\n" if limit in DATA_LIMITS else NEVER_READY
    world.commit(world.repository.branch("b").create("main"), {f"{name}/a.csv": content})
    answer = limited.ask(world.name, "b")
    assert (answer["verdict"], answer["allowed"]) == (verdict, allowed), answer
    assert limit in answer["summary"]
    # The gate goes on.
    world.commit(world.repository.branch("c").create("main"), {"free/a.csv": GOOD})
    assert limited.ask(world.name, "c")["verdict"] == "PASS"


def test_an_error_is_not_remembered(world: World, limited: Gate) -> None:
    world.commit(world.repository.branch("b").create("main"), {"time/a.csv": NEVER_READY})
    first, second = limited.ask(world.name, "b"), limited.ask(world.name, "b")
    assert first["verdict"] == second["verdict"] == "ERROR"
    assert first["check"] != second["check"]


# -- processes ----------------------------------------------------------------------------------------


def processes(gate: Gate, word: str) -> list[psutil.Process]:
    children = psutil.Process(gate.process.pid).children(recursive=True)
    return [item for item in children if word in " ".join(item.cmdline())]


def test_a_worker_that_dies_loses_no_check(server: RunningServer, world: World, tmp_path: Path) -> None:
    with running_gate(server.environment, tmp_path) as gate:
        worker = next(item for item in processes(gate, "gate_server.processes") if "worker" in item.cmdline())
        worker.kill()
        world.branch("b", lakefs_test_dot_csv=BAD)
        assert gate.ask(world.name, "b")["verdict"] == "FAIL"


def test_a_child_that_dies_is_an_error_and_nothing_is_left(
    server: RunningServer, world: World, tmp_path: Path
) -> None:
    rows = b"".join(b"%d,2,3,4,5\n" % number for number in range(400_000))
    with running_gate(server.environment, tmp_path, TMPDIR=str(tmp_path)) as gate:
        world.branch("warm", lakefs_test_dot_csv=GOOD)
        assert gate.ask(world.name, "warm")["verdict"] == "PASS"
        world.branch("b", lakefs_test_dot_csv=rows)
        stop = threading.Event()
        killer = threading.Thread(target=_kill_children, args=(gate, tmp_path, stop))
        killer.start()
        answer = gate.ask(world.name, "b")
        stop.set()
        killer.join()
        assert (answer["verdict"], answer["allowed"]) == ("ERROR", False), answer
        assert "died" in answer["summary"]
        assert list(tmp_path.glob("gate-child-*")) == []
        assert gate.ask(world.name, "b")["verdict"] == "PASS"


def _kill_children(gate: Gate, folder: Path, stop: threading.Event) -> None:
    """Kill the first process that works in a child's folder."""
    while not stop.is_set():
        for item in psutil.Process(gate.process.pid).children(recursive=True):
            try:
                if Path(item.cwd()).name.startswith("gate-child-"):
                    item.kill()
                    return
            except psutil.Error:
                continue
        time.sleep(0.005)


def test_the_end_leaves_no_process(server: RunningServer, tmp_path: Path) -> None:
    with running_gate(server.environment, tmp_path) as gate:
        family = psutil.Process(gate.process.pid).children(recursive=True)
    until(lambda: not any(lives(item) for item in family))


def lives(process: psutil.Process) -> bool:
    """Whether a process runs; one that ended after its parent is a zombie until process 1 looks."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# -- lakeFS -------------------------------------------------------------------------------------------

EVENT = {
    "event_type": "pre-merge",
    "repository_id": "repo",
    "branch_id": "main",
    "commit_id": "a" * 64,
    "source_ref": "x",
}


@pytest.mark.parametrize("what", ["gone", "keys"])
def test_without_lakefs_there_is_no_verdict(server: RunningServer, tmp_path: Path, what: str) -> None:
    lakefs = dict(server.environment)
    if what == "gone":
        lakefs["LAKECTL_SERVER_ENDPOINT_URL"] = f"http://127.0.0.1:{free_port()}"
    else:
        lakefs["LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"] = "wrong"
    with running_gate(lakefs, tmp_path) as gate:
        answer = gate.hooks.post("/hooks/lakefs", json=EVENT)
        assert answer.status_code == 503
        assert (answer.json()["verdict"], answer.json()["allowed"]) == ("ERROR", False)
        assert lakefs["LAKECTL_SERVER_ENDPOINT_URL"] in answer.json()["summary"]
        ready = gate.api.get("/readyz")
        assert ready.status_code == 503
        assert "LAKECTL_SERVER_ENDPOINT_URL" in ready.json()["error"]["hint"]
        assert gate.api.get("/healthz").status_code == 200
        check = gate.run("check", "lakefs://repo/b", "--into", "main")
        assert check.returncode == 3, check
        assert lakefs["LAKECTL_SERVER_ENDPOINT_URL"] in check.stdout + check.stderr


# -- policies -----------------------------------------------------------------------------------------

FREE = RULE.format(name="free", limits="", on_error="block")


@pytest.mark.parametrize(
    ("rules", "suite", "words"),
    [
        (FREE.replace("limits", "limitz"), SUITE, ["gate.yaml:7:", "did you mean `limits`"]),
        (FREE, "{", ["suites/s.json:1:"]),
        (
            FREE,
            '{"name": "s", "expectations": [\n{"type": "expect_colum_to_exist", "kwargs": {"column": "a"}}]}',
            ["suites/s.json:2:", "expect_column_to_exist"],
        ),
        (
            FREE,
            '{"name": "s", "expectations": [\n\n{"type": "expect_column_values_to_not_be_null", "kwargs":'
            '{"column": "_c0", "row_condition": "_c1==1", "condition_parser": "pandas"}}]}',
            ["suites/s.json:3:", "row_condition"],
        ),
        (
            FREE,
            '{"name": "s", "expectations": [{"type": "expect_table_row_count_to_equal", "kwargs":'
            '{"value": {"$PARAMETER": "rows"}}}]}',
            ["suites/s.json:1:", "rows"],
        ),
        (FREE, SUITE_WITHOUT_EXPECTATIONS, ["suites/s.json"]),
    ],
)
def test_a_wrong_policy_is_refused_with_file_and_line(
    server: RunningServer, tmp_path: Path, rules: str, suite: Any, words: list[str]
) -> None:
    policy = write_policy(tmp_path, rules, suite)
    environment = gate_environment(server.environment, tmp_path, GATE_POLICY=str(policy))
    commands = [["suites", "lint"]]
    if suite in ["{", SUITE_WITHOUT_EXPECTATIONS]:  # found by the door, found by the worker
        commands.append(["serve", "--port", str(free_port())])
    for command in commands:
        done: subprocess.CompletedProcess[str] = run_gate(*command, env=environment)
        assert done.returncode == 2, done
        said = done.stdout + done.stderr
        assert [word for word in words if word not in said] == [], said
        assert "Traceback" not in said


def test_the_policy_that_users_copy_is_right(server: RunningServer, tmp_path: Path) -> None:
    done = run_gate("suites", "lint", env=gate_environment(server.environment, tmp_path), cwd=ROOT)
    assert done.returncode == 0, done


def test_a_folder_for_temporary_files_that_no_socket_fits_in_is_said(
    server: RunningServer, tmp_path: Path
) -> None:
    long = tmp_path / ("x" * 80)
    long.mkdir()
    environment = gate_environment(server.environment, tmp_path, TMPDIR=str(long))
    done = run_gate("suites", "lint", env=environment)
    assert done.returncode == 2, done
    assert "TMPDIR" in done.stdout + done.stderr
