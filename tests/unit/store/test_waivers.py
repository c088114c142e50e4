"""Waivers that were made: which hold where."""

from __future__ import annotations

from datetime import timedelta

from gate_server.store.store import Store
from gate_server.store.times import now


def test_what_holds_where(store: Store) -> None:
    def make(repository: str, branch: str, rule: str, hours: float = 1.0) -> str:
        ends = now() + timedelta(hours=hours)
        terms = {"owner": "ann", "reason": "known", "made_by": "ann"}
        (made,) = store.waivers.make(repository, branch, [(rule, ["**"])], expires=ends, **terms)
        return made.id

    every, main = make("sales", "", "a"), make("sales", "main", "b")
    ended, _expired = make("sales", "main", "c"), make("sales", "main", "d", hours=-1.0)
    make("sales", "release", "e")
    make("hr", "main", "f")
    make("*", "*", "g")
    assert store.waivers.end(ended, "ann") is not None
    assert store.waivers.end(ended, "ann") is None
    assert {waiver.id for waiver in store.waivers.holding("sales", "main")} == {every, main}
    assert {waiver.id for waiver in store.waivers.holding("sales", "dev")} == {every}
    assert [waiver.rule for waiver in store.waivers.holding("hr", "main")] == ["f"]
    assert len(store.waivers.listed(repository="sales")) == 5
    assert [entry.kind for entry in store.ledger.of_subject(ended)] == ["waiver.made", "waiver.ended"]


def test_all_of_a_checks_rules_or_none(store: Store) -> None:
    head = store.ledger.head().number
    two = [("a", ["x"]), ("b", ["y", "z"])]
    ends = now() + timedelta(hours=1)
    made = store.waivers.make(
        "sales", "main", two, owner="ann", reason="known", expires=ends, made_by="ann", check_id="c"
    )
    assert [(waiver.rule, waiver.paths) for waiver in made] == [("a", ("x",)), ("b", ("y", "z"))]
    assert store.waivers.holding("sales", "main") == sorted(made, key=lambda item: (item.made_at, item.id))
    assert store.ledger.head().number == head + 2
    assert store.ledger.verify() == []
