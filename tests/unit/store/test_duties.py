"""A duty is one worker's at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from gate_server.errors import GateError
from gate_server.store.store import Store
from gate_server.workers.duties import Duty, Rounds


def take(store: Store, worker: str, *, every_s: float = 3600.0, lease_s: float = 3600.0) -> bool:
    return store.duties.take("audit", worker, every_s=every_s, lease_s=lease_s)


def test_it_is_taken_once_until_it_is_due_again(store: Store) -> None:
    assert take(store, "a")
    assert not take(store, "b")
    store.duties.release("audit", "b", is_done=True)  # not b's
    assert not take(store, "b", every_s=0.0)
    store.duties.release("audit", "a", is_done=True)
    assert not take(store, "b")
    assert take(store, "b", every_s=0.0)


def test_one_that_was_not_done_is_due_at_once(store: Store) -> None:
    assert take(store, "a")
    store.duties.release("audit", "a", is_done=False)
    assert take(store, "b")


def test_one_of_a_dead_worker_is_taken_over_unless_it_was_renewed(store: Store) -> None:
    assert take(store, "a", lease_s=-1.0)
    store.duties.renew("a", 3600.0)
    assert not take(store, "b", every_s=0.0)
    store.duties.renew("a", -1.0)
    assert take(store, "b")
    store.duties.release("audit", "a", is_done=True)  # a comes back from the dead
    assert not take(store, "c", every_s=0.0)


def test_one_that_is_asked_for_is_due_at_once_and_done_once(store: Store) -> None:
    store.duties.ask("audit")  # never taken: it is due anyway
    assert take(store, "a")
    store.duties.release("audit", "a", is_done=True)
    for _ in range(100):
        store.duties.ask("audit")
    assert take(store, "a")
    assert not take(store, "b")
    store.duties.release("audit", "a", is_done=True)
    assert not take(store, "b")


def test_one_that_is_asked_for_while_it_is_done_is_done_again(store: Store) -> None:
    assert take(store, "a")
    store.duties.ask("audit")
    assert not take(store, "b")
    store.duties.release("audit", "a", is_done=True)
    assert take(store, "b")
    store.duties.ask("audit")
    store.duties.release("audit", "b", is_done=True)
    assert take(store, "a")
    store.duties.release("audit", "a", is_done=True)
    assert not take(store, "b")


def test_what_was_asked_for_outlives_who_took_it(store: Store) -> None:
    assert take(store, "a")
    store.duties.release("audit", "a", is_done=True)
    store.duties.ask("audit")
    assert take(store, "a", lease_s=-1.0)  # and dies
    assert take(store, "b")
    store.duties.release("audit", "b", is_done=False)
    assert take(store, "c")


def test_a_worker_that_ends_leaves_it_to_others(store: Store) -> None:
    assert take(store, "a")
    store.duties.leave("a")
    assert take(store, "b")


def test_of_many_that_ask_at_once_one_gets_it(store: Store) -> None:
    for again in range(3):
        with ThreadPoolExecutor(8) as pool:
            got = list(pool.map(lambda number: take(store, f"w{number}", every_s=0.0), range(8)))
        assert got.count(True) == 1, again
        store.duties.release("audit", f"w{got.index(True)}", is_done=True)


def test_rounds_go_on_after_failures(store: Store) -> None:
    stop = threading.Event()
    failures = [GateError("lakeFS is away", ""), ValueError("a mistake of ours")]
    called = 0

    def call() -> None:
        nonlocal called
        called += 1
        if failures:
            raise failures.pop(0)
        stop.set()

    Rounds(Duty("audit", call, 0.0), store.duties, "a", 3600.0, stop).run()
    assert called == 3
    assert take(store, "b", every_s=0.0)  # nothing is held
