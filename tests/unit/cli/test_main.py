"""What `gate` imports, and what becomes of errors."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from gate_server.cli.main import COMMANDS, cli
from gate_server.cli.main import main as run

HEAVY = ["flask", "great_expectations", "httpx", "lakefs", "pandas", "pydantic", "rich", "sqlalchemy"]


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_help_imports_click_only() -> None:
    code = (
        "import sys; from gate_server.cli.main import main; code = main(['--help']);"
        f"print('LOADED', code, [name for name in {HEAVY} if name in sys.modules])"
    )
    done = python(code)
    assert "LOADED 0 []" in done.stdout
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert f"gate {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("module", "command", "extra"),
    [
        ("structlog", "['serve']", "server"),
        ("sqlalchemy", "['db', 'current']", "server"),
        ("lupa", "['local-lakefs', '--dir', 'unused']", "local"),
    ],
)
def test_a_missing_extra_is_named(module: str, command: str, extra: str) -> None:
    block = (
        "import sys, importlib.abc\n"
        "class Absent(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name.partition('.')[0] == {module!r}:\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
    )
    done = python(f"{block}from gate_server.cli.main import main\nsys.exit(main({command}))")
    assert done.returncode == 2
    assert f"pip install 'lakefs-gate[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "['check', 'lakefs://sales/x', '--into', 'main', '--server', 'http://127.0.0.1:1']",
        "['revert', 'lakefs://sales/main', '--to', 'main~1', '--server', 'http://127.0.0.1:1']",
        "['report', 'abc', '--server', 'http://127.0.0.1:1']",
        "['tokens', 'list', '--server', 'http://127.0.0.1:1']",
        "['env', 'list', 'lakefs://sales']",
    ],
)
def test_the_base_install_is_enough_for_commands_through_a_gate(command: str) -> None:
    block = (
        "import sys, importlib.abc, os\n"
        "os.environ.update(GATE_API_TOKEN='x', LAKECTL_SERVER_ENDPOINT_URL='http://127.0.0.1:1',\n"
        "    LAKECTL_CREDENTIALS_ACCESS_KEY_ID='x', LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY='x')\n"
        "class Absent(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name.partition('.')[0] in ('flask', 'sqlalchemy', 'structlog', 'ruamel', 'pandas',\n"
        "                'great_expectations', 'pyarrow', 'prometheus_client', 'lakefs', 'psutil'):\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
    )
    done = python(f"{block}from gate_server.cli.main import main\nsys.exit(main({command}))")
    assert done.returncode == 3, done.stderr
    assert "127.0.0.1:1 (ConnectError)" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        ["check"],
        ["check", "lakefs://sales/b"],
        ["check", "sales", "--into", "main"],
        ["revert", "lakefs://sales/main"],
        ["serve", "--port", "99999"],
        ["suites", "nope"],
    ],
)
def test_wrong_usage_is_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr().out == ""
    assert run([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"


def test_no_arguments_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Commands" in "".join(capsys.readouterr())


def test_an_unknown_setting_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATE_POLICCY", "x")
    assert run(["suites", "list"]) == 2
    error = capsys.readouterr().err
    assert "GATE_POLICCY" in error
    assert "GATE_POLICY" in error


def test_a_defect_has_no_traceback_unless_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(cli, "main", broken)
    assert run(["db"]) == 3
    assert "RuntimeError" in capsys.readouterr().err
    monkeypatch.setenv("GATE_LOG_LEVEL", "debug")
    with pytest.raises(RuntimeError, match="a defect"):
        run(["db"])


def test_commands_and_options_that_are_near_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctr"]) == 2
    assert "Did you mean 'doctor'?" in capsys.readouterr().err
    assert run(["check", "--inot", "main"]) == 2
    assert "'--into'" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_and_options(
    shell: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_GATE_COMPLETE={shell}_complete" in script
    if shell == "bash":
        assert subprocess.run(["bash", "-n", "-c", script], check=False).returncode == 0
    for words, expected in (("gate doct", "doctor"), ("gate check --int", "--into")):
        typed = words.split()
        monkeypatch.setenv("_GATE_COMPLETE", f"{shell}_complete")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", typed[-1] if shell == "fish" else str(len(typed) - 1))
        with pytest.raises(SystemExit):
            run([])
        assert expected in capsys.readouterr().out


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_can_be_switched_off(no_color: str, coloured: bool) -> None:
    ours, theirs = pty.openpty()
    environ = {**os.environ, "GATE_POLICCY": "x", "NO_COLOR": no_color, "TERM": "xterm"}
    command = [sys.executable, "-m", "gate_server.cli.main", "suites", "list"]
    done = subprocess.run(command, stderr=theirs, env=environ, check=False)
    os.close(theirs)
    shown = os.read(ours, 65536)
    os.close(ours)
    assert (done.returncode, b"error:" in shown, b"\x1b[" in shown) == (2, True, coloured)
