"""Reports to keep, over HTTP and by command: the same verdict, in the form that was asked for."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import pytest

from tests.e2e.harness import BAD, Gate, World
from tests.e2e.test_page_states import asked, reader, services
from tests.e2e.test_pages import browser
from tests.e2e.test_pages import reader as signed_in

__all__ = ["browser", "reader", "services", "signed_in"]  # their fixtures


@pytest.fixture
def failed(gate: Gate, world: World) -> str:
    """Give the id of a check that failed."""
    world.branch("bad", lakefs_test_latest_file_dot_csv=BAD)
    return str(gate.ask(world.name, "bad")["check"])


def test_a_check_in_each_form(gate: Gate, failed: str) -> None:
    def report(form: str) -> httpx.Response:
        answer = gate.api.get(f"/api/v1/checks/{failed}/report", params={"format": form})
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"] == f'attachment; filename="gate-check-{failed}.{form}"'
        return answer

    assert report("json").json()["meta"]["gate"]["verdict"] == "FAIL"
    assert report("json").json()["success"] is False
    assert int(str(ET.fromstring(report("xml").content).get("failures"))) >= 1
    assert "_c4" in report("html").text
    assert gate.api.get(f"/api/v1/checks/{failed}/report", params={"format": "pdf"}).status_code == 422
    assert gate.api.get("/api/v1/checks/nope/report").status_code == 404


def test_a_browser_saves_what_the_page_links_to(signed_in: httpx.Client, failed: str) -> None:
    page = signed_in.get(f"/checks/{failed}").text
    for form in ("html", "xml", "json"):
        link = f"/checks/{failed}/report?format={form}"
        assert f'"{link}"' in page
        assert signed_in.get(link).status_code == 200
    assert signed_in.get(f"/checks/{failed}/report?format=pdf").status_code == 422


def test_half_a_check_has_no_report(services: object, reader: object) -> None:
    check = asked(services)  # type: ignore[arg-type]
    answer = reader.get(f"/checks/{check.id}/report")  # type: ignore[attr-defined]
    assert answer.status_code == 409
    assert "no verdict yet" in answer.text
    assert "To keep" not in reader.get(f"/checks/{check.id}").text  # type: ignore[attr-defined]


def test_by_command_through_the_gate_and_in_process(gate: Gate, failed: str, tmp_path: Path) -> None:
    there = gate.run("report", failed, "--format", "junit", "-o", str(tmp_path / "gate.xml"))
    assert there.returncode == 0, there.stderr
    assert "failure" in (tmp_path / "gate.xml").read_text()
    here = gate.run("report", failed, "--format", "json", GATE_URL="")
    assert here.returncode == 0, here.stderr
    assert json.loads(here.stdout)["meta"]["gate"]["check"] == failed
    docs = gate.run("report", failed, "--format", "data-docs", "-o", str(tmp_path / "docs"))
    assert docs.returncode == 0, docs.stderr
    assert "_c4" in (tmp_path / "docs" / "index.html").read_text()
    assert gate.run("report", "nope").returncode == 2
    assert gate.run("report", failed, "-o", str(tmp_path / "none" / "x")).returncode == 2
