"""Every page in a browser: light and dark, wide and narrow, with a keyboard, without scripts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.visiting import NARROW, WIDE, Visitors
from tests.e2e.harness import BAD, GOOD, Gate, World

LONG = "a-branch-with-a-name-that-goes-on-and-on-and-does-not-fit-on-a-phone-at-all-however-it-is-turned"
LONG_PATH = f"lakefs_test/{'deep/' * 20}{'an_endless_name_without_a_place_to_break' * 3}.csv"
HOSTILE = "<img src=x onerror=alert(1)>.csv"


@pytest.fixture(scope="module")
def pages(server: object, gate: Gate) -> dict[str, str]:
    """Give the addresses of pages by what they show, with what makes a page difficult."""
    world = World(server)  # type: ignore[arg-type]
    good = world.main.get_commit().id
    installed = {"repository": world.name, "branch": "main", "files": {}, "commit_id": good}
    assert gate.api.put("/api/v1/installations", json=installed).status_code == 200
    world.branch("nightly", lakefs_test_latest_file_dot_csv=BAD)
    world.branch("tidy", lakefs_test_dot_csv=GOOD)
    long = {f"customers/{name}.csv": b"customer_id,email\n1,\n" for name in ("x" * 180, HOSTILE)}
    world.commit(world.repository.branch(LONG).create("main"), long)
    found = {
        "failed": f"/checks/{gate.ask(world.name, 'nightly')['check']}",
        "passed": f"/checks/{gate.ask(world.name, 'tidy')['check']}",
        "long": f"/checks/{gate.ask(world.name, LONG)['check']}",
    }
    found["commit"] = f"{found['failed']}/commit"
    found["row-counts"] = f"{found['failed']}/rows-over-time"
    world.commit(world.main, {"lakefs_test.csv": GOOD})
    body = {"repository": world.name, "branch": "main", "to": good, "reason": "the wrong day’s file"}
    found["reverted"] = f"/reverts/{gate.api.post('/api/v1/reverts', json=body).json()['revert']['id']}"
    found["history"] = f"/history?repository={world.name}&rule=five-columns"
    found["branch"] = f"/branches/{world.name}/main"
    found["matches"] = f"{found['branch']}/matches"
    return found | {
        "policy": "/policy",
        "set-up": "/setup",
        "home": "/",
        "nothing": "/checks/nothing",
        "sign-in": "/sign-in",
    }


PICTURED = {"failed": "check", "home": "now", "history": "history"}  # for the documentation, by its names
NAMES = (
    "failed",
    "passed",
    "long",
    "commit",
    "row-counts",
    "reverted",
    "home",
    "history",
    "policy",
    "set-up",
    "branch",
    "matches",
    "nothing",
    "sign-in",
)


@pytest.mark.parametrize("name", NAMES)
def test_no_page_keeps_anybody_out(visitors: Visitors, pages: dict[str, str], name: str) -> None:
    token = {"token": ""} if name == "sign-in" else {}
    with visitors.visit(**token) as visit:
        for width, viewport in (("wide", WIDE), ("narrow", NARROW)):
            for scheme in ("light", "dark"):
                visit.page.set_viewport_size(viewport)  # type: ignore[arg-type]
                visit.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                visit.open(pages[name])
                visit.page.wait_for_load_state("networkidle")
                for folded in visit.page.locator("details").all():
                    folded.evaluate("element => { element.open = true }")
                assert not visit.look_for_barriers(), (name, width, scheme)
                assert not visit.is_wider_than_the_window(), (name, width)
                if (width, scheme) == ("wide", "light") and name in PICTURED:
                    visit.page.evaluate("scrollTo(0, 0)")
                    visit.picture(PICTURED[name])


def test_what_is_wrong_stands_first(visitors: Visitors, pages: dict[str, str]) -> None:
    with visitors.visit(viewport=NARROW) as visit:
        page = visit.open(pages["failed"])
        told = page.locator(".verdict")
        expect(told).to_be_in_viewport()
        expect(told).to_contain_text("_c4 is missing")
        expect(told).to_contain_text("lakefs_test_latest_file.csv")


def test_text_from_the_data_is_text(visitors: Visitors, pages: dict[str, str]) -> None:
    with visitors.visit() as visit:
        page = visit.open(pages["long"])
        expect(page.get_by_text(HOSTILE).first).to_be_attached()
        assert page.locator("img[src=x]").count() == 0


def test_who_made_it_is_fetched(visitors: Visitors, pages: dict[str, str]) -> None:
    with visitors.visit() as visit:
        expect(visit.open(pages["failed"]).get_by_text("a commit", exact=True)).to_be_visible()


def test_a_running_check_turns_into_its_verdict(
    visitors: Visitors, gate: Gate, world: World, held: Callable[[], None]
) -> None:
    world.branch("nightly", lakefs_test_latest_file_dot_csv=BAD)
    body = {"repository": world.name, "source": "nightly", "destination": "main"}
    check = gate.api.post("/api/v1/checks", json=body).json()["check"]
    with visitors.visit() as visit:
        page = visit.open(f"/checks/{check}")
        expect(page.locator(".verdict.running")).to_be_visible()
        held()
        expect(page.locator(".verdict.fail")).to_contain_text("_c4 is missing", timeout=60_000)
        expect(page.locator("#said")).to_have_text("Failed")
        visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy").click()
        copied = "async text => (await navigator.clipboard.readText()).startsWith(text)"
        page.wait_for_function(copied, arg=f"gate check lakefs://{world.name}/nightly --into main")
        expect(page.get_by_role("button", name="Run again")).to_be_visible()


def test_without_scripts_the_page_looks_again_too(
    visitors: Visitors, gate: Gate, world: World, held: Callable[[], None]
) -> None:
    world.branch("nightly", lakefs_test_latest_file_dot_csv=BAD)
    body = {"repository": world.name, "source": "nightly", "destination": "main"}
    check = gate.api.post("/api/v1/checks", json=body).json()["check"]
    with visitors.visit(java_script_enabled=False) as visit:
        page = visit.open(f"/checks/{check}")
        expect(page.locator(".verdict.running")).to_be_visible()
        held()
        expect(page.locator(".verdict.fail")).to_be_visible(timeout=60_000)


def test_judged_again_and_waived_by_keyboard(visitors: Visitors, gate: Gate, world: World) -> None:
    world.branch("nightly", lakefs_test_latest_file_dot_csv=BAD)
    path = f"/checks/{gate.ask(world.name, 'nightly')['check']}"
    with visitors.visit() as visit:
        page = visit.open(path)
        page.get_by_role("button", name="Run again").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Nothing changed since")).to_be_visible()
        page.get_by_text("Waive what failed").focus()
        page.keyboard.press("Enter")
        page.get_by_label("Who answers for it").fill("Ann")
        page.get_by_label("Why").fill("<b>known</b> since March")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Waived until")).to_be_visible()
        expect(page.locator(".verdict.warn")).to_contain_text("Passed with warnings")
        expect(page.get_by_text("Ann: <b>known</b> since March").first).to_be_visible()
    assert gate.ask(world.name, "nightly")["verdict"] == "WARN"


def test_the_rows_that_failed_are_shown_when_asked(visitors: Visitors, gate: Gate, world: World) -> None:
    rows = b"customer_id,email,country,signed_up\n1,a@b.example,CH,2020-01-01\n,c@d.example,<b>,2020-01-01\n"
    world.commit(world.repository.branch("rows").create("main"), {"customers/a.csv": rows})
    check = gate.ask(world.name, "rows")["check"]
    with visitors.visit() as visit:
        page = visit.open(f"/checks/{check}")
        page.get_by_role("button", name="Show rows of customer_id").first.click()
        expect(page.get_by_role("row", name="line 3")).to_contain_text("<b>")
        assert not visit.look_for_barriers()
        page.set_viewport_size(NARROW)  # type: ignore[arg-type]
        assert not visit.is_wider_than_the_window()


def test_the_first_page_is_live(
    visitors: Visitors, gate: Gate, world: World, held: Callable[[], None]
) -> None:
    world.branch("nightly", lakefs_test_latest_file_dot_csv=BAD)
    with visitors.visit() as visit:
        page = visit.open("/")
        body = {"repository": world.name, "source": "nightly", "destination": "main"}
        check = gate.api.post("/api/v1/checks", json=body).json()["check"]
        row = page.locator(f"#check-{check}")
        expect(row).to_contain_text("Running", timeout=60_000)
        row.focus()
        held()
        expect(row).to_contain_text("_c4 is missing", timeout=60_000)
        expect(row).to_be_focused()


def test_the_history_is_found_by_its_form_and_by_its_address(
    visitors: Visitors, gate: Gate, world: World
) -> None:
    world.branch("nightly", lakefs_test_latest_file_dot_csv=BAD)
    world.branch("tidy", lakefs_test_dot_csv=GOOD)
    bad, good = (gate.ask(world.name, name)["check"] for name in ("nightly", "tidy"))
    with visitors.visit() as visit:
        page = visit.open("/history")
        page.get_by_label("Repository").fill(world.name)
        page.get_by_label("Verdict").select_option("FAIL")
        page.get_by_role("button", name="Show").click()
        expect(page.locator(f"#check-{bad}")).to_be_visible()
        expect(page.locator(f"#check-{good}")).to_have_count(0)
        page.get_by_label("Rule").fill("five-columns")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("img")).to_be_visible()
        address = page.url
    with visitors.visit(java_script_enabled=False) as visit:
        page = visit.open(address.removeprefix(visit.url))
        expect(page.locator(f"#check-{bad}")).to_be_visible()
        expect(page.get_by_text("Names are taken as a whole")).to_have_count(0)


def test_the_set_up_is_looked_at_when_asked(visitors: Visitors, gate: Gate, world: World) -> None:
    """The gate is said to guard the branch, and nothing of it is there: lakeFS would ask nobody."""
    installed = {"repository": world.name, "branch": "main", "files": {}, "commit_id": "0" * 64}
    assert gate.api.put("/api/v1/installations", json=installed).status_code == 200
    with visitors.visit() as visit:
        page = visit.open("/setup")
        page.get_by_label("Guarded branches").select_option(world.name)
        page.get_by_role("button", name="Look", exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.locator(".verdict.fail")).to_contain_text("Something is wrong", timeout=240_000)
        expect(page.locator("#said")).to_have_text("Something is wrong")
        lacking = page.get_by_role("listitem").filter(has_text="The gate's action is missing on the branch")
        expect(lacking).to_contain_text("Fault")
        expect(lacking).to_contain_text(f"gate install lakefs://{world.name}/main")
        visit.picture("setup")
        assert not visit.look_for_barriers()
        page.set_viewport_size(NARROW)  # type: ignore[arg-type]
        assert not visit.is_wider_than_the_window()


def test_a_session_that_ended_is_not_taken_for_a_check(visitors: Visitors, gate: Gate, world: World) -> None:
    world.branch("nightly", lakefs_test_latest_file_dot_csv=BAD)
    check = gate.ask(world.name, "nightly")["check"]
    made = gate.api.post("/api/v1/tokens", json={"name": "brief", "roles": ["reader"]}).json()
    with visitors.visit(made["text"]) as visit:
        page = visit.open(f"/checks/{check}")
        expect(page.get_by_role("button", name="Run again")).to_have_count(0)
        expect(page.get_by_text("Waive what failed")).to_have_count(0)
        gate.api.delete(f"/api/v1/tokens/{made['token']['id']}")
        page.evaluate("htmx.ajax('GET', location.pathname, '#check')")
        expect(page.get_by_label("Token")).to_be_visible()
