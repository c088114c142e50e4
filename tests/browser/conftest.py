"""One embedded lakeFS, one gate and one Chromium for the whole run; data that people would look at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from local_lakefs.testing import RunningServer, lakefs_server
from tests.browser.visiting import Visitors
from tests.e2e.harness import HOOK_ENVIRONMENT, Gate, World, running_gate
from tests.e2e.holding import Way, holding_way


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Give the embedded lakeFS, as a process."""
    with lakefs_server(tmp_path_factory.mktemp("lakefs"), HOOK_ENVIRONMENT, allow_lua_http=True) as running:
        yield running


@pytest.fixture(scope="session")
def way(server: RunningServer) -> Iterator[Way]:
    """Give the way on which the gate reaches lakeFS."""
    with holding_way(server) as found:
        found.free.set()
        yield found


@pytest.fixture(scope="session")
def gate(way: Way, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Give a gate on that lakeFS, with the policy that users copy."""
    with running_gate(way.environment, Path(tmp_path_factory.mktemp("gate"))) as running:
        yield running


@pytest.fixture
def held(way: Way) -> Iterator[Callable[[], None]]:
    """Hold the reading of data; give what lets it go."""
    way.hold()
    yield way.free.set
    way.free.set()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Give a Chromium: the machine's, else Playwright's own."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def visitors(chromium: Browser, gate: Gate) -> Visitors:
    """Give what opens browsers that are signed in."""
    return Visitors(chromium, gate)


@pytest.fixture
def world(server: RunningServer) -> World:
    """Give an empty repository."""
    return World(server)
