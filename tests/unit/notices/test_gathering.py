"""What the ledger says becomes notices, by the policy's routes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gate_server.errors import ConfigError
from gate_server.model import (
    Candidate,
    Commit,
    Format,
    Outcome,
    Policy,
    Reason,
    Revert,
    Route,
    Rule,
    Suite,
    Verdict,
    Waiver,
    dump,
)
from gate_server.notices.gathering import Gatherer
from gate_server.notices.targets import read_targets
from gate_server.policy.digests import policy_digest
from gate_server.policy.document import PolicyErrors
from gate_server.policy.load import load_policy
from gate_server.store.ledger import append
from gate_server.store.records import Answer
from gate_server.store.store import Store, open_store
from gate_server.store.times import now

EVERYTHING = Route(("all",))
ORDERS = Rule("orders", ("orders/**",), "s", Format("csv"), owner="team-sales")
STOCK = Rule("stock", ("stock/**",), "s", Format("csv"), owner="team-stock")
EVENT = {"repository": "sales", "destination": "main", "merge_source": "nightly", "commit_id": "c" * 64}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/gate.db")
    yield opened
    opened.engine.dispose()


class Told:
    """A gate's ledger, and who is told what of it."""

    def __init__(self, store: Store, *routes: Route, waivers: tuple[Waiver, ...] = ()) -> None:
        self.store = store
        policy = Policy((ORDERS, STOCK), {"s": Suite("s", {})}, waivers=waivers, notices=routes)
        self.policy = replace(policy, digest=policy_digest(policy))
        store.policies.keep(self.policy.digest, dump(self.policy), "engine")
        self.gather = Gatherer(
            store,
            lambda: self.policy,
            {"all", "sales", "stock", "oncall"},
            public_url="https://gate.example.org/",
            quiet_s=0.0,
            waiver_days=3.0,
        )
        self.gather()  # begins here

    def merge(self, *reasons: Reason, outcome: Outcome = Outcome.FAIL) -> None:
        """Answer a hook by a check with this verdict."""
        commit = [Commit(letter * 64, f"metarange-{letter}") for letter in "abc"]
        candidate = Candidate("sales", "main", commit[0], commit[2], commit[1])
        check = self.store.checks.create(candidate, "nightly", self.policy.digest, worker="w")
        verdict = Verdict(outcome, outcome is Outcome.PASS, reasons, rules=("orders", "stock"))
        self.store.checks.finish(
            check, verdict=verdict, plan=None, evaluations={}, failure=None, reusable=False, lakefs_calls=0
        )
        self.answer(outcome, check.id, verdict.summary)

    def answer(self, outcome: Outcome, check_id: str | None, summary: str, kind: Any = "hook") -> None:
        status = {Outcome.PASS: 200, Outcome.FAIL: 412}.get(outcome, 503)
        self.store.asks.create(kind, "hook", EVENT, check_id, Answer(status, outcome.value, summary))

    def told(self, target: str = "all") -> list[str]:
        """Read the ledger, and send all that is due to `target`; return titles and texts."""
        self.gather()
        found = self.store.notices.claim(target, 100)
        for notice in found:
            self.store.notices.sent(notice.id)
        return [f"{notice.title}\n{notice.body}" for notice in found]


def fail(rule: str, message: str = "holds nulls") -> Reason:
    return Reason(Outcome.FAIL, message, rule, f"{rule}/1.csv")


def test_a_refused_merge_is_told_with_reason_and_link(store: Store) -> None:
    here = Told(store, EVERYTHING)
    here.merge(fail("orders"), Reason(Outcome.WARN, "a warning beside", "stock", "stock/1.csv"))
    (told,) = here.told()
    assert told.startswith(
        "FAIL: sales: nightly into main\nFAIL: holds nulls in orders/1.csv (rule orders)\n"
    )
    assert "owner: team-sales" in told
    assert "https://gate.example.org/checks/" in told
    assert "a warning beside" not in told
    here.merge(fail("orders"))  # the same, tried again
    assert here.told() == []
    here.answer(Outcome.PASS, None, "PASS: 2 rules hold")
    assert here.told() == ["PASS: sales: nightly into main\nPASS: 2 rules hold"]
    here.answer(Outcome.PASS, None, "PASS: 2 rules hold")
    assert here.told() == []


def test_each_is_told_what_concerns_it(store: Store) -> None:
    here = Told(
        store, Route(("sales",), owners=("team-sales",)), Route(("stock",), rules=("stock",)), EVERYTHING
    )
    here.merge(fail("orders"), fail("stock"))
    assert "orders" in here.told("sales")[0]
    (stock,) = here.told("stock")
    assert "orders/1.csv" not in stock
    assert "stock/1.csv" in stock
    assert "orders/1.csv" in here.told("all")[0]


def test_could_not_tell_is_told_whatever_the_rule(store: Store) -> None:
    here = Told(store, Route(("sales",), on=("error",), rules=("orders",)))
    here.answer(Outcome.ERROR, None, "ERROR: lakeFS is away")
    assert here.told("sales") == ["ERROR: sales: nightly into main\nERROR: lakeFS is away"]
    here.merge(fail("orders"))
    assert here.told("sales") == []  # only errors


def test_who_asks_ahead_is_answered_and_nobody_told(store: Store) -> None:
    here = Told(store, EVERYTHING)
    here.answer(Outcome.FAIL, None, "FAIL: holds nulls", kind="api")
    assert here.told() == []


def entry(store: Store, kind: str, **content: str) -> None:
    with store.engine.begin() as connection:
        append(
            connection, kind, subject="c" * 64, repository="sales", branch="main", commit_id="c" * 64,
            content=content,
        )  # fmt: skip


def test_an_unverified_commit_waits_for_its_judgement(store: Store) -> None:
    here = Told(store, EVERYTHING)
    found = {"came_by": "a commit", "check": "", "committer": "bob"}
    entry(store, "audit.found", state="unverified", **found)
    assert here.told() == []
    here.answer(Outcome.PASS, None, "PASS", kind="audit")
    assert here.told() == []
    assert store.notices.listed() == []  # it was good
    entry(store, "audit.found", state="failing", **found)
    (told,) = here.told()
    assert told.startswith(
        "FAILING: sales/main, commit cccccccccccc\nit came by a commit, by bob, and is bad"
    )
    entry(store, "audit.held_back", why="3 reverts in an hour are the most")
    assert "3 reverts in an hour" in here.told()[0]


def test_a_revert_is_told(store: Store) -> None:
    here = Told(store, Route(("oncall",), on=("revert",)))
    revert = Revert(
        id="r1", repository="sales", branch="main", from_commit="b" * 64, to_commit="a" * 64,
        principal="ann", reason="bad load <!channel> @everyone", state="planned", commit_id="", message="",
    )  # fmt: skip
    store.reverts.open(revert, "temporary")
    assert here.told("oncall") == []
    store.reverts.close(replace(revert, state="verified", commit_id="d" * 64))
    (told,) = here.told("oncall")
    assert told.startswith(
        "REVERT verified: sales/main\nto aaaaaaaaaaaa, by ann\nreason: bad load ‹!channel›"
    )
    assert "@everyone" not in told
    assert told.endswith("https://gate.example.org/reverts/r1")


def test_a_watch_is_told_and_that_it_is_in_order_again(store: Store) -> None:
    here = Told(store, EVERYTHING)

    def look(outcome: Outcome) -> None:
        event = {"watch": "whole", "repository": "sales", "destination": "main", "head": "c" * 64}
        store.asks.create("watch", "watch", event, None, Answer(412, outcome.value, f"{outcome}: it is"))

    look(Outcome.FAIL)
    look(Outcome.FAIL)
    assert here.told() == ["FAIL: sales/main, watch whole\nFAIL: it is"]
    look(Outcome.PASS)
    assert len(here.told()) == 1


def test_waivers_that_end_soon_are_told_once(store: Store) -> None:
    in_policy = Waiver("orders", "ann", "a late load", now() + timedelta(days=2))
    later = Waiver("stock", "bob", "next month", now() + timedelta(days=20))
    here = Told(store, EVERYTHING, waivers=(in_policy, later))
    store.waivers.make(
        "sales", "main", [("stock", ["**"])], owner="eve", reason="known", made_by="eve",
        expires=now() + timedelta(days=1),
    )  # fmt: skip
    told = here.told()
    assert len(told) == 2
    assert any("ann: a late load" in text for text in told)
    assert any("eve: known" in text for text in told)
    assert here.told() == []


def test_nothing_of_before_is_told_when_notices_are_turned_on(store: Store) -> None:
    here = Told(store)
    here.merge(fail("orders"))
    here.gather()
    here.policy = replace(here.policy, notices=(EVERYTHING,))
    assert here.told() == []
    here.merge(fail("stock"))
    assert len(here.told()) == 1


def test_a_route_to_nowhere_shows(store: Store) -> None:
    here = Told(store, Route(("nowhere",)))
    here.merge(fail("orders"))
    here.gather()
    (notice,) = store.notices.listed()
    assert (notice.state, notice.reason) == ("given_up", "GATE_NOTICE_TARGETS has no address for it")


def test_a_policy_that_tells_nobody_keeps_its_digest() -> None:
    silent = Policy((ORDERS,), {"s": Suite("s", {})})
    assert policy_digest(silent) != policy_digest(replace(silent, notices=(EVERYTHING,)))
    assert policy_digest(replace(silent, notices=(replace(EVERYTHING, line=7),))) == policy_digest(
        replace(silent, notices=(EVERYTHING,))
    )


@pytest.mark.parametrize(
    ("notices", "complaint"),
    [
        ("- {on: fail}", "`to` is needed"),
        ("- {to: team, on: failure}", "notices[0].on.0"),
        ("- {to: team, rules: order}", "no rule is called order"),
        ("- {to: team, owners: nobody}", "no rule has the owner nobody"),
        ("- {to: 'slack://secret'}", "notices[0].to.0"),
        ("- {to: team, when: now}", "`when` is unknown"),
        ("  team", "a list is needed"),
    ],
)
def test_wrong_routes_are_named(notices: str, complaint: str) -> None:
    text = (
        "version: 1\nrules:\n- {name: orders, paths: ['*'], require: {min_size_bytes: 1}}\n"
        f"notices:\n{notices}\n"
    )

    def read_suite(name: str, _text: str, path: str) -> Suite:
        return Suite(name, {}, path)

    with pytest.raises(PolicyErrors) as caught:
        load_policy("gate.yaml", lambda _: text.encode(), read_suite)
    assert complaint in str(caught.value)
    assert "secret" not in str(caught.value)


def test_addresses_are_read_and_never_told() -> None:
    found = read_targets("# ours\nteam json://a/\n\n team mailto://b@c \noncall slack://x/y/z\n")
    assert found == {"team": ("json://a/", "mailto://b@c"), "oncall": ("slack://x/y/z",)}
    for wrong in ("json://secret", "team secret", "team json://a secret", "te/am json://secret"):
        with pytest.raises(ConfigError) as caught:
            read_targets(f"# one\n{wrong}")
        assert "line 2" in str(caught.value)
        assert "secret" not in str(caught.value)
