"""Checks that are lent to workers elsewhere, as the database has them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from gate_server.model import (
    Candidate,
    Check,
    Commit,
    Evaluation,
    Obligation,
    Outcome,
    Plan,
    Role,
    Scope,
    Token,
    Verdict,
)
from gate_server.store import database
from gate_server.store.store import Store, open_store
from gate_server.store.times import now

CANDIDATE = Candidate("repo", "main", Commit("b" * 64, "mb"), Commit("j" * 64, "mj"), Commit("s" * 64, "ms"))
PLAN = Plan(
    (Obligation(0, "r", "data/a", (), "key"), Obligation(1, "r", "data/b", (), "other")), rules=("r",)
)
FOUND = {0: Evaluation("answered", rows=3)}
LEASE_S, OVER_S = 600.0, -1.0
ONE, TWO = "1" * 64, "2" * 64


def handed_over(store: Store, candidate: Candidate = CANDIDATE) -> Check:
    """Have a check planned here, and wait for a worker elsewhere."""
    store.checks.create(candidate, "b", "p")
    check = store.checks.claim("here", LEASE_S)
    assert check is not None
    assert store.lent.hand_over(check, PLAN, FOUND, 7)
    return check


def finish(store: Store, check: Check) -> bool:
    verdict = Verdict(Outcome.PASS, True, rules=("r",))
    return store.checks.finish(
        check, verdict=verdict, plan=PLAN, evaluations={}, failure=None, reusable=True, lakefs_calls=0
    )


def test_what_waits_elsewhere_is_not_claimed_here(store: Store) -> None:
    check = handed_over(store)
    assert store.checks.claim("here", LEASE_S) is None
    (waits,) = store.lent.waiting("", 10)
    assert (waits.id, waits.state, waits.place) == (check.id, "queued", "elsewhere")
    assert (waits.attempt, waits.handed_back) == (1, 1)
    assert store.lent.waiting("other", 10) == []
    kept = store.checks.get(check.id)
    assert kept is not None
    assert (kept.plan, kept.evaluations, kept.lakefs_calls) == (PLAN, FOUND, 7)
    queues = store.checks.queue(), store.checks.queue("elsewhere")
    assert [(item.queued, item.running) for item in queues] == [(0, 0), (1, 0)]
    assert store.checks.open_for(CANDIDATE, "p") is not None


def test_what_was_lost_meanwhile_is_not_handed_over(store: Store) -> None:
    store.checks.create(CANDIDATE, "b", "p")
    first = store.checks.claim("one", OVER_S)
    second = store.checks.claim("two", LEASE_S)
    assert first is not None
    assert second is not None
    assert not store.lent.hand_over(first, PLAN, FOUND, 0)
    assert finish(store, second)
    assert not store.lent.hand_over(second, PLAN, FOUND, 0)


def test_it_is_lent_once_whoever_comes_at_the_same_time(store: Store) -> None:
    check = handed_over(store)
    with ThreadPoolExecutor(8) as pool:
        digests = [f"{number}" * 64 for number in range(8)]
        lent = list(pool.map(lambda item: store.lent.lend(check.id, "w", LEASE_S, item), digests))
    (held,) = [item for item in lent if item is not None]
    assert held.attempt == 2
    assert store.lent.waiting("", 10) == []
    assert sum(store.lent.held(check.id, item) is not None for item in digests) == 1


def test_a_lease_is_held_by_its_token_until_its_end(store: Store) -> None:
    check = handed_over(store)
    first = store.lent.lend(check.id, "w", OVER_S, ONE)
    assert first is not None
    assert store.lent.held(check.id, ONE) is None  # its time is over
    second = store.lent.lend(check.id, "w", LEASE_S, TWO)
    assert second is not None
    assert store.lent.held(check.id, TWO) == second
    assert store.lent.held(check.id, ONE) is None
    assert store.lent.held("another", TWO) is None
    assert not finish(store, first)
    assert finish(store, second)
    assert store.lent.held(check.id, TWO) is None
    assert store.lent.lend(check.id, "w", LEASE_S, ONE) is None


def test_what_is_handed_back_waits_again_and_does_not_count(store: Store) -> None:
    check = handed_over(store)
    lent = store.lent.lend(check.id, "w", LEASE_S, ONE)
    assert lent is not None
    assert store.checks.hand_back({lent.id: lent.attempt}) == 1
    assert store.lent.held(check.id, ONE) is None
    (waits,) = store.lent.waiting("", 10)
    assert (waits.attempt, waits.handed_back) == (2, 2)
    assert store.checks.claim("here", LEASE_S) is None


def test_who_waited_too_long_is_claimed_here_and_no_token_holds_it(store: Store) -> None:
    check = handed_over(store)
    assert store.lent.lend(check.id, "w", OVER_S, ONE) is not None
    taken = store.checks.claim("here", LEASE_S, elsewhere_wait_s=0.5)
    assert taken is not None
    assert (taken.id, taken.place, taken.attempt) == (check.id, "elsewhere", 3)
    assert store.lent.held(check.id, ONE) is None
    assert store.lent.lend(check.id, "w", LEASE_S, TWO) is None


def test_what_is_lent_is_not_claimed_here_whatever_it_waited(store: Store) -> None:
    check = handed_over(store)
    assert store.lent.lend(check.id, "w", LEASE_S, ONE) is not None
    assert store.checks.claim("here", LEASE_S, elsewhere_wait_s=0.0001) is None


def test_no_look_at_the_queue_reads_what_is_done(tmp_path: Path) -> None:
    """Workers look thirty times a second, over all checks that are kept."""
    store = open_store(f"sqlite:///{tmp_path}/gate.db")
    store.checks.create(CANDIDATE, "b", "p")
    asked: list[tuple[str, Any]] = []
    event.listen(store.engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
    assert store.checks.claim("here", LEASE_S) is not None
    store.checks.queue("elsewhere")
    store.lent.waiting("", 10)
    with store.engine.connect() as connection:
        plans = [
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", parameters).all())
            for query, parameters in [item for item in asked if "FROM checks" in item[0]]
        ]
    assert len(plans) == 4
    assert [plan for plan in plans if "SCAN checks" in plan or "INDEX ix_checks_queue" not in plan] == []
    store.engine.dispose()


@pytest.mark.parametrize("is_lent", [False, True])
def test_on_the_way_back_it_is_judged_anew_and_the_role_goes(store: Store, is_lent: bool) -> None:
    check = handed_over(store)
    if is_lent:
        assert store.lent.lend(check.id, "w", LEASE_S, ONE) is not None
    for name, role in (("pool", Role.WORKER), ("ci", Role.CHECKER)):
        store.tokens.create(Token(name, name, (role,), Scope(), "tests", now()), "d")
    database.downgrade(store.engine, "0005")
    with store.engine.connect() as connection:
        (row,) = connection.execute(text("SELECT state, worker, attempt FROM checks")).all()
    assert tuple(row) == ("queued", "", 2 if is_lent else 1)
    database.upgrade(store.engine)
    assert [token.name for token in store.tokens.listed()] == ["ci"]
    again = store.checks.claim("here", LEASE_S)
    assert again is not None
    assert (again.id, again.place) == (check.id, "here")
