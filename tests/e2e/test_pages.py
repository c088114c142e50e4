"""The pages, over HTTP: who gets in, what a check's page says, and that nothing on it is believed."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.harness import API_TOKEN, BAD, GOOD, HOOK_TOKEN, Gate, World

CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


@pytest.fixture
def browser(gate: Gate) -> Iterator[httpx.Client]:
    """A browser that nobody signed in with."""
    with httpx.Client(base_url=gate.url, timeout=60) as client:
        yield client


@pytest.fixture
def reader(browser: httpx.Client) -> httpx.Client:
    """A browser that is signed in."""
    assert sign_in(browser, API_TOKEN).status_code == 302
    return browser


def sign_in(browser: httpx.Client, token: str, target: str = "/", **changed: str) -> httpx.Response:
    form = browser.get("/sign-in", params={"next": target}).text
    found = CSRF.search(form)
    assert found
    sent = {"csrf_token": found[1], "next": target, "token": token, **changed}
    return browser.post("/sign-in", data=sent)


def text(page: httpx.Response) -> str:
    """Return a page's text as it is read."""
    body = re.sub(r"</?(wbr|code|bdi|a)\b[^>]*>", "", page.text.partition("<body>")[2])
    body = re.sub(r"<[^>]+>", " ", body)
    return " ".join(html.unescape(body).split())


# -- who gets in --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/checks/abc", "/checks/abc.json", "/reverts/abc"])
def test_a_stranger_is_asked_for_the_token(browser: httpx.Client, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 302
    assert httpx.URL(answer.headers["location"]).path == "/sign-in"
    assert httpx.URL(answer.headers["location"]).params["next"] == path


def test_the_token_is_asked_for_once(browser: httpx.Client) -> None:
    answer = sign_in(browser, f" {API_TOKEN}\n", "/?from=mail")
    assert (answer.status_code, answer.headers["location"]) == (302, "/?from=mail")
    assert browser.get("/").status_code == 200
    assert browser.get("/sign-in").headers["location"] == "/"


@pytest.mark.parametrize("token", ["wrong", "", HOOK_TOKEN, API_TOKEN + "x", API_TOKEN[:-1]])
def test_another_token_opens_nothing(browser: httpx.Client, token: str) -> None:
    answer = sign_in(browser, token)
    assert answer.status_code == 401
    assert "This token does not open the gate." in text(answer)
    assert not token or token not in answer.text
    assert browser.get("/").status_code == 302


def test_a_form_from_elsewhere_opens_nothing(browser: httpx.Client) -> None:
    assert browser.post("/sign-in", data={"token": API_TOKEN}).status_code == 400
    assert sign_in(browser, API_TOKEN, csrf_token="made-up").status_code == 400
    assert browser.get("/").status_code == 302


def test_signing_in_renews_the_session(browser: httpx.Client) -> None:
    browser.get("/sign-in")
    before = browser.cookies["gate_session"]
    answer = sign_in(browser, API_TOKEN)
    assert browser.cookies["gate_session"] != before
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert API_TOKEN not in cookie


def test_signing_out_ends_the_session(reader: httpx.Client) -> None:
    forged = reader.post("/sign-out")  # without the form's own mark
    assert (forged.status_code, "You are still signed in." in text(forged)) == (400, True)
    assert reader.get("/").status_code == 200
    found = CSRF.search(reader.get("/").text)
    assert found
    assert reader.post("/sign-out", data={"csrf_token": found[1]}).headers["location"] == "/sign-in"
    assert reader.get("/").status_code == 302
    again = reader.post("/sign-out", data={"csrf_token": found[1]})
    assert (again.status_code, "You are signed out." in text(again)) == (200, True)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/\t/evil.example",
        "http://[",
        "javascript:alert(1)",
        "/hooks/lakefs",
        "/api/v1/checks",
        "",
    ],
)
def test_signing_in_leads_nowhere_else(browser: httpx.Client, target: str) -> None:
    assert sign_in(browser, API_TOKEN, target).headers["location"] == "/"


def test_a_session_is_no_token(reader: httpx.Client) -> None:
    for answer in (reader.post("/hooks/lakefs", json={}), reader.get("/api/v1/checks")):
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "access_denied"


# -- what a check's page says -------------------------------------------------------------------------


def test_the_missing_column(reader: httpx.Client, gate: Gate, world: World) -> None:
    world.branch("late", lakefs_test_latest_file_dot_csv=BAD)
    verdict = gate.ask(world.name, "late")
    page = reader.get(httpx.URL(verdict["report"]).path)
    shown = text(page)
    assert page.status_code == 200
    assert "Failed" in shown
    assert "The merge would be refused." in shown
    assert "_c4 is missing: 5 columns expected, 4 found (_c0, _c1, _c2, _c3)" in shown
    assert "lakefs_test_latest_file.csv rule five-columns expect_table_columns_to_match_ordered_list" in shown
    assert "Expected have 5 columns Observed 4 columns (_c0, _c1, _c2, _c3)" in shown
    assert f"late → into main Repository {world.name}" in shown
    assert "http-equiv" not in page.text
    assert 'hx-trigger="every' not in page.text


def test_the_page_names_object_and_line(reader: httpx.Client, gate: Gate, world: World) -> None:
    rows = b"1,2,3,4,5\n1,2,3,4,\n1,2,3,4,5\n1,2,3,4,\n"
    world.branch("nulls", lakefs_test_dot_csv=rows)
    shown = text(reader.get(f"/checks/{gate.ask(world.name, 'nulls')['check']}"))
    assert "lakefs_test.csv lines 2, 4 rule five-columns" in shown
    assert "Expected hold no nulls Observed 2 of 4 values are null" in shown
    assert "2 of 4 (50 %)" in shown


def test_good_data(reader: httpx.Client, gate: Gate, world: World) -> None:
    world.branch("good", lakefs_test_dot_csv=GOOD, note_dot_txt=b"x")
    shown = text(reader.get(f"/checks/{gate.ask(world.name, 'good')['check']}"))
    assert "Passed All 7 expectations hold, on 1 object. The merge would be allowed." in shown
    assert "Changed paths 2, 1 of them matched by no rule" in shown


def test_no_rule_applies(reader: httpx.Client, gate: Gate, world: World) -> None:
    world.repository.branch("side").create("main")
    world.branch("free", lakefs_test_dot_csv=BAD)
    shown = text(reader.get(f"/checks/{gate.ask(world.name, 'free', 'side')['check']}"))
    assert "No rule applies to this repository and branch" in shown
    assert "Rules that apply none" in shown


def test_a_conflict_is_no_verdict(reader: httpx.Client, gate: Gate, world: World) -> None:
    world.branch("other", lakefs_test_dot_csv=GOOD)
    world.commit(world.main, {"lakefs_test.csv": GOOD * 2})
    shown = text(reader.get(f"/checks/{gate.ask(world.name, 'other')['check']}"))
    assert "Could not tell" in shown
    assert "The merge would be blocked until the gate can tell." in shown
    assert "the merge would conflict on lakefs_test.csv" in shown


def test_json_is_that_of_the_api(reader: httpx.Client, gate: Gate, world: World) -> None:
    world.branch("late", lakefs_test_dot_csv=BAD)
    check = gate.ask(world.name, "late")["check"]
    page = reader.get(f"/checks/{check}.json")
    assert page.json() == gate.api.get(f"/api/v1/checks/{check}").json()
    (validation,) = page.json()["validations"]
    assert validation["suite_name"] == "five_columns"
    assert validation["statistics"]["unsuccessful_expectations"] == 3


def test_no_cell_value_is_told(reader: httpx.Client, gate: Gate, world: World) -> None:
    header = "customer_id,email,country,signed_up\n"
    values = ["secret-mail", "Atlantis", "4711471147", "1999-09-09"]
    row = f"{values[2]},{values[0]},{values[1]},{values[3]}\n"
    world.commit(
        world.repository.branch("cells").create("main"), {"customers/a.csv": (header + row * 2).encode()}
    )
    answer = gate.ask(world.name, "cells")
    check = answer["check"]
    assert answer["verdict"] == "FAIL"
    told = reader.get(f"/checks/{check}").text + reader.get(f"/checks/{check}.json").text + str(answer)
    assert "customers/a.csv" in told
    assert [value for value in values if value in told] == []


def test_names_from_the_data_are_text(reader: httpx.Client, gate: Gate, world: World) -> None:
    path = "customers/<img src=x onerror=alert(1)>\u202egpj.csv"
    data = b'customer_id,<script>alert(1)</script>,"a""><b>",`x`\n1,2,3,4\n'
    world.commit(world.repository.branch("hostile").create("main"), {path: data})
    check = gate.ask(world.name, "hostile")["check"]
    page = reader.get(f"/checks/{check}")
    home = reader.get("/")
    for body in (page.text, home.text):
        assert not re.search(r"<script(?! src=\"/assets/)|<img src=x|<b>|\u202e", body)
        assert "&lt;img src=x onerror=alert(1)&gt;\\u202egpj.csv" in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text


def test_pages_bring_nothing_from_elsewhere(reader: httpx.Client, gate: Gate, world: World) -> None:
    world.branch("late", lakefs_test_dot_csv=BAD)
    page = reader.get(f"/checks/{gate.ask(world.name, 'late')['check']}")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert not re.search(r"<script(?! src=\"/)|<style|\sstyle=|\son[a-z]+=", page.text)
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        if address.startswith(html.escape(gate.environment["LAKECTL_SERVER_ENDPOINT_URL"])):
            continue  # a link to lakeFS, which nobody follows but who wants to
        assert address.startswith(("/", "#"))
        assert address.startswith("#") or reader.get(address).status_code == 200


def test_the_first_page_lists_the_newest(reader: httpx.Client, gate: Gate, world: World) -> None:
    world.branch("late", lakefs_test_dot_csv=BAD)
    check = gate.ask(world.name, "late")["check"]
    page = reader.get("/")
    assert page.text.index(f"/checks/{check}") < page.text.index("Reverts")
    assert f"FAIL late → into main in {world.name}" in text(page)


# -- errors -------------------------------------------------------------------------------------------


def test_errors_are_pages_for_people(reader: httpx.Client) -> None:
    for path, said in (
        ("/checks/nope", "there is no check nope"),
        ("/reverts/nope", "there is no revert nope"),
        ("/nowhere/<script>", "There is nothing here"),
    ):
        answer = reader.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")
        assert said in text(answer)
    assert reader.put("/").status_code == 405


def test_errors_are_json_for_machines(reader: httpx.Client, gate: Gate) -> None:
    assert reader.get("/checks/nope.json").json()["error"]["code"] == "not_found"
    assert gate.api.get("/api/v1/checks/nope").json()["error"]["code"] == "not_found"
    assert gate.api.get("/api/v1/nowhere").json()["error"]["code"] == "not_found"
    assert gate.hooks.get("/hooks/lakefs").json()["error"]["code"] == "method_not_allowed"


# -- reverts ------------------------------------------------------------------------------------------


def test_a_revert_says_what_who_why_and_the_way_back(reader: httpx.Client, gate: Gate, world: World) -> None:
    good = world.main.get_commit().id
    world.commit(world.main, {"lakefs_test.csv": BAD})
    bad = world.main.get_commit().id
    request = {"repository": world.name, "branch": "main", "to": good, "reason": "a <b>bad</b> file"}
    done = gate.api.post("/api/v1/reverts", json=request).json()["revert"]
    page = reader.get(f"/reverts/{done['id']}")
    shown = text(page)
    assert "Reverted" in shown
    assert "Who api" in shown
    assert "Why a <b>bad</b> file" in shown
    assert "<b>" not in page.text
    assert f"gate revert lakefs://{world.name}/main --to {bad}" in shown.partition("The way back")[2]
    assert f"Back to commit {good} New commit {done['commit_id']}" in shown
    assert f"VERIFIED main back to {good[:12]} in {world.name}" in text(reader.get("/"))
