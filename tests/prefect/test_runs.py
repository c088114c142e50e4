"""What a commit says of the run that made it."""

from __future__ import annotations

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL, temporary_settings

from gate_client.prefect.runs import BUTTON, FLOW_RUN, commit_metadata

RUN = "38e5a34b-034d-4bb7-986a-3d496a05ce12"


@pytest.fixture(autouse=True)
def run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in a run, as Prefect lets tests be."""
    said = {"ID": RUN, "NAME": "n", "FLOW_NAME": "f", "PARENT_FLOW_RUN_ID": "", "ROOT_FLOW_RUN_ID": RUN}
    for name, value in said.items():
        monkeypatch.setenv(f"PREFECT__RUNTIME__FLOW_RUN__{name}", value)
    for name in ("DEPLOYMENT__NAME", "TASK_RUN__ID"):
        monkeypatch.setenv(f"PREFECT__RUNTIME__{name}", "")


def test_it_links_the_page_of_its_run() -> None:
    with temporary_settings({PREFECT_UI_URL: "https://prefect.example/ui"}):
        assert commit_metadata()[BUTTON] == f"https://prefect.example/ui/runs/flow-run/{RUN}"


def test_it_links_nothing_where_prefect_has_no_pages() -> None:
    with temporary_settings(restore_defaults={PREFECT_UI_URL, PREFECT_API_URL}):
        carried = commit_metadata()
    assert carried == {FLOW_RUN: RUN, "prefect_flow_run": "n", "prefect_flow": "f"}
