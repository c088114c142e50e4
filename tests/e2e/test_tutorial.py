"""docs/tutorial.md, block by block: what a reader types, and what stands there as the answer.

Only what is a reader's own is put in: the lakeFS and its keys, the token that it has, the port. `pip install`
is not run: what it installs is what the tests run on.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local_lakefs.testing import RunningServer
from tests.e2e.canaries import HOOK_TOKEN
from tests.e2e.harness import ROOT, free_port

TUTORIAL = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)( background)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ANSWERS = """python -c "from urllib.request import urlopen; urlopen('{url}/readyz')" 2>/dev/null"""
STARTED = f"until {ANSWERS}; do sleep 0.2; done"


@dataclass
class Step:
    """A block to run, and the lines that it has to answer with."""

    script: str
    expected: list[str]


def steps(url: str) -> Iterator[Step]:
    """Yield the blocks in order, as scripts for one shell."""
    last: Step | None = None
    for language, background, text in BLOCK.findall(TUTORIAL.read_text()):
        if language == "text":
            assert last is not None
            last.expected += text.splitlines()
            continue
        if last is not None:
            yield last
        if language == "python":
            last = Step(f"python - <<'BLOCK'\n{text}BLOCK\n", [])
        elif background:
            last = Step(f"{text.strip()} > gate.log 2>&1 &\n{STARTED.format(url=url)}\n", [])
        else:
            assert language == "sh", language
            last = Step(
                re.sub(r"^(pip install|python3 -m venv|\. gate-venv).*$", ":", text, flags=re.MULTILINE), []
            )
    assert last is not None
    yield last


def matches(expected: str, output: str) -> bool:
    """Whether a line is in the output; `...` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("..."))
    return re.search(pattern, output) is not None


@pytest.fixture
def script(server: RunningServer, tmp_path: Path) -> tuple[str, list[Step]]:
    """Give one script of all blocks, a line before each that says which."""
    port = str(free_port())
    found = list(steps("http://localhost:8090"))
    text = "set -euo pipefail\ntrap 'kill $(jobs -p); wait' EXIT\n"
    text += "".join(f"echo '--- {number}'\n{step.script}" for number, step in enumerate(found))
    own = {
        "http://localhost:8000": server.url,
        "AKIAEXAMPLE": server.access_key_id,
        "SECRET_ACCESS_KEY=secret": f"SECRET_ACCESS_KEY={server.secret_access_key}",
        "GATE_HOOK_TOKEN=$(openssl rand -hex 32)": f"GATE_HOOK_TOKEN={HOOK_TOKEN}",
        "GATE_API_TOKEN=$(openssl rand -hex 32)": "GATE_API_TOKEN=a-token-of-the-tutorial",
        "gate serve": f"gate serve --port {port}",
        "localhost:8090": f"localhost:{port}",
    }
    for said, meant in own.items():
        assert said in text, said
        text = text.replace(said, meant)
    return text, found


def test_each_block_does_what_stands_below_it(script: tuple[str, list[Step]], tmp_path: Path) -> None:
    text, found = script
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("GATE_", "LAKECTL_"))}
    done = subprocess.run(
        ["bash", "-c", text],
        cwd=tmp_path,
        env={**clean, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answers = re.split(r"^--- \d+$", done.stdout, flags=re.MULTILINE)[1:]
    assert len(answers) == len(found)
    for step, answer in zip(found, answers, strict=True):
        missing = [line for line in step.expected if not matches(line, answer)]
        assert not missing, f"{step.script}\nanswered\n{answer}"


def test_what_it_installs_is_what_there_is() -> None:
    wanted = {
        extra
        for found in re.findall(r"lakefs-gate\[([\w,]+)\]", TUTORIAL.read_text())
        for extra in found.split(",")
    }
    project = (ROOT / "pyproject.toml").read_text()
    assert all(f"\n{extra} = [" in project for extra in wanted)
