"""The whole of a revert in a browser, by keyboard alone and without scripts; and two at once."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.visiting import NARROW, Visitors
from tests.e2e.harness import BAD, GOOD, Gate, World

REASON = "the wrong day’s file <i>"


def spoilt(world: World) -> tuple[str, str]:
    """Give main a good commit and a bad one; return both."""
    world.commit(world.main, {"lakefs_test.csv": GOOD}, "a good day")
    good = world.main.get_commit().id
    world.commit(world.main, {"lakefs_test.csv": BAD, "more/of_it.csv": BAD}, "a bad day")
    return good, world.main.get_commit().id


def press(page: Page, name: str) -> None:
    """Go to a link or a button with the tabulator alone, and press it."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = "document.activeElement.ariaLabel || document.activeElement.textContent.trim()"
        if page.evaluate(focused).startswith(name):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"no key leads to {name}")


def test_main_goes_back_and_comes_again_by_keyboard(visitors: Visitors, world: World) -> None:
    good, bad = spoilt(world)
    with visitors.visit() as visit:
        page = visit.open(f"/branches/{world.name}/main")
        expect(page.get_by_text("a bad day")).to_be_visible()
        assert not visit.look_for_barriers()
        press(page, f"Back to here, commit {good[:12]}")
        expect(page.get_by_text("2 objects: 0 come back (0 bytes), 1 change")).to_be_visible()
        assert not visit.look_for_barriers()
        visit.picture("revert")
        page.get_by_label("Why").focus()
        page.keyboard.type(REASON)
        page.keyboard.press("Enter")
        expect(page.locator(".verdict.pass")).to_contain_text("Reverted")
        expect(page.get_by_text(REASON).first).to_be_visible()
        assert world.contents("main") == {"lakefs_test.csv": GOOD}
        press(page, "Undo this revert")
        page.get_by_label("Why").focus()
        page.keyboard.type("it was right after all")
        page.keyboard.press("Enter")
        expect(page.locator(".verdict.pass")).to_contain_text("Reverted")
    assert world.contents("main") == world.contents(bad)


def test_without_scripts_on_a_phone(visitors: Visitors, world: World) -> None:
    _, bad = spoilt(world)
    with visitors.visit(java_script_enabled=False, viewport=NARROW) as visit:
        page = visit.open(f"/branches/{world.name}/main")
        page.get_by_role("link", name=f"Undo this one, commit {bad[:12]}").click()
        page.get_by_label("Why").fill(REASON)
        page.get_by_role("button", name="Undo a commit of main").click()
        expect(page.locator(".verdict.pass")).to_contain_text("Reverted")
    assert world.contents("main") == {"lakefs_test.csv": GOOD}


def test_nothing_is_too_wide_for_a_phone(visitors: Visitors, world: World) -> None:
    good, _ = spoilt(world)
    world.commit(world.main, {f"{'deep/' * 30}x.csv": GOOD}, "w" * 300)
    with visitors.visit(viewport=NARROW, color_scheme="dark") as visit:
        for path in ("", f"/revert?to={good}"):
            visit.open(f"/branches/{world.name}/main{path}")
            assert not visit.is_wider_than_the_window()
            assert not visit.look_for_barriers()


def test_two_at_once_make_one_and_both_are_told(visitors: Visitors, gate: Gate, world: World) -> None:
    good, _ = spoilt(world)
    with visitors.visit() as first, visitors.visit() as second:
        for visit in (first, second):
            visit.open(f"/branches/{world.name}/main/revert?to={good}")
            visit.page.get_by_label("Why").fill("twice")
        for visit in (first, second):
            visit.page.get_by_role("button", name="Put main back").click()
        expect(first.page.locator(".verdict.pass")).to_contain_text("Reverted")
        expect(second.page.get_by_role("alert")).to_contain_text("Nothing was done. main moved")
        expect(second.page.get_by_text("Nothing to change")).to_be_visible()
        # Back, and the same form once more: it was done, and is told so.
        first.page.go_back()
        expect(first.page.get_by_text("Nothing to change")).to_be_visible()
    query = {"repository": world.name}
    assert len(gate.api.get("/api/v1/reverts", params=query).json()["reverts"]) == 1


def test_who_may_only_read_sees_no_way_to_revert(visitors: Visitors, gate: Gate, world: World) -> None:
    good, _ = spoilt(world)
    made = gate.api.post("/api/v1/tokens", json={"name": "reading", "roles": ["reader"]}).json()
    with visitors.visit(made["text"]) as visit:
        page = visit.open(f"/branches/{world.name}/main")
        expect(page.get_by_text("a bad day")).to_be_visible()
        expect(page.get_by_text("Back to here")).to_have_count(0)
        page.goto(f"{visit.url}/branches/{world.name}/main/revert?to={good}")
        expect(page.get_by_text("This is not open to you")).to_be_visible()
