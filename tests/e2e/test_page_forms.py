"""The pages' forms: whose are believed, who may send them, what they do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gate_server.access.tokens import make_token
from gate_server.app import create_app
from gate_server.door.context import Services
from gate_server.model import Evaluation, Obligation, Plan, Result, Role, Scope
from gate_server.policy.decide import decide
from gate_server.store.times import now
from tests.e2e.test_page_states import asked, reader, services

__all__ = ["reader", "services"]  # its fixtures

CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


def csrf_of(browser: FlaskClient) -> str:
    found = CSRF.search(browser.get("/").text)
    assert found
    return found[1]


def browser_of(services: Services, role: Role, scope: Scope | None = None) -> FlaskClient:
    """Give a browser that is signed in with a token of one role."""
    text = make_token(services.store.tokens, "ann", [role], scope or Scope(), created_by="tests")[1]
    browser = create_app(services).test_client()
    found = CSRF.search(browser.get("/sign-in").text)
    assert found
    browser.post("/sign-in", data={"csrf_token": found[1], "token": text})
    return browser


def failed(services: Services) -> str:
    """Give the id of a check that failed."""
    check = asked(services, worker="w")
    result = Result(0, "expect_x", success=False, message="`a` is missing")
    plan = Plan((Obligation(0, "five-columns", "a.csv", ()),), rules=("five-columns",))
    evaluations = {0: Evaluation("answered", (result,), rows=1)}
    assert services.store.checks.finish(
        check,
        verdict=decide(plan, evaluations, services.policy, now()),
        plan=plan,
        evaluations=evaluations,
        failure=None,
        reusable=False,
        lakefs_calls=0,
    )
    return check.id


def send(browser: FlaskClient, path: str, **data: Any) -> TestResponse:
    return browser.post(path, data={"csrf_token": csrf_of(browser), **data})


TERMS = {"owner": "Ann", "reason": "known", "until": f"{now():%Y-%m-%d}"}


@pytest.mark.parametrize("mark", [{}, {"csrf_token": "x"}, {"csrf_token": ""}])
def test_a_form_from_elsewhere_does_nothing(
    reader: FlaskClient, services: Services, mark: dict[str, str]
) -> None:
    check = failed(services)
    for path in (f"/checks/{check}/again", f"/checks/{check}/waivers"):
        answer = reader.post(path, data={**TERMS, **mark})
        assert answer.status_code == 422
        assert "nothing was done" in answer.text
    assert services.store.waivers.listed() == []


def test_who_may_only_read_waives_and_asks_nothing(services: Services) -> None:
    check = failed(services)
    browser = browser_of(services, Role.READER)
    page = browser.get(f"/checks/{check}").text
    assert "Run again" not in page
    assert "Waive what failed" not in page
    for path in (f"/checks/{check}/again", f"/checks/{check}/waivers"):
        assert send(browser, path, **TERMS).status_code == 403
    assert services.store.waivers.listed() == []


def test_what_is_outside_the_limits_is_not_there(services: Services) -> None:
    check = failed(services)
    browser = browser_of(services, Role.ADMIN, Scope(repositories=("other",)))
    for path in (f"/checks/{check}/again", f"/checks/{check}/waivers"):
        assert send(browser, path, **TERMS).status_code == 404
    assert browser.get(f"/checks/{check}/commit").status_code == 404


def test_a_waiver_is_made_and_told(reader: FlaskClient, services: Services) -> None:
    check = failed(services)
    answer = send(reader, f"/checks/{check}/waivers", **TERMS)
    assert answer.location == f"/checks/{check}"
    page = reader.get(f"/checks/{check}").text
    assert "</span>Passed with warnings</h1>" in page
    assert "Ann: known" in page
    (waiver,) = services.store.waivers.listed()
    assert (waiver.rule, waiver.check_id, waiver.made_by) == ("five-columns", check, "api")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"owner": " "}, "owner"),
        ({"reason": ""}, "reason"),
        ({"reason": "a\0b"}, "reason"),
        ({"until": "soon"}, "until"),
        ({"until": "2000-01-01"}, "expires"),
        ({"until": "9999-12-31"}, "expires"),
        ({"until": "2999-12-31"}, "expires"),
    ],
)
def test_a_wrong_waiver_is_refused(
    reader: FlaskClient, services: Services, wrong: dict[str, str], said: str
) -> None:
    answer = send(reader, f"/checks/{failed(services)}/waivers", **{**TERMS, **wrong})
    assert (answer.status_code, said in answer.text) == (422, True)
    assert services.store.waivers.listed() == []


def test_lakefs_away_is_told_where_it_is_asked(reader: FlaskClient, services: Services) -> None:
    check = failed(services)
    assert reader.get(f"/checks/{check}").status_code == 200
    answer = reader.get(f"/checks/{check}/commit")
    assert (answer.status_code, "lakeFS does not answer" in answer.text) == (200, True)
    assert send(reader, f"/checks/{check}/again").status_code == 503


def test_a_revert_asked_for_in_another_way_does_nothing(reader: FlaskClient, services: Services) -> None:
    path = "/branches/repo/main/revert"
    assert reader.post(path, data={"to": "main~1", "reason": "x"}).status_code == 422  # no mark
    for wrong in ({}, {"to": "a", "commit": "b"}, {"to": "x" * 2000}):
        assert send(reader, path, reason="x", **wrong).status_code == 422
        assert reader.get(path, query_string=wrong).status_code == 422
    assert send(reader, path, to="main~1").status_code == 422  # no reason
    assert send(reader, path, to="main~1", reason="x").status_code == 503  # lakeFS is away
    assert services.store.reverts.listed() == []


def test_who_may_only_read_reverts_nothing(services: Services) -> None:
    browser = browser_of(services, Role.CHECKER)
    for path in ("/branches/repo/main/revert?to=main~1", "/branches/repo/main/revert"):
        assert browser.get(path).status_code == 403
    assert send(browser, "/branches/repo/main/revert", to="main~1", reason="x").status_code == 403
    limited = browser_of(services, Role.REVERTER, Scope(branches=("dev",)))
    assert limited.get("/branches/repo/main").status_code == 404
    assert send(limited, "/branches/repo/main/revert", to="main~1", reason="x").status_code == 403
    assert services.store.reverts.listed() == []


def test_a_history_that_is_none_is_told(reader: FlaskClient) -> None:
    for wrong in ({"since": "soon"}, {"until": "9999-12-31"}, {"verdict": "MAYBE"}):
        assert reader.get("/history", query_string=wrong).status_code == 422
    for odd in ({"after": "gone"}, {"after": "\0"}, {"person": "\0"}):
        assert reader.get("/history", query_string=odd).status_code == 200
    assert reader.get("/history?rule=%ED%A0%80").status_code == 200  # half a character


def test_the_policy_as_sentences(reader: FlaskClient) -> None:
    page = reader.get("/policy").text
    assert "<code>customer_id</code> should hold no nulls" in page
    assert "the table should have the columns" in page
