"""The embedded server as a tool of others: the fixture, what it is seeded with, where it may listen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_lakefs import __main__ as command
from local_lakefs.testing import lakefs_server
from tests.contract.harness import Lakefs, Repository

STRANGERS_TEST = """
import lakefs

def test_one(lakefs_server):
    repo = lakefs.Repository("repo", client=lakefs_server.client).create("local://repo")
    repo.branch("main").object("a").upload(b"1")
    assert [item.path for item in repo.branch("main").objects()] == ["a"]

def test_another(lakefs_server):
    assert list(lakefs.repositories(client=lakefs_server.client)) == [], "a fresh one"
"""


def test_the_fixture_in_a_strangers_project(tmp_path: Path) -> None:
    (tmp_path / "test_strange.py").write_text(STRANGERS_TEST)
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path,
        env=ours,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 passed" in run.stdout


def test_seeded_repositories(tmp_path: Path) -> None:
    seed = tmp_path / "seed"
    (seed / "first" / "t").mkdir(parents=True)
    (seed / "first" / "t" / "a b.csv").write_bytes(b"1,2")
    (seed / "first" / ".hidden").write_bytes(b"")
    (seed / "second-empty").mkdir()
    for _ in range(2):  # the second start finds what is there, and leaves it
        with lakefs_server(tmp_path / "lakefs", seed=seed) as server:
            lakefs = Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
            first, empty = Repository(lakefs, "first"), Repository(lakefs, "second-empty")
            assert first.contents("main@") == {".hidden": b"", "t/a b.csv": b"1,2"}
            assert first.uncommitted("main") == []
            assert [commit["message"] for commit in first.log()] == ["Seeded", "Repository created"]
            assert len(empty.log()) == 1


@pytest.mark.parametrize(
    ("name", "reason"), [("Bad_Name", "cannot become a repository"), ("file", "is no folder")]
)
def test_what_cannot_be_a_seed_is_said(tmp_path: Path, name: str, reason: str) -> None:
    seed = tmp_path / "seed"
    seed.mkdir()
    (seed / name).touch() if name == "file" else (seed / name).mkdir()
    with pytest.raises(RuntimeError, match=reason), lakefs_server(tmp_path / "lakefs", seed=seed):
        pass


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "some.name"])
def test_beyond_loopback_keys_must_be_set(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in command.KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(command.KEYS[0], "AKIA")  # half of them is none
    monkeypatch.setattr(sys, "argv", ["local_lakefs", "--dir", str(tmp_path), "--host", host])
    with pytest.raises(SystemExit) as caught:
        command.main()
    assert caught.value.code == 2
    assert command.KEYS[1] in capsys.readouterr().err


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_loopback(host: str) -> None:
    assert command.is_loopback(host)
