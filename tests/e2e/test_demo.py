"""`gate demo` is a test by itself: here, that it runs, that it notices, and that it leaves nothing behind."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_lakefs.testing import RunningServer
from tests.e2e.blocks import blocks
from tests.e2e.harness import GATE_COMMAND, HOOK_TOKEN, ROOT, free_port
from tests.e2e.terminal import assert_nothing_is_left, read

TOLD = [
    "✔ in force",
    "the gate said PASS",
    "lakeFS answered 412",
    "the gate said FAIL: `_c4` is missing: 5 columns expected, 4 found (`_c0, _c1, _c2, _c3`)",
    "lakeFS merged without asking",
    "✔ verified",
    "lakefs_test.csv  36 bytes, equal",
    "All of it happened as it must",
]


def environment(temporary: Path, **more: str) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("GATE_", "LAKECTL_"))}
    return {**clean, "TMPDIR": str(temporary), **more}


def demo(
    temporary: Path, *arguments: str, cwd: Path | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GATE_COMMAND, "demo", *arguments],
        env=environment(temporary, **more),
        cwd=cwd or temporary.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Give an empty folder for temporary files; short, as the path of a socket may have 104 bytes."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="gt-") as outer:
        folder = Path(outer) / "t"
        folder.mkdir()
        yield folder


def test_the_demo_on_the_embedded_lakefs(temporary: Path) -> None:
    # What a user has set for another gate and lakeFS is none of its business.
    done = demo(temporary, LAKECTL_SERVER_ENDPOINT_URL="http://127.0.0.1:1", GATE_POLICY="nowhere.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [text for text in TOLD if text not in done.stdout] == []
    assert done.stdout.count("lakeFS answered 412") == 2
    assert done.stdout.count("(process ") == 2
    assert_nothing_is_left(temporary, done.stdout)
    (shown,) = (text for kind, text in blocks(ROOT / "README.md") if kind == "text demo")
    told = {alike(line) for line in done.stdout.splitlines()}
    assert [line for line in shown.splitlines() if "..." not in line and alike(line) not in told] == []


def alike(line: str) -> str:
    """Return a line with one word for each that has a digit, and one space for several."""
    return " ".join(re.sub(r"[\w.]*\d[\w.]*", "N", line).split())


def on(server: RunningServer) -> list[str]:
    return [
        "--lakefs-url", server.url, "--storage-namespace", "local://demos",
        "--public-url", f"http://127.0.0.1:{free_port()}",
    ]  # fmt: skip


def repositories(server: RunningServer) -> list[str]:
    import lakefs

    return [item.id for item in lakefs.repositories(client=server.client, prefix="gate-demo-")]


def test_the_demo_on_a_lakefs_of_ones_own(server: RunningServer, temporary: Path) -> None:
    done = demo(temporary, *on(server), **server.environment, GATE_HOOK_TOKEN=HOOK_TOKEN)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [text for text in TOLD if text not in done.stdout] == []
    assert_nothing_is_left(temporary, done.stdout)
    assert repositories(server) == []


def test_what_is_not_as_it_must_be_is_told(server: RunningServer, temporary: Path) -> None:
    """The lakeFS server has another token than the gate: nothing is in force, and the demo says so."""
    done = demo(temporary, *on(server), **server.environment, GATE_HOOK_TOKEN="another")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Not as it must be: `gate install` ended with 3" in done.stdout
    assert "LAKEFSACTION_GATE_TOKEN" in done.stdout
    assert "All of it happened" not in done.stdout
    assert_nothing_is_left(temporary, done.stdout)
    assert repositories(server) == []


def test_what_it_needs_for_a_lakefs_of_ones_own(server: RunningServer, temporary: Path) -> None:
    half = demo(temporary, "--lakefs-url", server.url)
    assert half.returncode == 2
    assert "--storage-namespace" in half.stderr
    no_token = demo(temporary, *on(server), **server.environment)
    assert no_token.returncode == 2
    assert "GATE_HOOK_TOKEN" in no_token.stderr


def test_in_a_terminal_it_stays_until_ctrl_c(temporary: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*GATE_COMMAND, "demo"], env=environment(temporary, TERM="dumb"), cwd=temporary.parent,
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in a shell's background
    )  # fmt: skip
    os.close(theirs)
    try:
        output = read(ours, process, "GATE_API_TOKEN=")
        assert process.poll() is None
        assert "sign in with" in output
        process.send_signal(signal.SIGINT)
        output += read(ours, process, "never shown")
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        os.close(ours)
    assert_nothing_is_left(temporary, output)


def test_when_it_is_told_to_end_it_ends_all(temporary: Path) -> None:
    log = temporary.parent / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*GATE_COMMAND, "demo"], env=environment(temporary), cwd=temporary.parent,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    deadline = time.monotonic() + 240
    while "gate install" not in log.read_text() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    assert_nothing_is_left(temporary, log.read_text())
