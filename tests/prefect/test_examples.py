"""The examples: the demo, which deploys and runs them as their prefect.yaml says; and what is not run."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prefect.cli.deploy._models import PrefectYamlModel

from tests.e2e.harness import ROOT
from tests.e2e.terminal import assert_nothing_is_left, read
from tests.prefect.harness import EXAMPLES
from tests.prefect.pulling import ELSEWHERE

# The others are run: test_code_from_git.py, test_code_from_buckets.py.
IN_FORM = ("image-built-by-prefect", "image-built-in-ci", "from-gcs")


RUN = re.compile(r"run +(http\S+/runs/flow-run/(\S+))")
OF_LAKEFS = re.compile(r"(?:commit|branch) +(http\S+/repositories/\S+)")
HEADLINES = {"PASS": "Passed", "FAIL": "Failed"}
REPORT = re.compile(r"report +(http\S+/checks/\S+)  (\w+)")


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Give an empty folder for temporary files; short, as the path of a socket may have 104 bytes."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="gt-") as outer:
        folder = Path(outer) / "t"
        folder.mkdir()
        yield folder


def test_the_demo_plays_and_its_links_lead_there(temporary: Path) -> None:
    """`make prefect-demo` at a terminal: the story, then each of the three links, then Ctrl-C."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("GATE_", "LAKECTL_", "PREFECT_"))}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.prefect.demo"],
        env={**clean, "TMPDIR": str(temporary), "TERM": "dumb"}, cwd=ROOT,
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in a shell's background
    )  # fmt: skip
    os.close(theirs)
    try:
        output = read(ours, process, "its links lead to what its API says", patience_s=1200)
        output += read(ours, process, ")", patience_s=60)
        assert process.poll() is None, output
        told = re.sub(r"\s+", " ", output)
        assert "All of it happened as it must" in told
        assert_links_lead_there(output, told)
        process.send_signal(signal.SIGINT)
        read(ours, process, "never shown")
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        os.close(ours)
    assert_nothing_is_left(temporary)


def assert_links_lead_there(output: str, told: str) -> None:
    """Hold that each run's links answer with the run, with what lakeFS has of it, and with its report."""
    runs, places, reports = RUN.findall(output), OF_LAKEFS.findall(output), REPORT.findall(output)
    assert len(runs) == len(places) == len(reports) == 5
    (token,) = re.findall(r"want the token (\S+)\)", told)
    ((key, secret),) = re.findall(r"API says, for (\w+):([\w-]+)\)", told)
    with httpx.Client(timeout=60, follow_redirects=True) as web:
        for (page, run), place, (report, verdict) in zip(runs, places, reports, strict=True):
            shown = web.get(page, headers={"Accept": "text/html"})  # as a browser, or it answers 404
            assert "Prefect" in shown.raise_for_status().text
            kept = web.get(f"{page.split('/runs/')[0]}/api/flow_runs/{run}").raise_for_status().json()
            assert kept["deployment_id"]
            found = web.get(place, auth=(key, secret)).raise_for_status().json()
            assert_is_the_report(web, report, verdict, token)
            if "/commits/" in place:
                assert verdict == "PASS"
                metadata = found["metadata"]
                assert run in (metadata["prefect_flow_run_id"], metadata.get("prefect_root_flow_run_id"))
                assert_is_the_report(web, metadata["::lakefs::Gate::url[url:ui]"], verdict, token)
                button = web.get(metadata["::lakefs::Prefect::url[url:ui]"], headers={"Accept": "text/html"})
                assert "Prefect" in button.raise_for_status().text
            else:
                assert verdict == "FAIL"
                assert found["results"]


def assert_is_the_report(web: httpx.Client, report: str, verdict: str, token: str) -> None:
    """Hold that a report's page opens with the token and says the verdict, as the API does."""
    base, check = report.split("/checks/")
    asked = web.get(f"{base}/api/v1/checks/{check}", headers={"Authorization": f"Bearer {token}"})
    assert asked.raise_for_status().json()["verdict"] == verdict
    page = web.get(report)
    if "/sign-in" in str(page.url):
        form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        page = web.post(f"{base}/sign-in", data={**form, "token": token})
    assert str(page.raise_for_status().url) == report
    assert f"<title>{HEADLINES[verdict]}" in page.text


@pytest.mark.parametrize("name", IN_FORM)
def test_what_is_not_run_is_of_prefects_form(name: str) -> None:
    """Each step is named, and nothing is misspelt that Prefect would pass over."""
    deployment = next(item for item in ELSEWHERE if item["name"] == name)
    model = PrefectYamlModel.model_validate({"deployments": [deployment]})
    (read,) = model.deployments
    assert set(deployment) <= set(type(read).model_fields)
    assert (EXAMPLES / read.entrypoint.split(":")[0]).is_file()
    for step in (*(read.build or ()), *(read.push or ()), *(read.pull or ())):
        ((name, given),) = step.items()
        assert re.fullmatch(r"prefect(_\w+)?\.deployments\.steps\.\w+", name)
        assert given
    assert Path(EXAMPLES / ".prefectignore").is_file()
