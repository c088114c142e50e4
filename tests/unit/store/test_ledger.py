"""The ledger is only appended to, and what was done to it otherwise shows."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from gate_server.model import Revert, Scope, Token
from gate_server.store.ledger import GENESIS, Entry, Head, append, digest_of
from gate_server.store.records import Answer
from gate_server.store.store import Store
from gate_server.store.times import now

COMMIT = "c0ffee" + "0" * 58


def fill(store: Store, count: int = 5) -> None:
    for number in range(count):
        with store.engine.begin() as connection:
            append(
                connection,
                "verdict",
                subject=f"s{number}",
                repository="repo",
                branch="main",
                commit_id=COMMIT,
                content={"share": 0.1 + number, "word": "naïve\x00", "none": None, "list": [1, 2**60]},
            )


def tamper(store: Store, statement: str) -> None:
    """Do what somebody who owns the database can do: the triggers go first."""
    if store.engine.dialect.name == "postgresql":
        drop = ["DROP TRIGGER ledger_append_only ON ledger"]
    else:
        drop = ["DROP TRIGGER ledger_no_update", "DROP TRIGGER ledger_no_delete"]
    with store.engine.begin() as connection:
        for line in [*drop, statement]:
            connection.execute(text(line))


def test_an_untouched_chain_is_whole(store: Store) -> None:
    assert store.ledger.verify() == []
    assert store.ledger.head() == Head(0, GENESIS)
    fill(store)
    assert store.ledger.verify() == []
    assert store.ledger.head().number == 5
    entries = list(store.ledger.entries())
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry.previous for entry in entries] == [GENESIS, *(entry.digest for entry in entries[:-1])]
    assert entries[1].content == {"share": 1.1, "word": "naïve\x00", "none": None, "list": [1, 2**60]}
    assert store.ledger.of_commits("repo", "main", [COMMIT, "other"]) == {COMMIT: tuple(entries)}
    assert store.ledger.of_commits("repo", "other", [COMMIT]) == {}
    assert store.ledger.of_subject("s2") == [entries[2]]


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE ledger SET content = '{}' WHERE number = 3", "entry 3 (verdict, s2) was altered"),
        ("UPDATE ledger SET principal = 'somebody' WHERE number = 1", "entry 1 (verdict, s0) was altered"),
        ("UPDATE ledger SET kind = 'waiver.made' WHERE number = 5", "entry 5 (waiver.made, s4) was altered"),
        (
            "UPDATE ledger SET at = '2020-01-01 00:00:00' WHERE number = 2",
            "entry 2 (verdict, s1) was altered",
        ),
        ("UPDATE ledger SET previous = digest WHERE number = 4", "entry 4 does not follow entry 3"),
        ("DELETE FROM ledger WHERE number IN (2, 3)", "entries 2 to 3 are missing"),
        ("DELETE FROM ledger WHERE number = 1", "entries 1 to 1 are missing"),
    ],
)
def test_what_was_done_to_an_entry_shows(store: Store, statement: str, finding: str) -> None:
    fill(store)
    tamper(store, statement)
    assert finding in store.ledger.verify()


def test_a_chain_that_was_made_anew_shows_by_a_head_that_was_noted(store: Store) -> None:
    fill(store)
    noted = store.ledger.head()
    third = list(store.ledger.entries())[2]
    tamper(store, "DELETE FROM ledger WHERE number > 3")
    assert store.ledger.verify() == []
    assert store.ledger.verify(noted) == ["the ledger ends at 3, entry 5 was noted"]
    fill(store)
    assert store.ledger.verify() == []
    assert store.ledger.verify(noted) == ["entry 5 is not the one that was noted"]
    assert store.ledger.verify(Head(third.number, third.digest)) == []


def test_the_database_refuses_all_but_appending(store: Store) -> None:
    fill(store, 2)
    statements = ["UPDATE ledger SET kind = 'x'", "DELETE FROM ledger"]
    if store.engine.dialect.name == "postgresql":
        statements.append("TRUNCATE ledger")
    for statement in statements:
        with pytest.raises(SQLAlchemyError, match="append-only"), store.engine.begin() as connection:
            connection.execute(text(statement))
    assert store.ledger.verify() == []
    assert store.ledger.head().number == 2


def test_who_append_at_once_make_one_chain(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: fill(store, 5), range(8)))
    assert store.ledger.verify() == []
    assert store.ledger.head().number == 40


def test_what_is_not_written_has_no_entry(store: Store) -> None:
    fill(store, 1)

    def breaks_off() -> None:
        with store.engine.begin() as connection:
            append(connection, "verdict", subject="lost")
            raise RuntimeError("broke off")

    with pytest.raises(RuntimeError):
        breaks_off()
    assert store.ledger.head().number == 1
    assert store.ledger.of_subject("lost") == []


def test_an_export_alone_verifies(store: Store) -> None:
    fill(store)
    exported = json.loads(json.dumps([entry.to_json() for entry in store.ledger.entries()]))
    read = [Entry(**{**row, "at": type(now()).fromisoformat(row["at"])}) for row in exported]
    assert [digest_of(entry) for entry in read] == [row["digest"] for row in exported]
    assert digest_of(replace(read[0], subject="x")) != read[0].digest


def kinds(store: Store) -> list[tuple[str, str, str]]:
    return [(entry.kind, entry.subject, entry.principal) for entry in store.ledger.entries()]


def test_what_is_recorded_of_an_ask(store: Store) -> None:
    event: dict[str, Any] = {"repository": "repo", "destination": "main", "commit_id": COMMIT}
    known = store.asks.create("hook", "lakefs", event, None, Answer(200, "PASS", "all well"))
    running = store.asks.create("hook", "lakefs", event, "check", Answer(503, "", "still running"))
    assert kinds(store) == [("ask.answered", known, "lakefs")]
    store.asks.answered(running, Answer(503, "", "still running"))
    store.asks.answered(running, Answer(412, "FAIL", "bad"))
    store.asks.answered("nobody", Answer(200, "PASS", "nothing"))
    assert kinds(store) == [("ask.answered", known, "lakefs"), ("ask.answered", running, "lakefs")]
    first, second = store.ledger.of_commits("repo", "main", [COMMIT])[COMMIT]
    assert (first.content["outcome"], first.content["status"]) == ("PASS", 200)
    assert second.content == {
        "kind": "hook", "check": "check", "event": event, "status": 412, "outcome": "FAIL", "summary": "bad",
    }  # fmt: skip


@pytest.mark.parametrize("claimed", ["", "main", COMMIT[:12], COMMIT + "0", "x" * 1024, "\n" + COMMIT])
def test_an_ask_is_about_a_commit_by_its_whole_id_alone(store: Store, claimed: str) -> None:
    event = {"repository": "repo", "destination": "main", "commit_id": claimed}
    store.asks.create("hook", "lakefs", event, None, Answer(503, "ERROR", "no such commit"))
    (entry,) = store.ledger.entries()
    assert entry.commit_id == ""
    assert entry.content["event"]["commit_id"] == claimed


def test_what_is_recorded_of_tokens_reverts_and_installations(store: Store) -> None:
    token = Token("t1", "ada", (), Scope(), "admin", now(), None)
    store.tokens.create(token, "d" * 64)
    assert store.tokens.revoke("t1", "bob")
    assert not store.tokens.revoke("t1", "bob")
    revert = Revert("r1", "repo", "main", "from", "to", "", "planned", "", "bad data", "ada")
    store.reverts.open(revert, "gate-revert-r1")
    done = replace(revert, state="verified", commit_id="made")
    assert store.reverts.close(done)
    assert not store.reverts.close(done, was="planned")
    store.installations.register("repo", "base", "source", "ada")
    store.installations.register("repo", "base", "source", "ada")
    store.installations.record("repo", "main", {"a": "text"}, "head", "ada")
    assert kinds(store) == [
        ("token.made", "t1", "admin"),
        ("token.revoked", "t1", "bob"),
        ("revert.opened", "r1", "ada"),
        ("revert.closed", "r1", "ada"),
        ("install.announced", "source", "ada"),
        ("installed", "head", "ada"),
    ]
    assert "d" * 64 not in str(list(store.ledger.entries()))
    assert store.ledger.of_commits("repo", "main", ["made"])["made"][0].content["state"] == "verified"
    assert store.ledger.verify() == []
