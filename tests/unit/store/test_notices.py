"""The outbox: of each topic a target is told what changed, once."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import insert, update

from gate_server.model.notices import Message
from gate_server.store.notices import Notices
from gate_server.store.pruning import prune
from gate_server.store.store import Store
from gate_server.store.tables import notices
from gate_server.store.times import database_time

BAD = Message("team", "fail", "sales", "main", "topic", "bad", "FAIL", "nulls", "failure")
WORSE = replace(BAD, about="worse", body="nulls, and more")
GOOD = replace(BAD, target="", occasion="resolved", about="", title="PASS", body="", tone="success")


def put(store: Store, *messages: Message, quiet_s: float = 0.0) -> int:
    return store.notices.put(messages, quiet_s=quiet_s)


def resolve(store: Store, quiet_s: float = 0.0) -> int:
    return store.notices.put((), [("topic", GOOD)], quiet_s=quiet_s)


def deliver(store: Store, target: str = "team") -> list[str]:
    """Send all that is due; return what was told."""
    told = []
    for notice in store.notices.claim(target, 100):
        store.notices.sent(notice.id)
        told.append(notice.about or "in order")
    return told


def test_the_same_is_told_once(store: Store) -> None:
    assert put(store, BAD, BAD) == 1
    assert deliver(store) == ["bad"]
    assert put(store, BAD) == 0
    assert put(store, WORSE) == 1
    assert deliver(store) == ["worse"]


def test_that_it_is_in_order_again_is_told_once_to_who_was_told(store: Store) -> None:
    assert resolve(store) == 0
    put(store, BAD, replace(BAD, target="oncall"))
    assert deliver(store) == ["bad"]
    assert deliver(store, "oncall") == ["bad"]
    assert resolve(store) == 2
    assert resolve(store) == 0
    assert deliver(store) == ["in order"]
    assert put(store, BAD) == 1  # and again, when it is bad again


def test_what_changes_back_before_it_was_told_is_nothing(store: Store) -> None:
    put(store, replace(BAD, wait_s=60.0))
    resolve(store)
    assert store.notices.listed() == []
    put(store, BAD)
    deliver(store)
    for _ in range(5):  # it flaps
        resolve(store, quiet_s=3600.0)
        put(store, BAD, quiet_s=3600.0)
    assert [notice.about for notice in store.notices.listed()] == ["bad"]
    assert not store.notices.is_due("team")


def test_a_waiting_one_is_replaced_by_what_is_so_now(store: Store) -> None:
    put(store, BAD)
    put(store, WORSE)
    assert deliver(store) == ["worse"]


def test_what_may_have_been_told_is_taken_back(store: Store) -> None:
    """An attempt that failed may have reached somebody all the same."""
    put(store, BAD)
    (notice,) = store.notices.claim("team", 1)
    store.notices.failed(notice, "took longer than 20 s", again_s=0.0, give_up_s=60.0)
    resolve(store)
    assert deliver(store) == ["in order"]


def test_one_that_a_dead_worker_was_at_is_sent_again_with_its_id(store: Store) -> None:
    put(store, BAD)
    (first,) = store.notices.claim("team", 1)
    assert put(store, BAD) == 0
    (second,) = store.notices.claim("team", 1)
    assert (second.id, second.attempts) == (first.id, 2)
    store.notices.sent(second.id)
    store.notices.failed(first, "late", again_s=0.0, give_up_s=0.0)  # the first comes back from the dead
    assert [notice.state for notice in store.notices.listed()] == ["sent"]


def test_it_is_tried_until_it_is_too_old(store: Store) -> None:
    put(store, BAD)
    (notice,) = store.notices.claim("team", 1)
    assert not store.notices.failed(notice, "answered 500", again_s=0.0, give_up_s=3600.0)
    assert store.notices.outbox().waiting == 1
    (notice,) = store.notices.claim("team", 1)
    assert store.notices.failed(notice, "answered 500", again_s=0.0, give_up_s=0.0)
    outbox = store.notices.outbox()
    assert (outbox.waiting, outbox.given_up) == (0, 1)
    assert store.notices.listed()[0].reason == "answered 500"


def test_what_is_over_is_pruned_and_what_waits_is_not(store: Store) -> None:
    put(store, BAD, replace(BAD, topic="another", wait_s=60.0))
    deliver(store)
    prune(store.engine, keep_s=-1.0, most_checks=1, most_evaluations=1)
    assert [notice.topic for notice in store.notices.listed()] == ["another"]


def test_what_was_claimed_and_not_tried_is_as_before(store: Store) -> None:
    put(store, BAD)
    (notice,) = store.notices.claim("team", 1)
    store.notices.untouched([notice.id])
    assert (store.notices.listed()[0].state, store.notices.listed()[0].attempts) == ("waiting", 0)


def test_a_target_without_an_address_is_given_up(store: Store) -> None:
    put(store, BAD, replace(BAD, target="gone"))
    assert store.notices.give_up(["team"], "no address") == 1
    assert store.notices.give_up(["team"], "no address") == 0
    assert deliver(store) == ["bad"]


def test_what_was_read_and_what_is_told_are_kept_together(store: Store) -> None:
    outbox = store.notices
    assert outbox.read_up_to() is None
    outbox.begin(store.ledger.head())
    assert outbox.put([BAD], read=(0, 5), quiet_s=0.0) == 1
    assert outbox.put([WORSE], read=(0, 6), quiet_s=0.0) == 0  # another worker read on meanwhile
    assert outbox.read_up_to() == 5
    assert [notice.about for notice in outbox.listed()] == ["bad"]
    outbox.end()
    assert outbox.read_up_to() is None


def test_many_that_wait_cost_no_more_than_those_that_are_due(store: Store) -> None:
    put(store, BAD)
    (row,) = store.notices.listed()
    rows = [
        {
            **{name: getattr(row, name) for name in row.__dataclass_fields__},
            "id": f"{number:016}",
            "topic": f"t{number}",
        }
        for number in range(10_000)
    ]
    with store.engine.begin() as connection:
        connection.execute(insert(notices), rows)
        connection.execute(update(notices).values(due_at=database_time(3600.0)))
        connection.execute(
            update(notices).where(notices.c.id == f"{77:016}").values(due_at=database_time(-1.0))
        )
    assert [notice.topic for notice in store.notices.claim("team", 50)] == ["t77"]
    assert store.notices.outbox().waiting == 10_001
    assert isinstance(store.notices, Notices)
