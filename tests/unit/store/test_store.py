"""What the gate remembers: on a real database file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from gate_server.errors import ConfigError
from gate_server.model import (
    Candidate,
    Check,
    Commit,
    Evaluation,
    Obligation,
    Outcome,
    Plan,
    Problem,
    Result,
    Revert,
    Verdict,
)
from gate_server.store import database
from gate_server.store.checks import COMMAND
from gate_server.store.records import Answer
from gate_server.store.store import Store, open_store
from gate_server.store.tables import metadata

CANDIDATE = Candidate("repo", "main", Commit("b" * 64, "mb"), Commit("j" * 64, "mj"), Commit("s" * 64, "ms"))
PLAN = Plan((Obligation(0, "r", "data/a", (), "key"),), rules=("r",))
EVALUATION = Evaluation("answered", (Result(0, "expect_x", True, "fine"),), rows=3)
LEASE_S = 600.0
OVER_S = -1.0  # a lease that has run out
PASS = Verdict(Outcome.PASS, True, rules=("r",))


def finish(store: Store, check: Check, verdict: Verdict = PASS, *, reusable: bool = True) -> bool:
    return store.checks.finish(
        check,
        verdict=verdict,
        plan=PLAN,
        evaluations={0: EVALUATION},
        failure=None,
        reusable=reusable,
        lakefs_calls=2,
    )


def judged(store: Store, verdict: Verdict = PASS, *, reusable: bool = True) -> Check:
    store.checks.create(CANDIDATE, "b", "p")
    check = store.checks.claim("w", LEASE_S)
    assert check is not None
    assert finish(store, check, verdict, reusable=reusable)
    return check


# -- schema -------------------------------------------------------------------------------------------


def test_the_migrations_make_the_tables_that_the_queries_use(store: Store) -> None:
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_down_and_up_again_with_rows(store: Store) -> None:
    judged(store)
    database.downgrade(store.engine, "base")
    assert inspect(store.engine).get_table_names() == ["alembic_version"]
    database.upgrade(store.engine)
    assert store.checks.listed() == []
    judged(store)


@pytest.mark.parametrize("revision", ["9999", "0000"])
def test_a_schema_of_another_version_is_refused(store: Store, revision: str) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    with pytest.raises(ConfigError, match=revision):
        open_store(store.engine.url.render_as_string(hide_password=False))


def test_a_database_of_somebody_else_is_refused(tmp_path: Path) -> None:
    engine = database.open_engine(f"sqlite:///{tmp_path}/other.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE theirs (x)"))
    with pytest.raises(ConfigError):
        open_store(str(engine.url))


@pytest.mark.parametrize("url", ["nonsense", "mysqlx://h/d", "postgresql+nodriver://h/d"])
def test_an_address_that_is_none_is_said(url: str) -> None:
    with pytest.raises(ConfigError, match="GATE_DATABASE_URL"):
        database.open_engine(url)


# -- checks -------------------------------------------------------------------------------------------


def test_a_check_comes_back_as_it_was_written(store: Store) -> None:
    done = store.checks.get(judged(store).id)
    assert done is not None
    assert (done.state, done.outcome, done.plan, done.evaluations) == ("done", "PASS", PLAN, {0: EVALUATION})
    assert done.verdict == PASS
    assert done.created_at.tzinfo is not None


def test_each_check_is_claimed_once(store: Store) -> None:
    ids = {store.checks.create(replace(CANDIDATE, destination=f"d{n}"), "b", "p").id for n in range(20)}
    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(lambda n: store.checks.claim(f"w{n}", LEASE_S), range(24)))
    assert sorted(check.id for check in claimed if check) == sorted(ids)


def test_the_oldest_is_claimed_first(store: Store) -> None:
    made = [store.checks.create(replace(CANDIDATE, destination=f"d{n}"), "b", "p").id for n in range(3)]
    assert [check.id for _ in made if (check := store.checks.claim("w", LEASE_S))] == made


def held(*checks: Check | None) -> dict[str, int]:
    return {check.id: check.attempt for check in checks if check}


def claim(store: Store, worker: str = "w", lease_s: float = LEASE_S) -> Check:
    check = store.checks.claim(worker, lease_s)
    assert check is not None
    return check


def test_a_result_is_written_by_the_newest_attempt_alone(store: Store) -> None:
    store.checks.create(CANDIDATE, "b", "p")
    dead = claim(store, "dead", OVER_S)
    alive = claim(store, "alive")
    assert (alive.id, alive.attempt) == (dead.id, dead.attempt + 1)
    assert finish(store, dead) is False
    assert finish(store, alive) is True
    assert finish(store, alive) is False


def test_a_check_is_its_workers_as_long_as_the_lease_runs(store: Store) -> None:
    store.checks.create(CANDIDATE, "b", "p")
    check = claim(store)
    assert store.checks.claim("other", LEASE_S) is None
    assert store.checks.renew(held(check), OVER_S) == {check.id}
    taken_over = claim(store, "other")
    assert store.checks.renew(held(check), LEASE_S) == set()
    assert store.checks.renew(held(taken_over), LEASE_S) == {check.id}


def test_a_lease_that_ran_out_is_still_good_while_nobody_took_it(store: Store) -> None:
    store.checks.create(CANDIDATE, "b", "p")
    check = claim(store, "slow", OVER_S)
    assert store.checks.renew(held(check), LEASE_S) == {check.id}
    assert store.checks.claim("other", LEASE_S) is None
    assert finish(store, check) is True


def test_what_is_handed_back_is_queued_and_does_not_count(store: Store) -> None:
    store.checks.create(CANDIDATE, "b", "p")
    first = claim(store)
    assert store.checks.hand_back(held(first)) == 1
    assert store.checks.hand_back(held(first)) == 0
    second = claim(store)
    assert (second.attempt, second.handed_back) == (2, 1)
    assert finish(store, first) is False
    assert finish(store, second) is True


def test_asks_for_the_same_at_once_make_one_check(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: store.checks.create(CANDIDATE, "b", "p"), range(12)))
    assert len({check.id for check in made}) == 1
    others = [replace(CANDIDATE, destination="x"), replace(CANDIDATE, judged=None)]
    assert len({store.checks.create(other, "b", "p").id for other in [CANDIDATE, *others]}) == 3
    assert finish(store, claim(store))
    assert store.checks.create(CANDIDATE, "b", "p").id != made[0].id


def test_nobody_joins_what_a_command_judges_for_itself(store: Store) -> None:
    own = store.checks.create(CANDIDATE, "b", "p", worker=f"{COMMAND}here")
    assert store.checks.open_for(CANDIDATE, "p") is None
    assert store.checks.create(CANDIDATE, "b", "p").id != own.id
    assert claim(store).id != own.id


def test_workers_are_alive_as_long_as_they_say_so(store: Store) -> None:
    store.workers.beat("a", LEASE_S)
    store.workers.beat("a", LEASE_S)
    store.workers.beat("b", OVER_S)
    assert store.workers.alive() == 1
    store.workers.leave("a")
    assert store.workers.alive() == 0


def test_a_known_verdict_is_for_the_same_content_and_policy(store: Store) -> None:
    check = judged(store)
    found = store.checks.known(CANDIDATE, "p")
    assert found is not None
    assert found.id == check.id
    retried = replace(CANDIDATE, judged=Commit("k" * 64, "mj"))
    assert store.checks.known(retried, "p") is not None
    for other in (
        replace(CANDIDATE, repository="x"),
        replace(CANDIDATE, destination="x"),
        replace(CANDIDATE, base=Commit("b" * 64, "x")),
        replace(CANDIDATE, judged=Commit("j" * 64, "x")),
        replace(CANDIDATE, judged=None),
        replace(CANDIDATE, judged=Commit("j" * 64, "")),
        # What the merge loses depends on these, so the content alone is not enough.
        replace(CANDIDATE, base=Commit("c" * 64, "mb")),
        replace(CANDIDATE, source=Commit("t" * 64, "ms")),
    ):
        assert store.checks.known(other, "p") is None
    assert store.checks.known(CANDIDATE, "other policy") is None


@pytest.mark.parametrize(
    ("outcome", "reusable"), [(Outcome.ERROR, True), (Outcome.PASS, False), (Outcome.FAIL, False)]
)
def test_what_may_not_be_reused_is_not_known(store: Store, outcome: Outcome, reusable: bool) -> None:
    judged(store, Verdict(outcome, False), reusable=reusable)
    assert store.checks.known(CANDIDATE, "p") is None


def test_a_check_that_runs_is_not_known_but_open(store: Store) -> None:
    store.checks.create(CANDIDATE, "b", "p")
    assert store.checks.known(CANDIDATE, "p") is None
    assert store.checks.open_for(CANDIDATE, "p") is not None
    assert store.checks.open_for(CANDIDATE, "another policy") is None
    # Each try of a merge makes a commit of its own; other content is another check.
    assert store.checks.open_for(replace(CANDIDATE, judged=Commit("k" * 64, "mj")), "p") is not None
    assert store.checks.open_for(replace(CANDIDATE, judged=Commit("j" * 64, "mk")), "p") is None
    assert store.checks.open_for(replace(CANDIDATE, source=Commit("t" * 64, "ms")), "p") is None
    assert store.checks.open_for(replace(CANDIDATE, base=Commit("c" * 64, "mb")), "p") is None
    judged(store)


def test_done_says_which(store: Store) -> None:
    done = judged(store).id
    waiting = store.checks.create(CANDIDATE, "b", "p").id
    assert store.checks.done([done, waiting, "no such check"]) == {done}


# -- evaluations, installations, reverts --------------------------------------------------------------


def test_evaluations_are_kept_but_never_errors_nor_without_a_key(store: Store) -> None:
    store.evaluations.keep("k", EVALUATION)
    store.evaluations.keep("k", EVALUATION)
    store.evaluations.keep("", EVALUATION)
    store.evaluations.keep("e", Evaluation("error", problem=Problem("x", "y")))
    assert store.evaluations.find(["k", "", "e"]) == {"k": EVALUATION}


def test_a_registration_is_for_exactly_one_merge(store: Store) -> None:
    store.installations.register("repo", "b", "s", "ann")
    store.installations.register("repo", "b", "s", "ann")
    assert store.installations.is_registered("repo", "b", "s")
    for other in (("x", "b", "s"), ("repo", "x", "s"), ("repo", "b", "x"), ("repo", "s", "b")):
        assert not store.installations.is_registered(*other)


def test_installations_are_the_last_ones(store: Store) -> None:
    assert store.installations.files("repo", "main") is None
    store.installations.record("repo", "main", {"a": "1"}, "c1")
    store.installations.record("repo", "main", {"b": "2"}, "c2")
    assert store.installations.files("repo", "main") == {"b": "2"}


def test_only_the_announced_merge_is_the_gates_own(store: Store) -> None:
    revert = Revert("r1", "repo", "main", "head", "target", "", "planned", "")
    store.reverts.open(revert, "gate-revert-r1")
    own = ("repo", "gate-revert-r1", "u", "head")
    assert not store.reverts.is_own_merge(*own)
    store.reverts.will_merge("r1", "gate-revert-r1", "u", "head")
    assert store.reverts.is_own_merge(*own)
    for place in range(4):
        other = [*own]
        other[place] = "other"
        assert not store.reverts.is_own_merge(*other)
    store.reverts.close(replace(revert, state="verified", commit_id="c"))
    assert not store.reverts.is_own_merge(*own)
    found = store.reverts.get("r1")
    assert found is not None
    assert found.state == "verified"


def test_who_polls_goes_on_with_the_same_ask(store: Store) -> None:
    check = store.checks.create(CANDIDATE, "b", "p").id
    event = {"merge_source": "dev", "request_id": "1"}
    ask = store.asks.create("hook", "hook", event, check)
    assert store.asks.running("hook", "hook", {**event, "request_id": "2"}, check) == ask
    store.asks.answered(ask, Answer(503, "", "still running"))
    assert store.asks.running("hook", "hook", event, check) == ask
    assert store.asks.running("hook", "hook", {**event, "merge_source": "other"}, check) is None
    assert store.asks.running("hook", "another", event, check) is None
    assert store.asks.running("hook", "hook", event, "another") is None
    store.asks.answered(ask, Answer(412, "FAIL", "bad"))
    assert store.asks.running("hook", "hook", event, check) is None
    store.asks.answered(ask, Answer(503, "", "still running"))  # of an earlier poll, whose caller is gone
    (kept,) = store.asks.of_check(check)
    assert (kept.status, kept.outcome) == (412, "FAIL")
