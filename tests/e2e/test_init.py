"""`gate init`: a first policy from data that is there, by questions or by options."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local_lakefs.testing import RunningServer
from tests.e2e.harness import GATE_COMMAND, ROOT, World, gate_environment, run_gate
from tests.e2e.terminal import read

ORDERS = b"id,status\n" + b"".join(b"%d,%s\n" % (n, b"open" if n % 2 else b"shut") for n in range(40))


@pytest.fixture
def env(server: RunningServer, tmp_path: Path) -> dict[str, str]:
    here = gate_environment(server.environment, tmp_path / "data")
    del here["GATE_POLICY"]
    return here


@pytest.fixture
def filled(world: World) -> World:
    """Give a main with a table in parts, a file at the top, and what is no data."""
    world.commit(world.main, {"lakefs_test.csv": b"1,2,3,4,5\n6,7,8,9,10\n", "notes.bin": b"\0\1"})
    parts = {f"orders/day=2026-01-0{day}/part.csv": ORDERS for day in (1, 2)}
    world.commit(world.main, {**parts, "orders/_SUCCESS": b""})
    return world


def init(env: Mapping[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_gate("init", *arguments, env=env, cwd=folder)


def test_by_options_alone_and_what_it_writes_lints_and_serves(
    filled: World, env: dict[str, str], tmp_path: Path
) -> None:
    done = init(env, tmp_path, filled.uri(), "--data", "orders/", "--on-failure", "block")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-2:] == ["  gate serve", f"  gate install {filled.uri()}"]
    assert "would have blocked 0 of the last 1 commit" in done.stdout
    first, schema = (tmp_path / "expectations" / name for name in ("gate.yaml", "gate.schema.json"))
    assert first.read_text().startswith(f"# yaml-language-server: $schema={schema.name}\n")
    assert "rules" in json.loads(schema.read_text())["properties"]
    linted = run_gate("suites", "lint", env=env, cwd=tmp_path)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    (rule,) = json.loads(run_gate("suites", "list", "--json", env=env, cwd=tmp_path).stdout)["rules"]
    assert (rule["rule"], rule["paths"], rule["branches"]) == ("orders", ["orders/**"], ["main"])
    assert (rule["repositories"], rule["enforcement"]) == ([filled.name], "block")
    judged = run_gate("check", filled.uri(), "--into", "main", env=env, cwd=tmp_path)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_nothing_is_overwritten(filled: World, env: dict[str, str], tmp_path: Path) -> None:
    suites = tmp_path / "mine" / "suites"
    suites.mkdir(parents=True)
    (suites / "lakefs_test.json").write_text("mine")
    options = [filled.uri(), "--data", "lakefs_test.csv", "--on-failure", "off", "--dir", "mine"]
    done = init(env, tmp_path, *options)
    assert (done.returncode, "is there already" in done.stderr) == (2, True)
    assert (suites / "lakefs_test.json").read_text() == "mine"
    assert not (tmp_path / "mine" / "gate.yaml").exists()
    (tmp_path / "mine" / "gate.yaml").write_text("mine")
    done = init(env, tmp_path, *options, "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (2, "usage")
    assert (tmp_path / "mine" / "gate.yaml").read_text() == "mine"


def test_in_a_pipe_each_missing_answer_is_named(filled: World, env: dict[str, str], tmp_path: Path) -> None:
    where = init(env, tmp_path)
    assert (where.returncode, "lakefs://REPOSITORY/BRANCH" in where.stderr) == (2, True)
    what = init(env, tmp_path, filled.uri())
    assert (what.returncode, "--data PATH; there are orders/, lakefs_test.csv" in what.stderr) == (2, True)
    how = init(env, tmp_path, filled.uri(), "--data", "lakefs_test.csv")
    assert (how.returncode, "--on-failure block|warn|off" in how.stderr) == (2, True)
    assert not (tmp_path / "expectations").exists()


def test_what_cannot_be_drafted_from_is_told(filled: World, env: dict[str, str], tmp_path: Path) -> None:
    done = init(env, tmp_path, filled.uri(), "--data", "notes.bin", "--on-failure", "off")
    assert (done.returncode, "notes.bin" in done.stderr) == (2, True)
    gone = init(env, tmp_path, filled.uri(), "--data", "no/such", "--on-failure", "off")
    assert (gone.returncode, "there is nothing at" in gone.stderr) == (2, True)


def test_three_questions_at_a_terminal(filled: World, env: dict[str, Any], tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*GATE_COMMAND, "init"],
        env={**env, "TERM": "xterm"},
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        read(ours, process, "name [1]: ")
        os.write(ours, f"{filled.name[:-1]}\n".encode())
        assert f"{filled.name[:-1]}; did you mean {filled.name}?" in read(ours, process, "name [1]: ")
        os.write(ours, f"{filled.name}\n".encode())
        assert "guarded?" in read(ours, process, "name [1]: ")
        os.write(ours, b"\n")
        found = read(ours, process, "name [1]: ")
        assert "1  orders/  (csv, 2 objects)" in found
        assert "2  lakefs_test.csv  (csv without header)" in found
        os.write(ours, b"2\n")
        read(ours, process, "name [2]: ")
        os.write(ours, b"\n")
        end = read(ours, process, "never shown")
        assert process.wait(60) == 0, end
    finally:
        process.kill()
        os.close(ours)
    written = (tmp_path / "expectations" / "gate.yaml").read_text()
    assert "enforcement: warn" in written
    assert "header: false" in written


def test_names_that_are_near_are_named(filled: World, env: dict[str, str], tmp_path: Path) -> None:
    branch = run_gate("check", filled.uri("mian"), "--into", "main", env=env | policy())
    assert (branch.returncode, f"did you mean {filled.uri()}?" in branch.stderr) == (2, True), branch.stderr
    other = filled.uri().replace(filled.name, f"{filled.name[:-1]}-")
    repository = init(env, tmp_path, other, "--data", "x", "--on-failure", "off")
    assert (repository.returncode, f"did you mean {filled.uri()}?" in repository.stderr) == (2, True)


def test_a_pipe_is_told_of_no_progress_and_a_terminal_is(
    filled: World, env: dict[str, Any], tmp_path: Path
) -> None:
    uri = f"{filled.uri()}/orders"
    assert run_gate("suites", "draft", uri, env=env, cwd=tmp_path).stderr == ""
    ours, theirs = pty.openpty()
    command = [*GATE_COMMAND, "suites", "draft", uri]
    process = subprocess.Popen(
        command, env={**env, "TERM": "xterm"}, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=theirs
    )
    os.close(theirs)
    try:
        shown = read(ours, process, "never shown")  # to its end: what nobody reads holds it up
        assert f"reading {uri}" in shown
        assert process.wait(60) == 0
    finally:
        process.kill()
        os.close(ours)


def policy() -> dict[str, str]:
    return {"GATE_POLICY": str(ROOT / "expectations" / "gate.yaml")}
