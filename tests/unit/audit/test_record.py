"""What the ledger says of a commit: only what decided vouches for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gate_server.audit.line import State, TakenBack
from gate_server.audit.record import step_of
from gate_server.model import Commit
from gate_server.store.ledger import GENESIS, Entry

COMMIT = Commit("c" * 64, "m", ("p" * 64,))


def entry(kind: str, subject: str = "s", /, **content: Any) -> Entry:
    """Return an entry about the commit."""
    at = datetime(2026, 11, 21, tzinfo=UTC)
    return Entry(1, at, kind, "repo", "main", COMMIT.id, subject, "who", content, GENESIS, GENESIS)


def answered(outcome: str, status: int = 200, kind: str = "hook", **content: Any) -> Entry:
    """Return that an ask about the commit was answered."""
    return entry("ask.answered", kind=kind, check="check", outcome=outcome, status=status, **content)


def closed(state: str = "verified", **content: Any) -> Entry:
    """Return that a revert which made the commit came to its end."""
    return entry("revert.closed", "revert", **{"to": "t", "way": "state", "state": state} | content)


@pytest.mark.parametrize(
    ("entries", "state"),
    [
        ([], State.UNVERIFIED),
        ([answered("PASS")], State.JUDGED),
        ([answered("WARN")], State.JUDGED),
        ([answered("WARN", waived_by=["ann"])], State.WAIVED),
        ([answered("FAIL", 412)], State.FAILING),
        ([answered("PASS", 503)], State.FAILING),
        ([answered("ERROR", 503)], State.UNVERIFIED),
        ([answered("ERROR", 200)], State.UNVERIFIED),  # on_error: warn let it through
        ([answered("PASS"), answered("ERROR", 503)], State.JUDGED),
        ([answered("FAIL", 412), answered("PASS")], State.JUDGED),
        ([answered("PASS"), answered("FAIL", 412, "audit")], State.FAILING),
        ([answered("PASS"), answered("FAIL", 412)], State.JUDGED),  # asked again, by whoever
        ([answered("WARN", waived_by=["ann"]), answered("FAIL", 412)], State.WAIVED),
        ([answered("PASS", kind="audit"), answered("FAIL", 412)], State.JUDGED_AFTERWARDS),
        ([answered("FAIL", 412, "audit"), answered("FAIL", 412)], State.FAILING),
        ([answered("PASS", kind="audit")], State.JUDGED_AFTERWARDS),
        ([answered("PASS", kind="ahead")], State.UNVERIFIED),  # about what a merge would make
        ([answered("PASS", kind="api")], State.UNVERIFIED),
        ([entry("verdict", outcome="PASS")], State.UNVERIFIED),  # that nobody was told
        ([entry("installed"), entry("audit.found", state="unverified")], State.UNVERIFIED),
        ([closed("moved", is_whole=True)], State.UNVERIFIED),
        ([closed("failed", is_whole=True)], State.UNVERIFIED),
        ([closed("applied", is_whole=True)], State.UNVERIFIED),
        ([closed(is_whole=False)], State.UNVERIFIED),
        ([closed()], State.UNVERIFIED),  # of before it was written down
        ([closed(is_whole=False), answered("PASS", kind="audit")], State.JUDGED_AFTERWARDS),
        ([answered("FAIL", 412, "audit"), closed(is_whole=True)], State.REVERT),
    ],
)
def test_what_vouches_for_a_commit(entries: list[Entry], state: State) -> None:
    assert step_of(COMMIT, entries).state is state


def test_what_a_revert_took_back() -> None:
    whole = step_of(COMMIT, [closed(is_whole=True)])
    assert (whole.took, whole.revert) == (TakenBack("to", "t", is_exact=True), "revert")
    assert step_of(COMMIT, [closed(is_whole=False)]).took == TakenBack("to", "t", is_exact=False)
    assert step_of(COMMIT, [closed(way="commit", is_whole=True)]).took == TakenBack(
        "undo", "t", is_exact=True
    )


def test_what_passed_as_the_gates_own_merge_was_not_judged() -> None:
    own = entry("ask.answered", kind="hook", check=None, outcome="PASS", status=200)
    assert step_of(COMMIT, [own]).state is State.UNVERIFIED
