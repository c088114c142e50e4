"""A browser that looks at the gate's pages, and at what no page may do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.harness import API_TOKEN, ROOT, Gate

AXE = ROOT / ".venv" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
WIDE, NARROW = {"width": 1200, "height": 900}, {"width": 360, "height": 740}
IMAGES = os.environ.get("GATE_TEST_IMAGES", "")
PATIENCE_MS = 60_000


@dataclass
class Visit:
    """A browser's window on the gate, and what went wrong in it."""

    context: BrowserContext
    page: Page
    url: str
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen to what the page asks for and complains about."""
        host = urlsplit(self.url).netloc
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.on(
            "request",
            lambda request: urlsplit(request.url).netloc == host or self.wrong.append(f"asked {request.url}"),
        )
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"failed: {error}"))

    def _said(self, message: Any) -> None:
        # A refused form or a page that is not there is told by the browser too, and is what a test asks for.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.wrong.append(f"said {message.text}")

    def open(self, path: str) -> Page:
        """Open a page of the gate."""
        self.page.goto(self.url + path)
        return self.page

    def sign_in(self, token: str) -> None:
        """Sign in by the form."""
        self.open("/sign-in")
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("button", name="Sign out").wait_for()

    def look_for_barriers(self) -> list[str]:
        """Return what axe finds on the page, one line each."""
        found = self.page.evaluate(
            "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
        )
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    def is_wider_than_the_window(self) -> bool:
        """Whether one has to scroll sideways."""
        wide: bool = self.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        return wide

    def picture(self, name: str) -> None:
        """Take the page's picture, where somebody wants those."""
        if IMAGES:
            Path(IMAGES).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(IMAGES) / f"{name}.png")


class Visitors:
    """Opens windows."""

    def __init__(self, browser: Browser, gate: Gate) -> None:
        self._browser = browser
        self._gate = gate
        self._signed_in: dict[str, Any] = {}

    @contextmanager
    def visit(self, token: str = API_TOKEN, **options: Any) -> Iterator[Visit]:
        """Open a window, signed in where there is a `token`; at its end nothing may have gone wrong."""
        state = self._state(token) if token else None
        context = self._browser.new_context(
            storage_state=state, viewport=options.pop("viewport", WIDE), **options
        )
        if options.get("java_script_enabled", True):
            context.add_init_script(path=AXE)
        visit = Visit(context, context.new_page(), self._gate.url)
        try:
            yield visit
        finally:
            context.close()
        assert not visit.wrong, visit.wrong

    def _state(self, token: str) -> Any:
        if token not in self._signed_in:
            context = self._browser.new_context()
            visit = Visit(context, context.new_page(), self._gate.url)
            visit.sign_in(token)
            self._signed_in[token] = context.storage_state()
            context.close()
        return self._signed_in[token]
