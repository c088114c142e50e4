"""An audit whose lakeFS answers badly: what it could not read is never verified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from gate_server.audit.walk import audit
from gate_server.errors import GateError
from gate_server.model import Revert
from gate_server.reverts import RevertContext
from gate_server.store.records import Answer
from gate_server.store.store import open_store
from local_lakefs.testing import RunningServer
from tests.contract.harness import Lakefs
from tests.e2e import spoiling
from tests.e2e.reverting import context_of
from tests.e2e.spoiling import Spoil, spoiling_way


def _of_log(change: Callable[[list[Any]], list[Any]], name: str) -> Spoil:
    return spoiling.reshaped(lambda data: {**data, "results": change(data["results"])}, name)


SPOILT = (
    spoiling.resets,
    spoiling.fails,
    spoiling.is_a_proxys_page,
    spoiling.is_a_page_with_200,
    spoiling.redirects,
    spoiling.is_shorter,
    spoiling.is_empty,
    *spoiling.RESHAPED,
    *spoiling.PAGES,
    _of_log(lambda log: [item for item in log if item["message"] != "bad"], "leaves_one_out"),
    _of_log(lambda log: log[:1], "ends_too_early"),
    _of_log(lambda log: log[1:], "begins_too_late"),
    _of_log(lambda _: [], "holds_no_commit"),
)


def test_a_spoilt_log_is_never_verified(server: RunningServer, tmp_path: Path) -> None:
    lakefs = Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
    repo = lakefs.create_repository(files={"a": "good"})
    store = open_store(f"sqlite:///{tmp_path}/gate.db")
    store.installations.record(repo.name, "main", {}, repo.head())
    repo.commit_files("main", {"b": "bad"}, "bad")
    good = repo.commit_files("main", {"c": "good"})["id"]
    event = {"repository": repo.name, "destination": "main", "commit_id": good}
    store.asks.create("hook", "lakeFS", event, "check", Answer(200, "PASS", ""))
    with spoiling_way(server) as way:
        reached = Lakefs("embedded", way.url, lakefs.access_key_id, lakefs.secret_access_key)
        context = context_of(reached, store, timeout_s=5.0)
        whole = audit(context, repo.name, "main")
        assert [step.state.value for step in whole.line.steps] == ["judged", "unverified", "installed"]
        for spoil in SPOILT:
            with way.spoilt_at("log", spoil):
                assert not is_verified(context, repo.name), spoil.__name__
                assert way.spoilt, spoil.__name__
    store.engine.dispose()


def is_verified(context: RevertContext, repository: str) -> bool:
    """Whether an audit says so of main; what could not be told is not."""
    try:
        return audit(context, repository, "main").is_verified
    except GateError:
        return False


def test_a_revert_vouches_for_what_it_made_alone(server: RunningServer, tmp_path: Path) -> None:
    lakefs = Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
    repo = lakefs.create_repository(files={"a": "good"})
    good = repo.head()
    store = open_store(f"sqlite:///{tmp_path}/gate.db")
    store.installations.record(repo.name, "main", {}, good)
    bad = repo.commit_files("main", {"b": "bad"})["id"]
    forged = repo.commit_files("main", {"c": "bad"})["id"]
    revert = Revert("r", repo.name, "main", bad, good, forged, "verified", "", is_whole=True)
    store.reverts.open(replace(revert, state="planned", commit_id=""), "temporary")
    store.reverts.close(revert)
    context = context_of(lakefs, store)
    found = audit(context, repo.name, "main")
    assert [step.state.value for step in found.line.steps] == ["unverified", "unverified", "installed"]
    assert found.line.last_good == found.line.steps[-1].commit
    store.engine.dispose()
