"""Checks that the gate makes ahead of who asks: nobody who waits stands behind one."""

from __future__ import annotations

from dataclasses import replace

from gate_server.model import Candidate, Commit, Evaluation, Outcome, Plan, Verdict
from gate_server.store.records import Answer
from gate_server.store.store import Store

LEASE_S = 60.0
BASE, SOURCE = Commit("b" * 64, "base"), Commit("s" * 64, "source")
CANDIDATE = Candidate("r", "main", BASE, None, SOURCE, Commit("m" * 64, "before"))


def judge(store: Store, outcome: Outcome = Outcome.PASS, *, reusable: bool = True) -> None:
    check = store.checks.claim("w", LEASE_S, ahead=True)
    assert check is not None
    store.checks.finish(
        check,
        verdict=Verdict(outcome, outcome is Outcome.PASS),
        plan=Plan(),
        evaluations={0: Evaluation("answered")},
        failure=None,
        reusable=reusable,
        lakefs_calls=0,
    )


def test_who_waits_is_taken_before_what_nobody_waits_for(store: Store) -> None:
    ahead = store.checks.create(CANDIDATE, "b", "p", ahead=True)
    asked = store.checks.create(replace(CANDIDATE, destination="other"), "b", "p")
    taken = store.checks.claim("w", LEASE_S)
    assert taken is not None
    assert (taken.id, taken.ahead) == (asked.id, False)
    assert store.checks.claim("w", LEASE_S) is None
    assert (store.checks.queue().queued, store.ahead.waiting()) == (0, 1)
    idle = store.checks.claim("w", LEASE_S, ahead=True)
    assert idle is not None
    assert (idle.id, idle.ahead) == (ahead.id, True)


def test_what_somebody_asks_for_is_no_longer_ahead(store: Store) -> None:
    ahead = store.checks.create(CANDIDATE, "b", "p", ahead=True)
    assert store.checks.create(CANDIDATE, "b", "p").id == ahead.id
    store.checks.awaited(ahead.id)
    taken = store.checks.claim("w", LEASE_S)
    assert taken is not None
    assert taken.id == ahead.id
    assert store.ahead.waiting() == 0


def test_a_lease_that_ran_out_leaves_it_ahead(store: Store) -> None:
    store.checks.create(CANDIDATE, "b", "p", ahead=True)
    assert store.checks.claim("dies", -1.0, ahead=True) is not None
    assert store.checks.claim("w", LEASE_S) is None
    again = store.checks.claim("w", LEASE_S, ahead=True)
    assert again is not None
    assert again.attempt == 2


def test_a_prediction_is_known_to_the_same_question_alone(store: Store) -> None:
    store.checks.create(CANDIDATE, "b", "p", ahead=True)
    assert store.checks.known(CANDIDATE, "p") is None
    judge(store)
    assert store.checks.known(CANDIDATE, "p") is not None
    moved = Commit("n" * 64, "moved")
    for other in (
        replace(CANDIDATE, base=moved),
        replace(CANDIDATE, source=moved),
        replace(CANDIDATE, destination="other"),
        replace(CANDIDATE, repository="other"),
        replace(CANDIDATE, judged=Commit("j" * 64, "")),  # a merge, even where lakeFS told no metarange
        replace(CANDIDATE, judged=Commit("j" * 64, "result")),
    ):
        assert store.checks.known(other, "p") is None, other
    assert store.checks.known(CANDIDATE, "another policy") is None


def test_a_prediction_that_could_not_tell_is_asked_anew(store: Store) -> None:
    store.checks.create(CANDIDATE, "b", "p", ahead=True)
    judge(store, Outcome.ERROR)
    assert store.checks.known(CANDIDATE, "p") is None
    store.checks.create(CANDIDATE, "b", "p", ahead=True)
    judge(store, reusable=False)
    assert store.checks.known(CANDIDATE, "p") is None


def test_the_record_holds_what_somebody_was_told(store: Store) -> None:
    """What the gate looks at by itself may be much, and the record is never pruned."""
    check = store.checks.create(CANDIDATE, "b", "p", ahead=True)
    judge(store)
    assert list(store.ledger.entries()) == []
    store.asks.create("api", "ann", {}, check.id, Answer(200, "PASS", "fine"))
    assert [entry.kind for entry in store.ledger.entries()] == ["ask.answered"]


def test_what_was_looked_at_is_told_by_both_heads_and_the_policy(store: Store) -> None:
    store.checks.create(CANDIDATE, "b", "p", ahead=True)
    assert store.ahead.sources("r", "main", BASE, "p") == {SOURCE.id}
    judge(store, Outcome.ERROR)  # once is enough: whoever wants to know more asks
    assert store.ahead.sources("r", "main", BASE, "p") == {SOURCE.id}
    for other in (
        ("x", "main", BASE, "p"),
        ("r", "x", BASE, "p"),
        ("r", "main", SOURCE, "p"),
        ("r", "main", BASE, "x"),
    ):
        assert store.ahead.sources(*other) == set()
