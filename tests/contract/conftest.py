"""What lakeFS does, as tests. Each carries the ids of the facts that it holds.

They run against the embedded server, and against a real one as well when `GATE_TEST_LAKEFS_URL`,
`GATE_TEST_LAKEFS_ACCESS_KEY_ID` and `GATE_TEST_LAKEFS_SECRET_ACCESS_KEY` are set. The real one must be a
development server on this machine (webhooks come to loopback) with a local block store,
`actions.lua.net_http_enabled: true` and `LAKEFSACTION_CONTRACT=contract-value` in its environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from local_lakefs.testing import lakefs_server
from tests.contract.answered import ANSWERED, unproven
from tests.contract.harness import Lakefs, Repository
from tests.contract.webhooks import Receiver, receiver

FOLDER = Path(__file__).parent
REAL_URL = os.environ.get("GATE_TEST_LAKEFS_URL", "")
KINDS = ["embedded", "real"] if REAL_URL else ["embedded"]
HOOK_ENVIRONMENT = {"LAKEFSACTION_CONTRACT": "contract-value", "OTHER_SECRET": "not-for-hooks"}


UNPROVEN = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "behaviour(*ids): the facts about lakeFS that the test holds")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Gather what the tests of one of pytest-xdist's workers had answered."""
    ANSWERED.update(tuple(answer) for answer in getattr(node, "workeroutput", {}).get("answered", []))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hold the page's table of operations against what was answered, when the whole suite ran and passed."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["answered"] = sorted(ANSWERED)
    elif session.exitstatus == pytest.ExitCode.OK and _is_whole(session.config):
        session.config.stash[UNPROVEN] = unproven(ANSWERED, KINDS)
        if session.config.stash[UNPROVEN]:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _is_whole(config: pytest.Config) -> bool:
    """Whether no test of the suite was left out."""
    narrowed = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise", "collectonly")
    asked = [config.invocation_params.dir / argument for argument in config.args]
    return FOLDER in asked and not any(config.getoption(name, None) for name in narrowed)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lacking = config.stash.get(UNPROVEN, [])
    if lacking:
        terminalreporter.section("docs/local-lakefs.md says more than the contract suite shows")
        terminalreporter.write_line("\n".join(lacking))


@pytest.fixture(scope="session")
def embedded() -> Iterator[Lakefs]:
    with (
        TemporaryDirectory() as folder,
        lakefs_server(Path(folder), env=HOOK_ENVIRONMENT, allow_lua_http=True) as server,
    ):
        yield Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)


@pytest.fixture(scope="session")
def real() -> Iterator[Lakefs]:
    key_id, secret = (
        os.environ[f"GATE_TEST_LAKEFS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
    )
    server = Lakefs("real", REAL_URL, key_id, secret)
    yield server
    for name in server.created:
        server.http.delete(f"/repositories/{name}", params={"force": True})


@pytest.fixture(scope="session", params=KINDS)
def lakefs(request: pytest.FixtureRequest) -> Lakefs:
    server = request.getfixturevalue(request.param)
    assert isinstance(server, Lakefs)
    return server


@pytest.fixture
def repo(lakefs: Lakefs) -> Repository:
    """An empty repository."""
    return lakefs.create_repository()


@pytest.fixture(scope="session")
def all_webhooks() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def webhooks(all_webhooks: Receiver) -> Iterator[Receiver]:
    """The receiver; what failed in its threads fails the test."""
    all_webhooks.failures.clear()
    yield all_webhooks
    if all_webhooks.failures:
        raise all_webhooks.failures[0]
