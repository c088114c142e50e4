"""The notebooks of examples/, run as they are: real kernels, the embedded lakeFS, a running gate."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import lakefs
import nbformat
import pytest
from nbclient import NotebookClient

from local_lakefs.testing import RunningServer
from tests.e2e.canaries import API_TOKEN
from tests.e2e.harness import ROOT, Gate

FOLDER = ROOT / "examples" / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))
# What each is there to show, in the order in which it shows it.
SHOWN = {
    "1_existing_flow.ipynb": (
        "✔ in force",
        "2 rows imported; main holds ['nightly/lakefs_test.csv']",
        "✘ nightly/lakefs_test.csv: `_c4` is missing: 5 columns expected, 4 found",
        "report http",
        "1,2,3,4\n6,7,8,9",
        "1 removed, 0 changed, 0 added",
        "the way back: gate revert",
    ),
    "2_new_flow.ipynb": (
        "✔ in force",
        "pre-merge:",
        "✘ 412: update branch main: pre-merge hook aborted",
        "✘ lakefs_test.csv: `_c4` is missing: 5 columns expected, 4 found",
        "pre-merge of main failed",
        "✔ merged as",
        "1,2,3,4,5\n6,7,8,9,10\n",
    ),
    "3_environments.ipynb": (
        "✔ in force",
        "env-doubled",
        "100 → 200",
        "1 change not committed",
        "FAIL",
        "`order_id`: 200 of 200 values are not unique",
        "100 orders on main",
        "deleted lakefs://",
    ),
    "4_your_own_suite.ipynb": (
        "expectations from 60 rows",
        "expect_column_values_to_be_unique",
        "1 rules and their suites are fine",
        "payments would have blocked 1 of 3 commits",
        "exit code 1",
        "✘ FAIL",
        "`amount`",
        "exit code 1",
    ),
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_kept_without_what_a_run_leaves(name: str) -> None:
    notebook = nbformat.read(FOLDER / name, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert all(cell.metadata == {} for cell in notebook.cells)
    links = re.findall(r"\]\((?!http)([^)#]+)", "\n".join(cell.source for cell in notebook.cells))
    assert [link for link in links if not (FOLDER / link).exists()] == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(
    name: str,
    server: RunningServer,
    gate_on_sqlite: Gate,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    environment = {
        **server.environment,
        "GATE_URL": gate_on_sqlite.url,
        "GATE_API_TOKEN": API_TOKEN,
        "STORAGE_NAMESPACE": "local://notebooks",
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "IPYTHONDIR": str(tmp_path),
        "TMPDIR": str(tmp_path),
    }
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    notebook = nbformat.read(FOLDER / name, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=str(FOLDER))
    outputs = [item for cell in notebook.cells if cell.cell_type == "code" for item in cell.outputs]
    said = "".join(item.get("text", "") for item in outputs if item.output_type == "stream")
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said)
    place = 0
    for text in SHOWN[name]:
        found = said.find(text, place)
        assert found >= 0, f"{text!r} is not shown after:\n{said[:place]}\n---\n{said[place:]}"
        place = found
    assert list(lakefs.repositories(client=server.client, prefix=name[2:-6].replace("_", "-"))) == []
