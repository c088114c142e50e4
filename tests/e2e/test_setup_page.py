"""The set-up page: who may have it looked at, what it tells, and that one look goes on at a time."""

from __future__ import annotations

import re
from dataclasses import replace
from threading import Event

import pytest
from flask.testing import FlaskClient

from gate_server.app import create_app
from gate_server.door.context import Services
from gate_server.errors import ConfigError
from gate_server.lakefs.client import LakeFS
from gate_server.model import Role, Scope
from gate_server.setup.doctor import Examiner, Ground
from tests.e2e.harness import API_TOKEN, until
from tests.e2e.test_page_forms import browser_of, csrf_of
from tests.e2e.test_page_states import reader, services

__all__ = ["reader", "services"]  # its fixtures


def ground_of(services: Services, connect: object = None) -> Ground:
    """Return what is looked at, without the suites' own lint, which takes a child."""
    return Ground(
        services.settings,
        connect or services.lakefs.with_timeout,  # type: ignore[arg-type]
        lambda: services.policy,
        lambda uses: [()] * len(uses),
    )


def look(browser: FlaskClient, repository: str = "") -> str:
    """Have it looked at; return the page once that is done."""
    sent = browser.post("/setup", data={"csrf_token": csrf_of(browser), "repository": repository})
    assert sent.status_code == 303, sent.text
    until(lambda: "this page looks again" not in browser.get("/setup").text)
    return browser.get("/setup").text


@pytest.fixture
def examined(services: Services) -> Services:
    return replace(services, examiner=Examiner(ground_of(services)))


def test_nothing_is_looked_at_before_somebody_asks(reader: FlaskClient, services: Services) -> None:
    page = reader.get("/setup").text
    assert "Nobody has looked since the gate was started." in page
    assert services.examiner.last is None


def test_what_could_not_be_looked_at_is_never_told_as_fine(examined: Services) -> None:
    examined.store.installations.record("sales", "main", {}, "0" * 64)
    examined.store.installations.record("other", "main", {}, "0" * 64)
    admin = browser_of(examined, Role.ADMIN)
    page = look(admin, "sales")
    assert "Something is wrong" in page  # no lakeFS, no worker
    assert "lakeFS is not set, or does not answer" in page
    assert "check LAKECTL_SERVER_ENDPOINT_URL" in page
    assert "<h2>lakefs://sales/main</h2>" in page
    assert "other/main" not in page
    of_branch = page.partition("<h2>lakefs://sales/main</h2>")[2]
    assert "Could not look" in of_branch
    assert set(re.findall(r"(D\d+)</span>|(D\d+):", of_branch))
    assert all(secret not in page for secret in (API_TOKEN, ">secret<"))


def test_a_defect_is_told_and_nothing_is_in_order(services: Services) -> None:
    def connect(timeout_s: float) -> LakeFS:
        raise RuntimeError("a defect")

    broken = replace(services, examiner=Examiner(ground_of(services, connect)))
    page = look(browser_of(broken, Role.ADMIN))
    assert "Not all could be looked at" in page
    assert "The look broke off by a defect" in page
    assert "a defect" not in page.replace("by a defect", "")


def test_one_look_at_a_time(services: Services) -> None:
    asked, goes_on = Event(), Event()

    def connect(timeout_s: float) -> LakeFS:
        asked.set()
        assert goes_on.wait(60)
        raise ConfigError("lakeFS is not set")

    held = replace(services, examiner=Examiner(ground_of(services, connect)))
    admin = browser_of(held, Role.ADMIN)
    form = {"csrf_token": csrf_of(admin), "repository": ""}
    try:
        assert admin.post("/setup", data=form).status_code == 303
        assert asked.wait(60)
        begun = held.examiner.last
        assert "is having it looked at just now: this is it" in admin.post(
            "/setup", data=form, follow_redirects=True
        ).text.replace("\n", " ")
        assert held.examiner.last is begun
        page = admin.get("/setup").text
        assert 'hx-trigger="every 1s"' in page
        assert "Something is wrong" not in page
    finally:
        goes_on.set()
    until(lambda: "Something is wrong" in admin.get("/setup").text)


def test_it_is_for_admins_without_limits(services: Services) -> None:
    for role in set(Role) - {Role.ADMIN, Role.HOOK}:
        browser = browser_of(services, role)
        assert browser.get("/setup").status_code == 403
        assert browser.post("/setup", data={"csrf_token": csrf_of(browser)}).status_code == 403
        assert "/setup" not in browser.get("/").text
    limited = browser_of(services, Role.ADMIN, Scope(("sales",)))
    assert limited.get("/setup").status_code == 403
    assert limited.post("/setup", data={"csrf_token": csrf_of(limited)}).status_code == 403
    assert "/setup" not in limited.get("/").text
    assert services.examiner.last is None


def test_what_nobody_guards_is_not_looked_at(reader: FlaskClient, services: Services) -> None:
    form = {"csrf_token": csrf_of(reader), "repository": "nowhere"}
    assert reader.post("/setup", data=form).status_code == 404
    assert reader.post("/setup", data={"repository": ""}).status_code == 422  # a form of elsewhere
    assert services.examiner.last is None
    assert create_app(services).test_client().post("/setup").status_code == 302
