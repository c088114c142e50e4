"""What goes with time, and what never does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import update

from gate_server.model import Candidate, Commit, Evaluation, Outcome, Result, Verdict
from gate_server.store.pruning import BATCH, Pruned, prune
from gate_server.store.records import Answer, Kind
from gate_server.store.store import Store
from gate_server.store.tables import asks, checks, dataset_states, evaluations
from gate_server.store.times import now

CANDIDATE = Candidate("repo", "main", Commit("b" * 64, "mb"), Commit("j" * 64, "mj"), None)
DAY_S = 86_400.0
EVALUATION = Evaluation("answered", (Result(0, "expect_x", True, "fine"),), rows=3)
MANY = 10**6


def a_check(
    store: Store, *, age_days: float, asked_by: Kind = "api", ask_age_days: float | None = None
) -> str:
    """Make a done check that was asked for when it was made, or later."""
    made = store.checks.create(replace(CANDIDATE, destination=f"d{now().isoformat()}"), "b", "p")
    check = store.checks.claim("w", 600)
    assert check is not None
    verdict = Verdict(Outcome.PASS, True)
    store.checks.finish(
        check, verdict=verdict, plan=None, evaluations={}, failure=None, reusable=True, lakefs_calls=0
    )
    ask = store.asks.create(asked_by, "who", {}, made.id)
    store.asks.answered(ask, Answer(200, "PASS", "it passed"))
    asked = age_days if ask_age_days is None else ask_age_days
    with store.engine.begin() as connection:
        connection.execute(update(checks).where(checks.c.id == made.id).values(created_at=days_ago(age_days)))
        connection.execute(update(asks).where(asks.c.id == ask).values(created_at=days_ago(asked)))
    return made.id


def days_ago(days: float) -> object:
    return now() - timedelta(days=days)


def pruned(store: Store, *, most_checks: int = MANY, most_evaluations: int = MANY) -> Pruned:
    return prune(store.engine, keep_s=30 * DAY_S, most_checks=most_checks, most_evaluations=most_evaluations)


def left(store: Store) -> set[str]:
    return {check.id for check in store.checks.listed(limit=1000)}


def test_what_is_old_goes_with_its_asks(store: Store) -> None:
    old, young = a_check(store, age_days=31), a_check(store, age_days=29)
    assert pruned(store) == Pruned(1, 1, 0, 0, 0)
    assert left(store) == {young}
    assert store.asks.of_check(old) == []
    assert len(store.asks.of_check(young)) == 1


def test_what_a_hook_was_answered_stays_for_good(store: Store) -> None:
    old = a_check(store, age_days=400, asked_by="hook")
    assert pruned(store) == Pruned(1, 0, 0, 0, 0)
    (ask,) = store.asks.of_check(old)
    assert (ask.check_id, ask.outcome, ask.summary, ask.status) == (old, "PASS", "it passed", 200)


def test_a_check_that_answered_a_hook_lately_stays_whatever_its_age_and_their_number(store: Store) -> None:
    needed = {a_check(store, age_days=400, asked_by="hook", ask_age_days=1) for _ in range(2)}
    newest = a_check(store, age_days=1)
    a_check(store, age_days=2)
    assert pruned(store, most_checks=1) == Pruned(1, 0, 0, 0, 0)
    assert left(store) == {*needed, newest}


def test_beyond_the_number_the_oldest_go(store: Store) -> None:
    made = [a_check(store, age_days=days) for days in (4, 3, 2, 1)]
    assert pruned(store, most_checks=2).checks == 2
    assert left(store) == set(made[2:])
    assert pruned(store, most_checks=2) == Pruned(0, 0, 0, 0, 0)


def test_what_is_not_done_stays(store: Store) -> None:
    for state in ("queued", "running"):
        made = store.checks.create(replace(CANDIDATE, destination=state), "b", "p")
        with store.engine.begin() as connection:
            row = update(checks).where(checks.c.id == made.id)
            connection.execute(row.values(created_at=days_ago(400), state=state))
    assert pruned(store, most_checks=1) == Pruned(0, 0, 0, 0, 0)
    assert len(left(store)) == 2


def test_evaluations_go_by_age_and_number_in_batches(store: Store) -> None:
    for number in range(3):
        store.evaluations.keep(f"k{number}", EVALUATION)
    with store.engine.begin() as connection:
        row = {"evaluation": {}, "created_at": days_ago(31)}
        connection.execute(
            evaluations.insert(), [{"key": f"old{number}", **row} for number in range(BATCH + 1)]
        )
    assert pruned(store).evaluations == BATCH + 1
    assert pruned(store, most_evaluations=2).evaluations == 1
    assert set(store.evaluations.find(["k0", "k1", "k2"])) == {"k1", "k2"}


def test_states_of_datasets_go_by_the_age_of_what_they_were_replaced_by(store: Store) -> None:
    for key in ("old", "used"):
        store.states.keep(key, b"first")
    with store.engine.begin() as connection:
        connection.execute(update(dataset_states).values(created_at=days_ago(31)))
    store.states.keep("used", b"second")
    assert pruned(store).states == 1
    assert [store.states.find(key) for key in ("old", "used")] == [b"", b"second"]
