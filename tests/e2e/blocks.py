"""The code blocks of a document as one shell script: what a reader types, and the answer below it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

BLOCK = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
# What is not run here, and who looks at it instead.
LINTED = {
    "yaml": "tests/unit/policy/test_schema.py",
    "sh elsewhere": "tests/unit/deploy/test_documented_commands.py",
    "text demo": "tests/e2e/test_demo.py",
}
# A reader's own set-up is what the tests run on.
INSTALLS = re.compile(r"^(pip install|python3 -m venv|make setup|\. \S*venv).*$", re.MULTILINE)
ANSWERS = """python -c "from urllib.request import urlopen; urlopen('{url}/readyz')" 2>/dev/null"""


@dataclass
class Step:
    """A block to run, and the lines that it has to answer with."""

    script: str
    expected: list[str] = field(default_factory=list)


def blocks(document: Path) -> Iterator[tuple[str, str]]:
    """Yield each block's language, with what stands behind it, and its text."""
    for _, kind, text in BLOCK.findall(document.read_text()):
        yield kind, dedent(text)


def steps(document: Path, url: str) -> list[Step]:
    """Return the blocks that are run, in order; raises `ValueError` for one that is neither run nor linted.

    Parameters
    ----------
    url
        Where the gate answers that a block starts in the background.
    """
    found: list[Step] = []
    for kind, text in blocks(document):
        if kind == "text":
            found[-1].expected += text.splitlines()
        elif kind == "python":
            found.append(Step(f"python - <<'BLOCK'\n{text}BLOCK\n"))
        elif kind == "sh background":
            started = f"until {ANSWERS.format(url=url)}; do kill -0 $!; sleep 0.2; done"
            found.append(Step(f"{text.strip()} > gate.log 2>&1 &\n{started}\n"))
        elif kind == "sh":
            found.append(Step(INSTALLS.sub(":", text)))
        elif kind not in LINTED:
            raise ValueError(
                f"{document.name}: a block of {kind or 'no language'} is neither run nor linted:\n{text}"
            )
    return found


def walk(found: list[Step], own: Mapping[str, str], folder: Path) -> None:
    """Run the steps in one shell, and hold their answers against what is expected.

    Parameters
    ----------
    own
        What a reader has of his own, such as lakeFS's address, by what stands for it in the document.
    """
    script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n"
    script += "".join(f"echo '--- {number}'\n{step.script}" for number, step in enumerate(found))
    for said, meant in own.items():
        assert said in script, said
        script = script.replace(said, meant)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("GATE_", "LAKECTL_"))}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**clean, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)},
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


def matches(expected: str, output: str) -> bool:
    """Whether a line is in the output; `...` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("..."))
    return re.search(pattern, output) is not None
