"""Pages of states too brief to be met over HTTP: the real app over a store filled by its own queries."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from gate_server.app import create_app, make_services
from gate_server.door.context import Services
from gate_server.model import Candidate, Check, Commit, Evaluation, Obligation, Plan, Problem, Result, Revert
from gate_server.policy.decide import could_not_tell, decide
from gate_server.settings import read_settings
from gate_server.store.times import now
from tests.e2e.harness import API_TOKEN, ROOT

NAMES = {"a": "a1" * 32, "b": "b2" * 32, "c": "c3" * 32}


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Give services over an empty store; no lakeFS is asked by a page."""
    monkeypatch.setenv("LAKECTL_SERVER_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "secret")
    policy = ROOT / "expectations" / "gate.yaml"
    return make_services(read_settings({}, data_dir=tmp_path, policy=policy, api_token=API_TOKEN))


@pytest.fixture
def reader(services: Services) -> FlaskClient:
    """Give a browser that is signed in."""
    client = create_app(services).test_client()
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/sign-in").text)
    assert found
    assert client.post("/sign-in", data={"csrf_token": found[1], "token": API_TOKEN}).status_code == 302
    return client


def commit(name: str) -> Commit:
    return Commit(NAMES[name], f"metarange-{name}")


def asked(services: Services, *, worker: str = "", source_name: str = "nightly") -> Check:
    candidate = Candidate("repo", "main", commit("a"), commit("b"), commit("c"))
    return services.store.checks.create(candidate, source_name, services.policy.digest, worker=worker)


def test_nothing_yet(reader: FlaskClient) -> None:
    page = reader.get("/").text
    assert "Nothing was judged yet." in page
    assert "Nothing was put back yet." in page


@pytest.mark.parametrize(("worker", "headline"), [("", "Waiting"), ("w", "Running")])
def test_a_running_check_looks_again(
    reader: FlaskClient, services: Services, worker: str, headline: str
) -> None:
    page = reader.get(f"/checks/{asked(services, worker=worker).id}").text
    assert f"</span>{headline}</h1>" in page
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
    assert "Passed" not in page


def test_no_plan(reader: FlaskClient, services: Services) -> None:
    check = asked(services, worker="w")
    problem = Problem("lakefs_unreachable", "lakeFS does not answer", "look whether it runs")
    assert services.store.checks.finish(
        check,
        verdict=could_not_tell(problem),
        plan=None,
        evaluations={},
        failure=problem,
        reusable=False,
        lakefs_calls=1,
    )
    page = reader.get(f"/checks/{check.id}").text
    assert "</span>Could not tell</h1>" in page
    assert "The merge is blocked until the gate can tell." in page
    assert "look whether it runs" in page
    assert "Took" in page


def test_marks_that_disguise_a_name_are_written_out(reader: FlaskClient, services: Services) -> None:
    name = "bad\u0000\u202e</code><script>"
    check = asked(services, worker="w", source_name=name)
    result = Result(0, "expect_x", success=False, message=f"`{name}` is missing", column=name, expected=name)
    plan = Plan((Obligation(0, "five-columns", name, ()),), rules=("five-columns",))
    evaluations = {0: Evaluation("answered", (result,), rows=1, columns=(name,))}
    verdict = decide(plan, evaluations, services.policy, now())
    assert services.store.checks.finish(
        check,
        verdict=verdict,
        plan=plan,
        evaluations=evaluations,
        failure=None,
        reusable=False,
        lakefs_calls=0,
    )
    for path in ("/", f"/checks/{check.id}"):
        answer = reader.get(path)
        assert answer.status_code == 200
        assert "bad\\u0000\\u202e&lt;/code&gt;&lt;script&gt;" in answer.text
        assert "<script>" not in answer.text  # ours have an address
    assert reader.get(f"/checks/{check.id}.json").get_json()["source_name"] == name


@pytest.mark.parametrize(
    ("state", "headline"),
    [
        ("planned", "Under way"),
        ("applied", "Applied"),
        ("verified", "Reverted"),
        ("moved", "The branch moved meanwhile"),
        ("unchanged", "Nothing to change"),
        ("refused", "Refused"),
        ("failed", "Failed"),
    ],
)
def test_every_state_of_a_revert(reader: FlaskClient, services: Services, state: str, headline: str) -> None:
    reverts = services.store.reverts
    revert = Revert(
        reverts.new_id(), "repo", "main", NAMES["a"], NAMES["b"], "", "planned", "said", notes=("noted",)
    )
    reverts.open(revert, "gate-revert-x")
    reverts.close(replace(revert, state=state))  # type: ignore[arg-type]
    page = reader.get(f"/reverts/{revert.id}").text
    assert f"</span>{headline}</h1>" in page
    assert "noted" in page
    assert "No reason was given." in page


def test_a_broken_database_is_told_without_its_details(reader: FlaskClient, services: Services) -> None:
    with services.store.engine.begin() as connection:
        connection.execute(text("DROP TABLE asks"))
        connection.execute(text("DROP TABLE checks"))
    answer = reader.get("/")
    assert answer.status_code == 503
    assert answer.content_type.startswith("text/html")
    assert "The gate cannot tell just now" in answer.text
    assert "SELECT" not in answer.text


def test_rows_over_time_and_nulls_are_plotted_from_the_record(
    reader: FlaskClient, services: Services
) -> None:
    made = []
    for number, rows in enumerate((1000, 12)):
        check = asked(services, worker="w")
        null = Result(
            0,
            "expect_x",
            True,
            "",
            column="<b>",
            element_count=rows,
            missing_count=number,
            unexpected_count=0,
        )
        plan = Plan((Obligation(0, "five-columns", "a.csv", ()),), rules=("five-columns",))
        evaluations = {0: Evaluation("answered", (null,), rows=rows, columns=("<b>",))}
        assert services.store.checks.finish(
            check,
            verdict=decide(plan, evaluations, services.policy, now()),
            plan=plan,
            evaluations=evaluations,
            failure=None,
            reusable=False,
            lakefs_calls=0,
        )
        made.append(check.id)
    first, second = (reader.get(f"/checks/{check}/rows-over-time").text for check in made)
    assert "No rows of an earlier check" in first
    assert "Rule five-columns: 12 rows; in the check before 1,000" in second
    assert f'href="/checks/{made[0]}"' in second
    page = reader.get(f"/checks/{made[1]}").text
    assert "Nulls by column" in page
    assert "8.3 %" in page
    assert "<b>" not in page
    assert "Nulls by column" not in reader.get(f"/checks/{made[0]}").text
    assert reader.get("/checks/none/rows-over-time").status_code == 404
