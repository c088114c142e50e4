"""Who may do what: the route table by role, limits, sessions, failures; and what a stolen token opens."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sqlite3
import ssl
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient
from lakefs.exceptions import ServerException
from sqlalchemy import text as sql
from werkzeug.test import TestResponse

from gate_client import GateClient, GateUnreachable
from gate_server.access import tokens as access
from gate_server.access.tokens import make_token
from gate_server.app import create_app, make_services
from gate_server.door.context import Services
from gate_server.door.roles import LEASED, NEEDS, PUBLIC
from gate_server.model import Candidate, Check, Commit, Revert, Role, Scope
from gate_server.settings import read_settings
from gate_server.store.times import now
from local_lakefs.testing import RunningServer
from tests.e2e.harness import (
    API_TOKEN,
    BAD,
    GOOD,
    HOOK_TOKEN,
    ROOT,
    Gate,
    World,
    container_health_check,
    gate_environment,
    run_gate,
    running_gate,
)

CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')
READS = {
    "GET /",
    "GET /history",
    "GET /policy",
    "GET /checks/<check_id>",
    "GET /checks/<check_id>.json",
    "GET /checks/<check_id>/report",
    "GET /checks/<check_id>/commit",
    "GET /checks/<check_id>/rows-over-time",
    "GET /reverts/<revert_id>",
    "GET /branches/<repository>/<branch>",
    "GET /branches/<repository>/<branch>/matches",
    "GET /api/v1/checks",
    "GET /api/v1/checks/<string:check_id>",
    "GET /api/v1/checks/<string:check_id>/report",
    "GET /api/v1/reverts",
    "GET /api/v1/reverts/<string:revert_id>",
    "GET /api/v1/policy",
    "GET /api/v1/audits",
    "GET /api/v1/waivers",
    "GET /api/v1/notices",
    "GET /metrics",
}
REVERT_PAGES = {
    "GET /branches/<repository>/<branch>/revert",
    "POST /branches/<repository>/<branch>/revert",
}
# Written out a second time, by address: what each role opens, and nothing else.
EXPECTED: dict[Role, set[str]] = {
    Role.HOOK: {"POST /hooks/lakefs"},
    Role.READER: READS,
    Role.CHECKER: READS | {"POST /api/v1/checks", "POST /checks/<check_id>/again"},
    Role.REVERTER: READS | {"POST /api/v1/reverts", "POST /api/v1/reapplications", *REVERT_PAGES},
    Role.SAMPLER: READS | {"POST /checks/<check_id>/rows"},
    Role.WORKER: READS | {"GET /api/v1/leases", "POST /api/v1/checks/<string:check_id>/lease"},
    Role.ADMIN: READS
    | {
        "POST /api/v1/checks",
        "POST /checks/<check_id>/again",
        "POST /checks/<check_id>/waivers",
        "POST /checks/<check_id>/rows",
        "GET /setup",
        "POST /setup",
        "GET /api/v1/leases",
        "POST /api/v1/checks/<string:check_id>/lease",
        "POST /api/v1/reverts",
        "POST /api/v1/reapplications",
        *REVERT_PAGES,
        "POST /api/v1/registrations",
        "PUT /api/v1/installations",
        "POST /api/v1/policy/reload",
        "GET /api/v1/tokens",
        "POST /api/v1/tokens",
        "DELETE /api/v1/tokens/<string:token_id>",
        "POST /api/v1/waivers",
        "DELETE /api/v1/waivers/<string:waiver_id>",
    },
}
# By the token of a lease alone, whatever role another token has.
OF_LEASES = {
    "GET /api/v1/checks/<string:check_id>/lease",
    "PUT /api/v1/checks/<string:check_id>/lease",
    "DELETE /api/v1/checks/<string:check_id>/lease",
    "POST /api/v1/checks/<string:check_id>/results",
}
OPEN = {
    "GET /healthz",
    "GET /readyz",
    "GET /openapi.json",
    "GET /assets/<path:filename>",
    "GET /sign-in",
    "POST /sign-in",
    "POST /sign-out",
}


@pytest.fixture
def lakefs_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKECTL_SERVER_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "secret")


MakeServices = Callable[..., Services]


@pytest.fixture
def services_with(tmp_path: Path, lakefs_is_away: None) -> MakeServices:
    """Give what makes services over an empty store; nothing here asks lakeFS."""

    def make(**settings: Any) -> Services:
        policy = ROOT / "expectations" / "gate.yaml"
        tokens = {"hook_token": HOOK_TOKEN, "api_token": API_TOKEN}
        return make_services(read_settings({}, data_dir=tmp_path, policy=policy, **tokens, **settings))

    return make


@pytest.fixture
def services(services_with: MakeServices) -> Services:
    return services_with()


def token(services: Services, *roles: Role, name: str = "ann", scope: Scope | None = None) -> str:
    return make_token(services.store.tokens, name, roles, scope or Scope(), created_by="tests")[1]


def client(services: Services, bearer: str = "") -> FlaskClient:
    found = create_app(services).test_client()
    if bearer:
        found.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {bearer}"
    return found


def sign_in(browser: FlaskClient, text: str, **more: Any) -> TestResponse:
    found = CSRF.search(browser.get("/sign-in", **more).text)
    assert found
    return browser.post("/sign-in", data={"csrf_token": found[1], "token": text}, **more)


def code(answer: Any) -> str:
    found: str = answer.get_json()["error"]["code"]
    return found


# -- the route table ----------------------------------------------------------------------------------


def routes(services: Services) -> dict[str, str]:
    """Return every route, as its method and rule, with its endpoint."""
    return {
        f"{method} {rule.rule}": rule.endpoint
        for rule in create_app(services).url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_has_a_role_or_is_open_on_purpose(services: Services) -> None:
    found = routes(services)
    assert set(found.values()) == set(NEEDS) | PUBLIC | LEASED
    assert len(set(NEEDS) | PUBLIC | LEASED) == len(NEEDS) + len(PUBLIC) + len(LEASED)
    assert {route for route, endpoint in found.items() if endpoint in LEASED} == OF_LEASES
    assert {route for route, endpoint in found.items() if endpoint in PUBLIC} == OPEN
    assert set(found) == OPEN | OF_LEASES | set().union(*EXPECTED.values())


@pytest.mark.parametrize("role", Role)
def test_each_role_opens_what_it_should_and_nothing_else(services: Services, role: Role) -> None:
    text = token(services, role)
    machine, browser = client(services, text), client(services)
    signed_in = sign_in(browser, text).status_code == 302
    opened = set()
    for route, endpoint in routes(services).items():
        if endpoint in PUBLIC:
            continue
        method, _, rule = route.partition(" ")
        path = re.sub(r"<[^>]+>", "x", rule)
        page = endpoint.startswith("web.")
        by = browser if page else machine
        answer = by.open(path, method=method, json=None if method == "GET" else {})
        if page and answer.status_code == 302:
            assert answer.location.startswith("/sign-in")
        elif answer.status_code == 403:
            assert page or code(answer) == "forbidden"
        elif endpoint in LEASED:
            assert (answer.status_code, code(answer)) == (401, "access_denied")
        else:
            assert answer.status_code in (200, 404, 422, 503), (route, answer.text)  # lakeFS is away
            opened.add(route)
    assert opened == EXPECTED[role]
    assert signed_in is (role is not Role.HOOK)


@pytest.mark.parametrize("given", ["", "wrong", "gate_" + "0" * 16 + "_" + "0" * 64])
def test_without_a_token_nothing_opens_but_what_is_open_on_purpose(
    services_with: MakeServices, given: str
) -> None:
    services = services_with(failures_per_min=1000)
    machine = client(services, given)
    for route, endpoint in routes(services).items():
        method, _, rule = route.partition(" ")
        answer = machine.open(re.sub(r"<[^>]+>", "x", rule), method=method, json={})
        if endpoint in PUBLIC:
            assert answer.status_code not in (401, 403), route
        elif endpoint.startswith("web."):
            assert (answer.status_code, answer.location.partition("?")[0]) == (302, "/sign-in"), route
        else:
            assert answer.status_code == 401, route
            assert code(answer) == "access_denied"
    assert machine.get("/api/v1/nothing").status_code == 401
    assert machine.get("/hooks/nothing").status_code == 401


def test_an_endpoint_that_names_no_role_opens_to_nobody(services: Services) -> None:
    app = create_app(services)
    app.add_url_rule("/api/v1/forgotten", "forgotten", lambda: "secret")
    answer = app.test_client().get("/api/v1/forgotten", headers={"Authorization": f"Bearer {API_TOKEN}"})
    assert (answer.status_code, code(answer)) == (403, "forbidden")


def test_two_roles_open_what_both_open(services: Services) -> None:
    machine = client(services, token(services, Role.CHECKER, Role.REVERTER))
    assert machine.post("/api/v1/checks", json={}).status_code == 422
    assert machine.post("/api/v1/reverts", json={}).status_code == 422
    assert machine.post("/api/v1/registrations", json={}).status_code == 403


# -- tokens by the API --------------------------------------------------------------------------------


def test_tokens_follow_each_other_without_a_gap(services: Services) -> None:
    admin = client(services, API_TOKEN)
    wanted = {"name": "ci", "roles": ["checker"]}
    first, second = (admin.post("/api/v1/tokens", json=wanted).get_json() for _ in range(2))
    assert first["token"]["created_by"] == "api"
    old, new = client(services, first["text"]), client(services, second["text"])
    assert [by.get("/api/v1/checks").status_code for by in (old, new)] == [200, 200]
    ended = admin.delete(f"/api/v1/tokens/{first['token']['id']}").get_json()
    assert ended["token"]["state"] == "revoked"
    assert [by.get("/api/v1/checks").status_code for by in (old, new)] == [401, 200]
    listed = admin.get("/api/v1/tokens").get_json()["tokens"]
    assert {item["id"]: item["state"] for item in listed} == {
        first["token"]["id"]: "revoked",
        second["token"]["id"]: "active",
    }
    assert listed[0]["last_used_at"] is not None
    assert admin.delete("/api/v1/tokens/nothing").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"roles": ["root"]},
        {"roles": []},
        {"roles": ["hook", "reader"]},
        {"name": "a b"},
        {"name": "api"},
        {"days": -1},
        {"days": 10_000},
        {"digest": "0" * 64},
        {"repositories": [""]},
    ],
)
def test_tokens_that_cannot_be(services: Services, wrong: dict[str, Any]) -> None:
    body = {"name": "ci", "roles": ["reader"], **wrong}
    assert client(services, API_TOKEN).post("/api/v1/tokens", json=body).status_code == 422
    assert services.store.tokens.listed() == []


def test_an_expired_token_opens_nothing(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    text = token(services, Role.READER)
    machine, browser = client(services, text), client(services)
    assert sign_in(browser, text).status_code == 302
    later = now() + timedelta(days=access.DEFAULT_DAYS)
    monkeypatch.setattr(access, "now", lambda: later)
    assert machine.get("/api/v1/checks").status_code == 401
    assert browser.get("/").status_code == 302
    assert sign_in(browser, text).status_code == 401


# -- sessions -----------------------------------------------------------------------------------------


def test_a_session_ends_with_its_token(services: Services) -> None:
    text = token(services, Role.READER)
    browser = client(services)
    assert sign_in(browser, text).status_code == 302
    home = browser.get("/")
    assert "Signed in as ann" in home.text
    cookie = browser.get_cookie("gate_session")
    assert cookie is not None
    assert text.rpartition("_")[2] not in cookie.decoded_value
    (kept,) = services.store.tokens.listed()
    services.store.tokens.revoke(kept.id)
    assert browser.get("/").status_code == 302
    ended = browser.get_cookie("gate_session")
    assert ended is None or ended.decoded_value != cookie.decoded_value


def test_an_old_session_is_not_believed(services: Services) -> None:
    app = create_app(services)
    app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(seconds=-1)
    browser = app.test_client()
    browser.set_cookie("gate_session", "x")
    found = CSRF.search(browser.get("/sign-in").text)
    assert found
    assert browser.post("/sign-in", data={"csrf_token": found[1], "token": API_TOKEN}).status_code == 400
    assert browser.get("/").status_code == 302


# -- limits of repositories and branches --------------------------------------------------------------


def check_of(services: Services, repository: str, destination: str) -> Check:
    commits = (Commit(letter * 64, f"metarange-{letter}") for letter in "abc")
    candidate = Candidate(repository, destination, *commits)
    return services.store.checks.create(candidate, "nightly", services.policy.digest)


@pytest.mark.parametrize(
    "scope", [Scope(("sales",)), Scope((), ("main",)), Scope(("s*",), ("ma*",)), Scope(("sales",), ("main",))]
)
def test_a_limited_token_sees_its_part_alone(services: Services, scope: Scope) -> None:
    mine, others = check_of(services, "sales", "main"), check_of(services, "hr", "payroll")
    for name, (repository, branch) in {"r1": ("sales", "main"), "r2": ("hr", "payroll")}.items():
        revert = Revert(name, repository, branch, "a" * 64, "b" * 64, "", "planned", "")
        services.store.reverts.open(revert, f"gate-revert-{name}")
    text = token(services, Role.READER, scope=scope)
    machine, browser = client(services, text), client(services)
    sign_in(browser, text)
    listed = machine.get("/api/v1/checks").get_json()["checks"]
    assert [item["check"] for item in listed] == [mine.id]
    assert machine.get("/api/v1/checks", query_string={"repository": "hr"}).get_json()["checks"] == []
    assert [item["id"] for item in machine.get("/api/v1/reverts").get_json()["reverts"]] == ["r1"]
    home = browser.get("/").text
    assert mine.id in home
    assert not any(word in home for word in (others.id, "payroll", "/reverts/r2"))
    for by, path in (
        (machine, "/api/v1/checks/{}"),
        (browser, "/checks/{}"),
        (browser, "/checks/{}.json"),
    ):
        assert by.get(path.format(mine.id)).status_code == 200
        theirs, none = by.get(path.format(others.id)), by.get(path.format("none"))
        assert theirs.status_code == 404
        assert re.sub(r'name="csrf_token"[^>]+', "", theirs.text.replace(others.id, "none")) == re.sub(
            r'name="csrf_token"[^>]+', "", none.text
        )
    for by, path in ((machine, "/api/v1/reverts/{}"), (browser, "/reverts/{}")):
        assert [by.get(path.format(name)).status_code for name in ("r1", "r2")] == [200, 404]


def test_a_limited_token_does_nothing_outside(services: Services) -> None:
    scope = Scope(("sales",), ("main",))
    machine = client(services, token(services, Role.ADMIN, scope=scope))
    hook = client(services, token(services, Role.HOOK, scope=scope))
    commit = "a" * 64
    for repository, branch in (("hr", "main"), ("sales", "dev"), ("sales-2", "main"), ("sales", "main/x")):
        asked = {"repository": repository, "source": "x", "destination": branch}
        put_back = {"repository": repository, "branch": branch, "to": "main~1"}
        event = {
            "event_type": "pre-merge",
            "repository_id": repository,
            "branch_id": branch,
            "source_ref": commit,
            "commit_id": commit,
        }
        installed = {"repository": repository, "branch": branch, "files": {}, "commit_id": commit}
        assert machine.post("/api/v1/checks", json=asked).status_code == 403
        assert machine.post("/api/v1/reverts", json=put_back).status_code == 403
        assert machine.put("/api/v1/installations", json=installed).status_code == 403
        assert hook.post("/hooks/lakefs", json=event).status_code == 403
        assert services.store.installations.files(repository, branch) is None
    registration = {"repository": "sales", "base_commit": commit, "source_commit": commit}
    assert machine.post("/api/v1/registrations", json=registration).status_code == 403
    assert not services.store.installations.is_registered("sales", commit, commit)
    assert machine.get("/api/v1/tokens").status_code == 403
    assert machine.post("/api/v1/tokens", json={"name": "x", "roles": ["admin"]}).status_code == 403
    assert machine.delete("/api/v1/tokens/x").status_code == 403
    assert len(services.store.tokens.listed()) == 2


def test_an_admin_of_a_repository_installs_there(services: Services) -> None:
    machine = client(services, token(services, Role.ADMIN, name="eve", scope=Scope(("sales",))))
    commit = "a" * 64
    registration = {"repository": "sales", "base_commit": commit, "source_commit": commit}
    assert machine.post("/api/v1/registrations", json=registration).status_code == 201
    assert machine.post("/api/v1/registrations", json={**registration, "repository": "hr"}).status_code == 403
    with services.store.engine.connect() as connection:
        assert connection.execute(sql("SELECT principal FROM registrations")).scalars().all() == ["eve"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_names_that_no_database_holds_are_not_there(
    services_with: MakeServices, kind: str, request: pytest.FixtureRequest
) -> None:
    database = {}
    if kind == "postgresql":
        database = {"database_url": request.getfixturevalue("postgres").new_database()}
    services = services_with(**database)
    machine, browser = client(services, API_TOKEN), client(services)
    sign_in(browser, API_TOKEN)
    for name in ("%00", "a%00b", "%F0%9F%92%A9", "a b", "x" * 3000, "%ED%A0%80"):
        for by, path in (
            (machine, "/api/v1/checks/"),
            (machine, "/api/v1/reverts/"),
            (browser, "/checks/"),
            (browser, "/reverts/"),
        ):
            assert by.get(path + name).status_code == 404, path + name
        assert machine.delete("/api/v1/tokens/" + name).status_code == 404
        listed = machine.get("/api/v1/checks?repository=" + name)
        assert listed.status_code in (200, 422)
        wanted = {"name": "ci", "roles": ["reader"], "repositories": ["a\x00"]}
        assert machine.post("/api/v1/tokens", json=wanted).status_code == 422
    services.store.engine.dispose()


# -- failures, proxies --------------------------------------------------------------------------------


def test_who_sends_wrong_tokens_has_to_wait_but_lakefs_does_not(services_with: MakeServices) -> None:
    services = services_with(failures_per_min=3)
    app = create_app(services)

    def ask(path: str, bearer: str, address: str = "10.0.0.1", **headers: str) -> TestResponse:
        return app.test_client().post(
            path,
            json={},
            headers={"Authorization": f"Bearer {bearer}", **headers},
            environ_base={"REMOTE_ADDR": address},
        )

    for _ in range(3):
        assert ask("/api/v1/checks", "wrong").status_code == 401
    late = ask("/api/v1/checks", API_TOKEN)
    assert (late.status_code, code(late)) == (429, "too_many_failures")
    assert 0 < int(late.headers["Retry-After"]) <= 60
    assert ask("/hooks/lakefs", "wrong").status_code == 429
    assert ask("/hooks/lakefs", HOOK_TOKEN).status_code == 422
    # Nobody trusted says where it comes from.
    assert ask("/api/v1/checks", API_TOKEN, **{"X-Forwarded-For": "10.9.9.9"}).status_code == 429
    assert ask("/api/v1/checks", API_TOKEN, "10.0.0.2").status_code == 422
    browser = app.test_client()
    refused = sign_in(browser, API_TOKEN, environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert refused.status_code == 429
    assert "Retry-After" in refused.headers
    assert "Too many wrong tokens" in refused.text
    assert sign_in(browser, API_TOKEN, environ_base={"REMOTE_ADDR": "10.0.0.2"}).status_code == 302


def test_failed_sign_ins_count(services_with: MakeServices) -> None:
    services = services_with(failures_per_min=2)
    browser = client(services)
    assert [sign_in(browser, "wrong").status_code for _ in range(3)] == [401, 401, 429]
    assert client(services, API_TOKEN).get("/api/v1/checks").status_code == 429


def test_behind_a_trusted_proxy(services_with: MakeServices) -> None:
    services = services_with(
        trusted_proxies=1, failures_per_min=1, public_url="https://example.org/quality/gate"
    )
    check = check_of(services, "sales", "main")
    machine = client(services)
    known = {"X-Forwarded-Prefix": "/quality/gate", "X-Forwarded-Proto": "https"}
    wrong = {**known, "Authorization": "Bearer wrong", "X-Forwarded-For": "1.1.1.1, 10.0.0.1"}
    right = {**known, "Authorization": f"Bearer {API_TOKEN}"}
    assert machine.get("/api/v1/checks", headers=wrong).status_code == 401
    # The last address is the proxy's word, those before it the caller's.
    assert machine.get("/api/v1/checks", headers={**right, "X-Forwarded-For": "10.0.0.1"}).status_code == 429
    answer = machine.get(f"/api/v1/checks/{check.id}", headers={**right, "X-Forwarded-For": "10.0.0.2"})
    assert answer.get_json()["report"] == f"https://example.org/quality/gate/checks/{check.id}"
    stranger = machine.get(f"/checks/{check.id}", headers=known)
    assert stranger.location == f"/quality/gate/sign-in?next=/checks/{check.id}"
    form = machine.get("/sign-in", query_string={"next": f"/checks/{check.id}"}, headers=known)
    assert 'action="/quality/gate/sign-in"' in form.text
    found = CSRF.search(form.text)
    assert found
    sent = {"csrf_token": found[1], "token": API_TOKEN, "next": f"/checks/{check.id}"}
    opened = machine.post("/sign-in", data=sent, headers=known)
    assert opened.location == f"/quality/gate/checks/{check.id}"
    assert "Secure" in opened.headers["Set-Cookie"]


# -- a stolen hook token (H10), on the real gate ------------------------------------------------------


def test_a_stolen_hook_token_neither_reads_nor_forges_nor_waives(gate: Gate, world: World) -> None:
    world.commit(world.main, {"lakefs_test.csv": GOOD})
    base = world.main.get_commit().id
    world.branch("theirs", lakefs_test_dot_csv=BAD)
    bad = gate.ask(world.name, "theirs")
    assert bad["verdict"] == "FAIL"
    stolen = gate.hooks
    # Neither reads ...
    for path in ("checks", f"checks/{bad['check']}", "reverts", "reverts/x", "tokens"):
        assert stolen.get(f"/api/v1/{path}").status_code == 403
    with httpx.Client(base_url=gate.url, timeout=60) as browser:
        found = CSRF.search(browser.get("/sign-in").text)
        assert found
        form = {"csrf_token": found[1], "token": HOOK_TOKEN}
        assert browser.post("/sign-in", data=form).status_code == 401
        assert browser.get(f"/checks/{bad['check']}").status_code == 302
    # ... nor waives: neither announces a change of the gate's files, nor makes itself a better token ...
    source = world.repository.branch("theirs").get_commit().id
    registration = {"repository": world.name, "base_commit": base, "source_commit": source}
    assert stolen.post("/api/v1/registrations", json=registration).status_code == 403
    assert stolen.post("/api/v1/tokens", json={"name": "x", "roles": ["admin"]}).status_code == 403
    terms = {"owner": "me", "reason": "none", "expires": "2099-01-01T00:00:00Z"}
    assert stolen.post("/api/v1/waivers", json={"check": bad["check"], **terms}).status_code == 403
    put_back = {"repository": world.name, "branch": "main", "to": base}
    assert stolen.post("/api/v1/reverts", json=put_back).status_code == 403
    # ... nor forges: what it has judged is what lakeFS holds, and the bad merge is refused as before.
    event = {
        "event_type": "pre-merge",
        "repository_id": world.name,
        "branch_id": "main",
        "source_ref": source,
        "commit_id": base,
        "verdict": "PASS",
        "allowed": True,
    }
    stolen.post("/hooks/lakefs", json=event)
    for commit_id in (source, "main", "f" * 64):
        forged = stolen.post("/hooks/lakefs", json={**event, "commit_id": commit_id}).json()
        assert forged["allowed"] is False
        assert set(forged) == {"allowed", "verdict", "check", "report", "summary", "reasons", "rules"}
    assert gate.ask(world.name, "theirs")["verdict"] == "FAIL"


# -- no token's text anywhere, and the command line ---------------------------------------------------


@pytest.fixture
def lonely(server: RunningServer, tmp_path: Path) -> dict[str, str]:
    """The environment of a gate that has no token yet."""
    given = gate_environment(server.environment, tmp_path / "data")
    return {name: value for name, value in given.items() if name not in ("GATE_HOOK_TOKEN", "GATE_API_TOKEN")}


def make_by_command(env: dict[str, str], *arguments: str) -> str:
    made = run_gate("tokens", "create", *arguments, env=env)
    assert made.returncode == 0, made.stderr
    assert "shown this once" in made.stderr
    return made.stdout.strip()


def test_no_tokens_text_is_kept_told_or_logged(server: RunningServer, world: World, tmp_path: Path) -> None:
    data = tmp_path / "data"
    texts: list[str] = []
    with running_gate(server.environment, data, GATE_LOG_LEVEL="debug") as gate:
        made = gate.api.post("/api/v1/tokens", json={"name": "ann", "roles": ["reader", "reverter"]}).json()
        by_command = make_by_command(gate.environment, "ci", "--role", "checker")
        hook = make_by_command(gate.environment, "lakefs", "--role", "hook")
        secrets = {made["text"], by_command, hook}
        wrong = {text[:-1] + ("0" if text[-1] != "0" else "1") for text in secrets}
        world.branch("new", lakefs_test_dot_csv=BAD)
        body = {"repository": world.name, "source": "new", "destination": "main"}
        for text in sorted(secrets | wrong):
            with httpx.Client(base_url=gate.url, timeout=60) as browser:
                headers = {"Authorization": f"Bearer {text}"}
                found = CSRF.search(browser.get("/sign-in").text)
                assert found
                answers = [
                    browser.post("/sign-in", data={"csrf_token": found[1], "token": text}),
                    browser.get("/"),
                    browser.get("/api/v1/checks", headers=headers),
                    browser.post("/api/v1/checks", json=body, params={"wait": 60}, headers=headers),
                    browser.post("/hooks/lakefs", json={}, headers=headers),
                    browser.get("/api/v1/tokens", headers=headers),
                ]
                texts += [answer.text + str(answer.headers) for answer in answers]
        texts.append(gate.api.get("/api/v1/tokens").text)
        texts.append(run_gate("tokens", "list", env=gate.environment).stdout)
        log = gate.log.read_bytes()
    assert b"refused" in log
    held = {file: file.read_bytes() for file in data.rglob("*") if file.is_file()}
    assert any(file.name == "gate.db" for file in held)
    parts = {part for text in secrets | wrong for part in (text, text.rpartition("_")[2])}
    parts |= {HOOK_TOKEN, API_TOKEN}
    assert [part for part in parts for content in held.values() if part.encode() in content] == []
    assert [part for part in parts for text in texts if part in text] == []
    with sqlite3.connect(data / "gate.db") as database:
        asks = database.execute("SELECT DISTINCT principal FROM asks WHERE kind = 'api'").fetchall()
    assert asks == [("ci",)]


def test_the_command_makes_lists_and_revokes(gate: Gate, lonely: dict[str, str]) -> None:
    for env in (lonely, {**gate.environment, "GATE_URL": gate.url}):
        text = make_by_command(
            env, "bea", "--role", "reader", "--repository", "sales", "--branch", "main", "--days", "3"
        )
        token_id = text.split("_")[1]
        listed = json.loads(run_gate("tokens", "list", "--json", env=env).stdout)["tokens"]
        (mine,) = [item for item in listed if item["id"] == token_id]
        assert (mine["name"], mine["roles"], mine["state"]) == ("bea", ["reader"], "active")
        assert mine["scope"] == {"repositories": ["sales"], "branches": ["main"]}
        assert "digest" not in mine
        table = run_gate("tokens", "list", env=env).stdout
        assert token_id in table
        assert text not in table
        assert run_gate("tokens", "revoke", token_id, env=env).returncode == 0
        assert "revoked" in run_gate("tokens", "list", env=env).stdout
        unknown = run_gate("tokens", "revoke", "nothing", "--json", env=env)
        assert (unknown.returncode, json.loads(unknown.stdout)["error"]["code"]) == (2, "not_found")
        both = run_gate("tokens", "create", "x", "--role", "hook", "--role", "admin", env=env)
        assert both.returncode == 2
        assert "no other role" in both.stderr


def test_a_gate_with_tokens_of_its_own_needs_none_in_settings(
    server: RunningServer, world: World, lonely: dict[str, str], tmp_path: Path
) -> None:
    refused = run_gate("serve", "--host", "0.0.0.0", "--port", "0", env=lonely)
    assert (refused.returncode, "must be set to listen" in refused.stderr) == (2, True)
    hook = make_by_command(lonely, "lakefs", "--role", "hook")
    halfway = run_gate("serve", "--host", "0.0.0.0", "--port", "0", env=lonely)
    assert (halfway.returncode, "GATE_API_TOKEN must be set" in halfway.stderr) == (2, True)
    admin = make_by_command(lonely, "root", "--role", "admin")
    short = run_gate("serve", "--host", "0.0.0.0", "--port", "0", env={**lonely, "GATE_API_TOKEN": "short"})
    assert (short.returncode, "at least" in short.stderr) == (2, True)
    settings = {"GATE_HOOK_TOKEN": "", "GATE_API_TOKEN": ""}
    with running_gate(server.environment, tmp_path / "data", **settings) as gate:

        def status(method: str, path: str, text: str) -> int:
            headers = {"Authorization": f"Bearer {text}"}
            return httpx.request(method, gate.url + path, headers=headers, json={}, timeout=60).status_code

        assert status("POST", "/hooks/lakefs", hook) == 422
        assert status("GET", "/api/v1/tokens", admin) == 200
        assert status("GET", "/api/v1/tokens", hook) == 403
        assert "made for this run only" not in gate.log.read_text()


def test_merges_go_on_with_a_token_that_follows_another(
    server: RunningServer, gate: Gate, world: World
) -> None:
    """The whole way of a rotation, through lakeFS: the hook's header is what changes."""
    texts = [make_by_command(gate.environment, "lakefs", "--role", "hook") for _ in range(2)]
    action = (
        "name: gate-pre-merge\non: {{pre-merge: {{branches: [main]}}}}\n"
        "hooks:\n  - id: gate\n    type: webhook\n"
        '    properties: {{url: {url}/hooks/lakefs, headers: {{Authorization: "Bearer {text}"}}}}\n'
    )
    for number, text in enumerate(texts):
        branch = world.repository.branch(f"good-{number}").create("main")
        content = action.format(url=gate.url, text=text).encode()
        world.commit(branch, {"_lakefs_actions/mine.yaml": content, "note.txt": str(number).encode()})
        branch.merge_into("main")
    first = texts[0].split("_")[1]
    assert run_gate("tokens", "revoke", first, env=gate.environment).returncode == 0
    world.branch("good-2", note_dot_txt=b"2").merge_into("main")
    late = world.repository.branch("late").create("main")
    content = action.format(url=gate.url, text=texts[0]).encode()
    world.commit(late, {"_lakefs_actions/mine.yaml": content})
    with pytest.raises(ServerException) as refused:
        late.merge_into("main")
    assert refused.value.status_code == 412


def test_tls_by_the_gate_itself(server: RunningServer, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subject = ["-subj", "/CN=gate", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run([*make, *subject, *files], check=True, capture_output=True)
    half = run_gate(
        "serve",
        "--port",
        "0",
        env=gate_environment(server.environment, tmp_path / "half", GATE_TLS_CERT=str(cert)),
    )
    assert (half.returncode, "must both be files" in half.stderr) == (2, True)
    context = ssl.create_default_context(cafile=str(cert))
    tls = {"GATE_TLS_CERT": str(cert), "GATE_TLS_KEY": str(key), "GATE_THREADS": "2"}
    with running_gate(server.environment, tmp_path / "data", verify=context, **tls) as gate:
        with httpx.Client(base_url=gate.url, verify=context) as browser:
            found = CSRF.search(browser.get("/sign-in").text)
            assert found
            opened = browser.post("/sign-in", data={"csrf_token": found[1], "token": API_TOKEN})
            assert opened.status_code == 302
            assert "Secure" in opened.headers["Set-Cookie"]
        with GateClient(gate.url, API_TOKEN, verify=context) as client:
            assert client.health().status == "ok"
        with GateClient(gate.url, API_TOKEN) as client, pytest.raises(GateUnreachable):
            client.health()
        with pytest.raises(httpx.TransportError):
            httpx.get(gate.url.replace("https:", "http:") + "/healthz")
        assert container_health_check(gate, **tls) == 0
        # Under TLS a thread reads, so more slow clients than threads: each holds one until its deadline.
        port = int(httpx.URL(gate.url).port or 0)
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        for client in slow:
            client.sendall(b"\x16\x03\x01\x02")
        assert httpx.get(f"{gate.url}/healthz", verify=context, timeout=120).status_code == 200
        for client in slow:
            client.settimeout(120)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
            client.close()
