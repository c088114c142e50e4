"""README.md and docs/tutorial.md, block by block, as a reader types them.

Only what is a reader's own is put in: the lakeFS and its keys, the token that it has, the port. What installs
is not run: what it would install is what the tests run on.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local_lakefs.testing import RunningServer
from tests.e2e.blocks import LINTED, steps, walk
from tests.e2e.canaries import HOOK_TOKEN
from tests.e2e.harness import ROOT, free_port

TUTORIAL, README = ROOT / "docs" / "tutorial.md", ROOT / "README.md"
TOKENS = {
    "GATE_HOOK_TOKEN=$(openssl rand -hex 32)": f"GATE_HOOK_TOKEN={HOOK_TOKEN}",
    "GATE_API_TOKEN=$(openssl rand -hex 32)": "GATE_API_TOKEN=a-token-of-the-reader",
}


def test_the_tutorial(server: RunningServer, tmp_path: Path) -> None:
    port = str(free_port())
    own = {
        "http://localhost:8000": server.url,
        "AKIAEXAMPLE": server.access_key_id,
        "SECRET_ACCESS_KEY=secret": f"SECRET_ACCESS_KEY={server.secret_access_key}",
        **TOKENS,
        "gate serve": f"gate serve --port {port}",
        "localhost:8090": f"localhost:{port}",
    }
    walk(steps(TUTORIAL, "http://localhost:8090"), own, tmp_path)


def test_the_readme(server: RunningServer, tmp_path: Path) -> None:
    """Its five minutes, on a repository with a table of orders."""
    import lakefs

    repository = lakefs.Repository("my-repo", client=server.client).create(
        storage_namespace="local://my-repo"
    )
    rows = [f"{n},{'open' if n % 3 else 'shut'}" for n in range(1, 201)]
    repository.branch("main").object("orders/2026-01.csv").upload("\n".join(["id,status", *rows]).encode())
    repository.branch("main").commit("Orders")
    port = str(free_port())
    own = {
        "http://lakefs:8000": server.url,
        "ACCESS_KEY_ID=...": f"ACCESS_KEY_ID={server.access_key_id}",
        "SECRET_ACCESS_KEY=...": f"SECRET_ACCESS_KEY={server.secret_access_key}",
        **TOKENS,
        "gate serve --host 0.0.0.0": f"gate serve --port {port}",
        "http://this-machine:8090": f"http://127.0.0.1:{port}",
    }
    walk(steps(README, f"http://127.0.0.1:{port}"), own, tmp_path)


def test_what_they_install_is_what_there_is() -> None:
    text = TUTORIAL.read_text() + README.read_text()
    wanted = {extra for found in re.findall(r"lakefs-gate\[([\w,]+)\]", text) for extra in found.split(",")}
    project = (ROOT / "pyproject.toml").read_text()
    assert all(f"\n{extra} = [" in project for extra in wanted)


def test_a_block_that_nobody_looks_at_is_told(tmp_path: Path) -> None:
    (page := tmp_path / "page.md").write_text("```\ngate check\n```\n")
    with pytest.raises(ValueError, match="neither run nor linted"):
        steps(page, "")
    assert all((ROOT / test).exists() for test in LINTED.values())
