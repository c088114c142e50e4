"""The history: what is found by what, page by page, and how often a rule held; on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from gate_server.model import Candidate, Commit, Evaluation, Obligation, Outcome, Plan, Reason, Verdict
from gate_server.store.history import Tally, Wanted
from gate_server.store.pruning import prune
from gate_server.store.store import Store, open_store
from gate_server.store.tables import checks
from gate_server.store.times import now

CANDIDATE = Candidate("repo", "main", Commit("b" * 64, "mb"), Commit("j" * 64, "mj"), None)
BAD = Verdict(Outcome.FAIL, False, (Reason(Outcome.FAIL, "`a` is \0missing\ud800", "one"),), ("one", "two"))
GOOD = Verdict(Outcome.PASS, True, rules=("one",))


def judged(
    store: Store,
    number: int,
    verdict: Verdict = GOOD,
    person: str = "ann",
    rows: tuple[tuple[str, int | None], ...] = (),
    **place: str,
) -> str:
    """Make a done check and return its id; `rows` says of which rule an object held how many."""
    candidate = replace(CANDIDATE, **place, base=Commit(f"{number:064d}", f"m{number}"))
    made = store.checks.create(candidate, "b", "p", person=person)
    check = store.checks.claim("w", 600)
    assert check is not None
    assert check.id == made.id
    plan = Plan(tuple(Obligation(index, rule, f"{index}.csv", ()) for index, (rule, _) in enumerate(rows)))
    evaluations = {index: Evaluation("answered", rows=count) for index, (_, count) in enumerate(rows)}
    assert store.checks.finish(
        check,
        verdict=verdict,
        plan=plan,
        evaluations=evaluations,
        failure=None,
        reusable=False,
        lakefs_calls=0,
    )
    return made.id


def ids(store: Store, limit: int = 100, after: str = "", **wanted: object) -> list[str]:
    return [check.id for check in store.history.page(Wanted(**wanted), limit, after)]  # type: ignore[arg-type]


def test_page_by_page_each_once_newest_first(store: Store) -> None:
    made = [judged(store, number) for number in range(7)]
    with store.engine.begin() as connection:  # some in the same moment
        connection.execute(update(checks).where(checks.c.id.in_(made[2:5])).values(created_at=now()))
    found: list[str] = []
    while page := ids(store, 2, found[-1] if found else ""):
        found += page
    assert sorted(found) == sorted(made)
    assert found == ids(store)
    assert ids(store, 2, "gone") == []


def test_found_by_everything_that_one_asks_for(store: Store) -> None:
    bad = judged(store, 1, BAD, person="eve\0" * 300)
    good = judged(store, 2)
    other = judged(store, 3, repository="other", destination="dev")
    assert ids(store, repository="repo") == [good, bad]
    assert ids(store, branch="dev") == [other]
    assert ids(store, outcome="FAIL") == [bad]
    assert ids(store, person="ann") == [other, good]
    assert ids(store, rule="two") == [bad]
    assert ids(store, rule="one", outcome="FAIL") == [bad]
    assert ids(store, rule="two", outcome="FAIL") == []  # that rule held
    assert ids(store, rule="one", repository="repo", limit=1, after=good) == [bad]
    tomorrow = now() + timedelta(days=1)
    assert ids(store, since=tomorrow) == []
    assert len(ids(store, until=tomorrow)) == 3


def test_the_summary_stands_in_the_row_or_is_taken_from_the_verdict(store: Store) -> None:
    made = judged(store, 1, BAD)
    (row,) = store.history.page(Wanted(), 10)
    assert row.summary == "FAIL: `a` is \\u0000missing\\ud800"
    assert row.verdict is None
    with store.engine.begin() as connection:  # of before it was kept
        connection.execute(update(checks).where(checks.c.id == made).values(summary=""))
    (row,) = store.history.page(Wanted(), 10)
    assert row.summary == BAD.summary


def test_how_often_a_rule_held(store: Store) -> None:
    for number, verdict in enumerate((GOOD, GOOD, BAD)):
        judged(store, number, verdict)
    day = f"{now():%Y-%m-%d}"
    since = now() - timedelta(days=2)
    tallies = store.history.tallies("one", since)
    assert sum(tally.count for tally in tallies) == 3
    assert Tally(tallies[-1].day, "PASS", "repo", "main", 2) in tallies
    whole = store.history.tallies("one", since, by_place=False)
    assert {(tally.outcome, tally.repository, tally.count) for tally in whole} == {
        ("PASS", "", 2),
        ("FAIL", "", 1),
    }
    assert tallies[-1].day <= day
    assert store.history.tallies("none", since) == []


def test_how_many_rows_a_rule_judged(store: Store) -> None:
    both = replace(GOOD, rules=("one", "two"))
    first = judged(store, 1, both, rows=(("one", 3), ("one", 4), ("two", 5)))
    judged(store, 2, rows=(("one", 3), ("one", None)))  # not all of them are known
    judged(store, 3)  # none was judged
    judged(store, 4, rows=(("one", 9),), destination="dev")
    judged(store, 5, rows=(("one", 9),), repository="other")
    last = judged(store, 6, BAD, rows=(("one", 0),))
    judged(store, 7, rows=(("one", 9),))  # came later
    check = store.checks.get(last)
    assert check is not None
    found = [
        (item.check_id, item.outcome, item.row_count) for item in store.history.row_counts(check, "one", 10)
    ]
    assert found == [(first, "PASS", 7), (last, "FAIL", 0)]
    assert [item.check_id for item in store.history.row_counts(check, "one", 1)] == [last]
    assert [item.row_count for item in store.history.row_counts(check, "two", 10)] == [5]


def test_it_goes_with_the_check(store: Store) -> None:
    made = judged(store, 1)
    with store.engine.begin() as connection:
        old = now() - timedelta(days=40)
        connection.execute(update(checks).where(checks.c.id == made).values(created_at=old))
    assert prune(store.engine, keep_s=86_400, most_checks=10, most_evaluations=10).checks == 1
    assert store.history.tallies("one", now() - timedelta(days=2)) == []


@pytest.mark.parametrize("ahead", [True, False])
def test_what_nobody_asked_for_is_in_no_trend(store: Store, ahead: bool) -> None:
    store.checks.create(CANDIDATE, "b", "p", ahead=ahead)
    check = store.checks.claim("w", 600, ahead=ahead)
    assert check is not None
    assert (check.id in [one.id for one in store.history.open(10)]) is not ahead
    store.checks.progressed(check, 5, 3)
    row = store.checks.get(check.id)
    assert row is not None
    assert (row.tasks, row.tasks_done) == (5, 3)
    assert store.history.page(Wanted(), 10) == []  # it is not done
    assert store.checks.finish(
        check, verdict=GOOD, plan=None, evaluations={}, failure=None, reusable=False, lakefs_calls=0
    )
    assert bool(store.history.tallies("one", now() - timedelta(days=2))) is not ahead
    assert store.history.open(10) == []


def test_what_a_rule_did_stands_in_an_index(tmp_path: Path) -> None:
    """Not one visit to the table for each of its checks: 100,000 of them took 90 ms."""
    store = open_store(f"sqlite:///{tmp_path}/gate.db")
    judged(store, 1)
    (check,) = store.history.page(Wanted(), 1)
    asked: list[tuple[str, Any]] = []
    event.listen(store.engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
    ids(store, rule="one", repository="repo")
    ids(store, rule="one", repository="repo", outcome="FAIL")
    ids(store, rule="one", repository="repo", branch="main")
    store.history.row_counts(check, "one", 30)
    for by_place in (True, False):
        store.history.tallies("one", check.created_at, by_place=by_place)
    with store.engine.connect() as connection:
        plans = [
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", parameters).all())
            for query, parameters in [item for item in asked if "rule_outcomes" in item[0]]
        ]
    assert len(plans) == 6
    for index, found in (("place (rule=? AND repository=?", plans[:4]), ("day (rule=? AND day>", plans[4:])):
        assert [plan for plan in found if f"COVERING INDEX ix_rule_outcomes_{index}" not in plan] == []
    assert [plan for plan in plans[:4] if "ORDER BY" in plan] == []
    assert [plan for plan in plans[4:] if "GROUP BY" in plan] == []
    store.engine.dispose()
