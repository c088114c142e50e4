"""The commands as processes, on the embedded lakeFS and a real gate, and in their own process."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from local_lakefs.testing import RunningServer
from tests.e2e.harness import (
    BAD,
    GATE_COMMAND,
    GOOD,
    ROOT,
    Gate,
    World,
    free_port,
    gate_environment,
    run_gate,
)

MISSING = "`_c4` is missing: 5 columns expected, 4 found (`_c0, _c1, _c2, _c3`)"


@pytest.fixture(scope="module")
def alone(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give the environment of commands that have no gate."""
    return gate_environment(server.environment, tmp_path_factory.mktemp("alone"))


@pytest.fixture(params=["gate_on_sqlite", "gate_on_postgresql", "alone"])
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    """Give the environment of commands through a gate, and of those in their own process."""
    found: Gate | dict[str, str] = request.getfixturevalue(request.param)
    return found if isinstance(found, dict) else {**found.environment, "GATE_URL": found.url}


def test_check(environment: dict[str, str], world: World) -> None:
    world.branch("good", lakefs_test_dot_csv=GOOD)
    world.branch("bad", lakefs_test_latest_file_dot_csv=BAD)
    branches = sorted(branch.id for branch in world.repository.branches())

    good = run_gate("check", world.uri("good"), "--into", "main", env=environment)
    assert (good.returncode, good.stderr) == (0, "")
    assert "PASS" in good.stdout

    bad = run_gate("check", world.uri("bad"), "--into", "main", env=environment)
    assert (bad.returncode, bad.stderr) == (1, "")
    assert MISSING in bad.stdout
    assert "lakefs_test_latest_file.csv · rule five-columns" in bad.stdout

    machine = run_gate("check", world.uri("bad"), "--into", "main", "--json", env=environment)
    assert machine.returncode == 1
    body = json.loads(machine.stdout)
    assert (body["verdict"], body["allowed"]) == ("FAIL", False)
    assert any(MISSING in reason["message"] for reason in body["details"])
    assert body["validations"][0]["success"] is False

    assert sorted(branch.id for branch in world.repository.branches()) == branches
    assert world.contents("main") == {}


def test_check_of_a_conflict_could_not_tell(environment: dict[str, str], world: World) -> None:
    world.branch("one", lakefs_test_dot_csv=GOOD)
    world.branch("other", lakefs_test_dot_csv=GOOD + GOOD)
    world.repository.branch("one").merge_into("main")
    done = run_gate("check", world.uri("other"), "--into", "main", env=environment)
    assert done.returncode == 3
    assert "ERROR" in done.stdout
    assert "conflict on lakefs_test.csv" in done.stdout


def test_check_of_names_that_do_not_exist(environment: dict[str, str], world: World) -> None:
    done = run_gate("check", world.uri("nowhere"), "--into", "main", env=environment)
    assert done.returncode == 2
    assert "nowhere" in done.stderr


def test_lakefs_away_could_not_tell(alone: dict[str, str]) -> None:
    away = {**alone, "LAKECTL_SERVER_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    done = run_gate("check", "lakefs://repo/x", "--into", "main", "--json", env=away)
    assert done.returncode == 3
    assert "LAKECTL_SERVER_ENDPOINT_URL" in done.stdout
    revert = run_gate("revert", "lakefs://repo/main", "--to", "main~1", "--json", env=away)
    assert revert.returncode == 3
    assert json.loads(revert.stdout)["error"]["code"] == "lakefs_unreachable"


def test_lakefs_not_set(alone: dict[str, str]) -> None:
    unset = {key: value for key, value in alone.items() if not key.startswith("LAKECTL_")}
    done = run_gate(
        "check", "lakefs://repo/x", "--into", "main", env={**unset, "LAKECTL_CONFIG_FILE": "/nowhere.yaml"}
    )
    assert done.returncode == 2
    assert "LAKECTL_CREDENTIALS_ACCESS_KEY_ID" in done.stderr


def test_a_wrong_token(gate: Gate, world: World) -> None:
    done = gate.run("check", world.uri(), "--into", "main", "--json", GATE_API_TOKEN="not-a-token")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "access_denied"
    assert "not-a-token" not in done.stdout


def test_a_gate_that_is_down(alone: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = run_gate("check", "lakefs://repo/x", "--into", "main", "--server", url, env=alone)
    assert done.returncode == 3
    assert url in done.stderr


def test_revert(environment: dict[str, str], world: World) -> None:
    world.commit(world.main, {"data/a": b"one"})
    good = world.main.get_commit().id
    world.commit(world.main, {"data/a": b"two", "data/b": b"new"})
    bad = world.main.get_commit().id

    dry = run_gate("revert", world.uri(), "--to", "main~1", "--dry-run", env=environment)
    assert dry.returncode == 0, dry.stderr
    assert "0 added, 1 changed, 1 removed" in dry.stdout
    assert "3 bytes changed, 3 bytes removed" in dry.stdout
    assert world.main.get_commit().id == bad

    done = run_gate(
        "revert", world.uri(), "--to", good[:12], "--reason", "it was bad", "--json", env=environment
    )
    assert done.returncode == 0, done.stdout
    revert = json.loads(done.stdout)["revert"]
    assert (revert["state"], revert["reason"]) == ("verified", "it was bad")
    assert world.contents("main") == {"data/a": b"one"}
    assert world.main.get_commit().id == revert["commit_id"]

    again = run_gate("revert", world.uri(), "--to", good, env=environment)
    assert again.returncode == 0
    assert "unchanged" in again.stdout

    undo = revert["undo"].split()
    assert undo[0] == "gate"
    undone = run_gate(*undo[1:], env=environment)
    assert undone.returncode == 0, undone.stderr
    assert world.contents("main") == {"data/a": b"two", "data/b": b"new"}


def test_revert_that_keeps_a_path(environment: dict[str, str], world: World) -> None:
    world.commit(world.main, {"data/a": b"one", "docs/x": b"old"})
    world.commit(world.main, {"data/a": b"two", "docs/x": b"new"})
    done = run_gate("revert", world.uri(), "--to", "main~1", "--keep", "docs/**", env=environment)
    assert done.returncode == 0, done.stderr
    assert "docs/x (stays)" in done.stdout
    assert world.contents("main") == {"data/a": b"one", "docs/x": b"new"}


def test_reverts_that_are_refused(environment: dict[str, str], world: World) -> None:
    world.branch("side", lakefs_test_dot_csv=GOOD)
    side = world.repository.branch("side").get_commit().id
    world.commit(world.main, {"data/a": b"one"})
    head = world.main.get_commit().id

    never = run_gate("revert", world.uri(), "--to", side, env=environment)
    assert never.returncode == 3
    assert "was never the state of main" in never.stderr

    moved = run_gate("revert", world.uri(), "--to", "main~1", "--expected-head", side, env=environment)
    assert moved.returncode == 3
    assert head in moved.stderr
    assert world.main.get_commit().id == head


@contextmanager
def terminal(*arguments: str, env: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a command in a terminal of its own."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*GATE_COMMAND, *arguments], env=env, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield process, ours
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(ours)


def read_until(terminal: int, text: str, timeout_s: float = 120) -> str:
    """Return what a terminal shows until `text` is among it, or the process ends."""
    shown = b""
    deadline = time.monotonic() + timeout_s
    while text.encode() not in shown and time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # it ended
            break
    return shown.decode(errors="replace")


@pytest.mark.parametrize(("answer", "code", "content"), [("n", 130, b"two"), ("y", 0, b"one")])
def test_revert_asks_in_a_terminal(
    alone: dict[str, str], world: World, answer: str, code: int, content: bytes
) -> None:
    world.commit(world.main, {"a": b"one"})
    world.commit(world.main, {"a": b"two"})
    with terminal("revert", world.uri(), "--to", "main~1", env=alone) as (process, screen):
        assert "objects" in read_until(screen, "[y/N]")
        os.write(screen, f"{answer}\n".encode())
        read_until(screen, "never shown")
        assert process.wait() == code
    assert world.contents("main") == {"a": content}


def test_suites_list(alone: dict[str, str]) -> None:
    table = run_gate("suites", "list", env=alone)
    assert table.returncode == 0
    assert "five-columns" in table.stdout
    machine = json.loads(run_gate("suites", "list", "--json", env=alone).stdout)
    assert machine["rules"][0]["suite"] == "five_columns"
    assert machine["rules"][0]["expectations"] == 7


def test_suites_lint_of_what_is_shipped(alone: dict[str, str]) -> None:
    done = run_gate("suites", "lint", "--json", env=alone)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout) == {"policy": alone["GATE_POLICY"], "ok": True, "rules": 3, "findings": []}


def broken_policy(folder: Path, name: str, before: str, after: str) -> Path:
    """Return the shipped policy with `before` in file `name` replaced."""
    shutil.copytree(ROOT / "expectations", folder)
    changed = folder / name
    text = changed.read_text()
    assert before in text
    changed.write_text(text.replace(before, after, 1))
    return folder / "gate.yaml"


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        (
            "suites/five_columns.json",
            "expect_table_column_count_to_equal",
            "expect_table_column_count_to_equl",
            ["expect_table_column_count_to_equal"],
        ),
        (
            "gate.yaml",
            "enforcement: block",
            "enforcment: block",
            ["`enforcment` is unknown", "`enforcement`"],
        ),
        ("gate.yaml", "suite: customers", "suite: custmers", ["custmers"]),
        ("gate.yaml", "first_day:", "fist_day:", ["first_day"]),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    alone: dict[str, str], tmp_path: Path, name: str, before: str, after: str, said: list[str]
) -> None:
    policy = broken_policy(tmp_path / "policy", name, before, after)
    lint = run_gate("suites", "lint", "--policy", str(policy), env=alone)
    assert lint.returncode == 2, lint.stderr
    assert f"{policy.parent / 'suites'}" in lint.stdout or f"{policy}:" in lint.stdout
    assert all(text in lint.stdout for text in said), lint.stdout


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (
            "suites/five_columns.json",
            "expect_table_column_count_to_equal",
            "expect_table_column_count_to_equl",
        ),
        ("gate.yaml", "enforcement: block", "enforcment: block"),
    ],
)
def test_serve_does_not_start_with_what_is_wrong(
    alone: dict[str, str], tmp_path: Path, name: str, before: str, after: str
) -> None:
    policy = broken_policy(tmp_path / "policy", name, before, after)
    environment = {**alone, "GATE_POLICY": str(policy), "GATE_DATA_DIR": str(tmp_path / "data")}
    serve = run_gate("serve", "--port", str(free_port()), env=environment)
    assert serve.returncode == 2, serve.stderr
    assert before.partition(":")[0] in serve.stderr  # among the valid choices


@contextmanager
def started(*arguments: str, env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command that stays, its output in `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*GATE_COMMAND, *arguments],
            env=env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def answered(url: str, process: subprocess.Popen[bytes], **options: Any) -> httpx.Response:
    """Return the answer of `url` as soon as there is one."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return httpx.get(url, timeout=5, **options)
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"nothing answers at {url}")


def without_tokens(environment: dict[str, str], data_dir: Path) -> dict[str, str]:
    kept = {key: value for key, value in environment.items() if not key.endswith("_TOKEN")}
    return {**kept, "GATE_DATA_DIR": str(data_dir)}


def test_serve_makes_tokens_that_open_their_doors(alone: dict[str, str], tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    url = f"http://127.0.0.1:{port}"
    with started("serve", "--port", str(port), env=without_tokens(alone, tmp_path), log=log) as process:
        assert answered(f"{url}/healthz", process).status_code == 200
        made = {
            name: line.split()[2]
            for line in log.read_text().splitlines()
            for name in ("hook token", "api token")
            if line.strip().startswith(name)
        }
        assert made["hook token"] != made["api token"]

        def status(token: str) -> int:
            headers = {"Authorization": f"Bearer {token}"}
            return httpx.get(f"{url}/api/v1/checks", headers=headers, timeout=30).status_code

        assert status(made["api token"]) == 200
        assert status(made["hook token"]) == 403
        text = log.read_text()
        assert url in text
        assert "LAKEFSACTION_GATE_TOKEN" in text
    assert process.returncode == 0


def test_serve_refuses_what_would_be_unsafe(alone: dict[str, str], tmp_path: Path) -> None:
    bare = without_tokens(alone, tmp_path)
    open_to_all = run_gate("serve", "--host", "0.0.0.0", "--port", str(free_port()), env=bare)
    assert open_to_all.returncode == 2
    assert "GATE_HOOK_TOKEN and GATE_API_TOKEN must be set" in open_to_all.stderr
    same = {**alone, "GATE_HOOK_TOKEN": "one", "GATE_API_TOKEN": "one"}
    equal = run_gate("serve", "--port", str(free_port()), env=same)
    assert equal.returncode == 2
    assert "are the same" in equal.stderr


def test_a_port_that_is_taken(alone: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for command in (["serve"], ["local-lakefs", "--dir", str(tmp_path / "lakefs")]):
            done = run_gate(*command, "--port", port, env=alone)
            assert done.returncode == 2
            assert f"port {port} of 127.0.0.1 is taken" in done.stderr


def test_db(alone: dict[str, str], tmp_path: Path) -> None:
    environment = {**alone, "GATE_DATA_DIR": str(tmp_path)}

    def current() -> tuple[int, dict[str, str]]:
        done = run_gate("db", "current", "--json", env=environment)
        return done.returncode, json.loads(done.stdout)

    code, versions = current()
    assert (code, versions["current"]) == (2, None)
    assert run_gate("db", "upgrade", env=environment).returncode == 0
    assert current() == (0, {"current": versions["needed"], "needed": versions["needed"]})
    assert run_gate("db", "downgrade", "base", env=environment).returncode == 0
    assert current()[1]["current"] is None
    unknown = run_gate("db", "upgrade", "nope", env=environment)
    assert unknown.returncode == 2, unknown.stderr


def test_local_lakefs_keeps_its_keys(alone: dict[str, str], tmp_path: Path) -> None:
    environment = {key: value for key, value in alone.items() if not key.startswith("LAKECTL_")}
    keys = []
    for run in range(2):
        port, log = free_port(), tmp_path / f"log{run}"
        command = ["local-lakefs", "--dir", str(tmp_path / "lakefs"), "--port", str(port)]
        with started(*command, env=environment, log=log) as process:
            url = f"http://127.0.0.1:{port}/api/v1"
            assert answered(f"{url}/healthcheck", process).status_code == 204
            printed = log.read_text()
            assert "development" in printed
            line = next(line for line in printed.splitlines() if "access key" in line).split()
            keys.append((line[3], line[5]))
            assert httpx.get(f"{url}/user", auth=keys[-1], timeout=30).status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    assert keys[0] == keys[1]
