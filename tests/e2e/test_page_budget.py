"""A page's statements: as many for a thousand checks as for one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, insert, select

from gate_server.access.tokens import make_token
from gate_server.app import create_app
from gate_server.door.context import Services
from gate_server.model import Role, Scope
from gate_server.store.tables import checks, rule_outcomes
from gate_server.store.times import now
from tests.e2e.test_page_forms import CSRF, failed
from tests.e2e.test_page_states import reader, services

__all__ = ["reader", "services"]  # its fixtures

PAGES = ("/", "/history", "/history?rule=five-columns&verdict=FAIL&person=ann", "/policy")


def multiply(services: Services, check_id: str, count: int) -> None:
    """Copy a check `count` times, each a minute older than the one before."""
    with services.store.engine.begin() as connection:
        at = now()
        row = dict(connection.execute(select(checks).where(checks.c.id == check_id)).one()._mapping)
        copies = [
            {
                **row,
                "id": f"copy{number:06d}",
                "person": "ann",
                "created_at": at - timedelta(minutes=number),
            }
            for number in range(count)
        ]
        connection.execute(insert(checks), copies)
        connection.execute(
            insert(rule_outcomes),
            [
                {
                    "check_id": copy["id"],
                    "rule": "five-columns",
                    "outcome": "FAIL",
                    "repository": copy["repository"],
                    "branch": copy["destination"],
                    "day": f"{copy['created_at']:%Y-%m-%d}",
                    "created_at": copy["created_at"],
                }
                for copy in copies
            ],
        )


def statements(services: Services, browser: FlaskClient, path: str) -> int:
    """Return how many statements a page takes."""
    counted: list[str] = []

    def count(*found: Any) -> None:
        counted.append(found[2])

    event.listen(services.store.engine, "before_cursor_execute", count)
    try:
        assert browser.get(path).status_code == 200
    finally:
        event.remove(services.store.engine, "before_cursor_execute", count)
    return len(counted)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_takes_as_many_statements_for_many_checks(
    reader: FlaskClient, services: Services, path: str
) -> None:
    check = failed(services)
    few = statements(services, reader, path)
    multiply(services, check, 1000)
    assert statements(services, reader, path) <= few <= 12


def test_who_sees_little_of_much_goes_on_from_where_looking_ended(services: Services) -> None:
    check = failed(services)
    multiply(services, check, 6000)
    text = make_token(services.store.tokens, "ann", [Role.READER], Scope(("else",)), created_by="tests")[1]
    browser = create_app(services).test_client()
    found = CSRF.search(browser.get("/sign-in").text)
    assert found
    browser.post("/sign-in", data={"csrf_token": found[1], "token": text})
    page = browser.get("/history").text
    assert "Nothing was judged yet." in page
    assert 'rel="next"' in page
    assert browser.get("/policy").status_code == 403
    assert "five-columns" not in browser.get("/history?rule=five-columns").text.partition("<svg")[2]
