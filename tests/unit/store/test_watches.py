"""What a watch saw last."""

from __future__ import annotations

from typing import Any

from gate_server.store.store import Store
from tests.unit.store.test_clock import HOUR_S, machine_off_by

SEEN: dict[str, Any] = {"policy_digest": "p", "check_id": "c"}


def test_the_last_look_and_the_last_that_was_in_order(store: Store) -> None:
    watches = store.watches
    assert watches.last("all", "sales", "main") is None
    watches.looked("all", "sales", "main", commit_id="one", outcome="PASS", passed=True, **SEEN)
    watches.looked("all", "sales", "main", commit_id="two", outcome="FAIL", passed=False, **SEEN)
    watches.looked("other", "sales", "main", commit_id="two", outcome="ERROR", passed=False, **SEEN)
    last, other = watches.last("all", "sales", "main"), watches.last("other", "sales", "main")
    assert last is not None
    assert other is not None
    assert (last.commit_id, last.outcome, last.passed_commit) == ("two", "FAIL", "one")
    assert (other.outcome, other.passed_commit) == ("ERROR", "")
    assert watches.last("all", "sales", "release") is None


def test_its_age_is_by_the_databases_clock(store: Store) -> None:
    on_postgresql = store.engine.dialect.name == "postgresql"
    with machine_off_by(HOUR_S if on_postgresql else 0.0):
        store.watches.looked("all", "sales", "main", commit_id="one", outcome="PASS", passed=True, **SEEN)
    last = store.watches.last("all", "sales", "main")
    assert last is not None
    assert 0 <= last.age_s < HOUR_S / 2
