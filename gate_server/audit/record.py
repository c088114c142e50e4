"""What the ledger says of a commit; nothing else vouches for one."""

from __future__ import annotations

from collections.abc import Sequence

from gate_server.audit.line import State, Step, TakenBack
from gate_server.model import Commit, Outcome
from gate_server.store.ledger import Entry

ALLOWED = 200
DECIDED = {Outcome.PASS.value, Outcome.WARN.value, Outcome.FAIL.value}
DOUBTED = "audit.doubted"  # by a policy that nobody vouches for: what was said until then counts no more
JUDGES = {"hook", "audit"}  # whose asks are about a commit that there is


def step_of(commit: Commit, entries: Sequence[Entry]) -> Step:
    """Return what the entries about `commit` come to, the last word counting.

    ERROR is no word: neither is what was let through by `on_error: warn`. Without any the commit is
    unverified.
    """
    made = next((entry for entry in reversed(entries) if _is_revert(entry)), None)
    took = _taken_back(made) if made else None
    revert = made.subject if made else ""
    if took is not None and took.is_exact:
        return Step(commit, State.REVERT, revert=revert, took=took)
    # A revert that took back less than all, or that nobody saw the end of, may be a state that never was: it
    # vouches for nothing, and is judged like any other.
    last: Entry | None = None
    doubts = [number for number, entry in enumerate(entries) if entry.kind == DOUBTED]
    for number, entry in enumerate(entries):
        if doubts and (number < doubts[-1] or _by_hook(entry)):
            continue
        # Anybody with the hook's token may have a commit judged again, when a waiver is over, or by another
        # policy: that does not turn what was let in, or judged by the audit, into something bad.
        if _decides(entry) and (last is None or not _is_bad(entry) or _is_bad(last) or not _by_hook(entry)):
            last = entry
    if last is None:
        return Step(commit, State.UNVERIFIED, revert=revert, took=took)
    outcome, by_hook = last.content["outcome"], _by_hook(last)
    if _is_bad(last):
        state = State.FAILING
    elif last.content.get("waived_by"):
        state = State.WAIVED
    else:
        state = State.JUDGED if by_hook else State.JUDGED_AFTERWARDS
    return Step(commit, state, last.subject, last.content["check"], outcome, revert=revert, took=took)


def judged_afterwards(entries: Sequence[Entry]) -> list[Entry]:
    """Return what came of each time that a commit was judged after it had come in, ERROR included."""
    return [entry for entry in entries if entry.kind == "ask.answered" and entry.content["kind"] == "audit"]


def _decides(entry: Entry) -> bool:
    return (
        entry.kind == "ask.answered"
        and entry.content["kind"] in JUDGES
        and entry.content["outcome"] in DECIDED
        and bool(entry.content["check"])  # the gate's own merges pass without one
    )


def _by_hook(entry: Entry) -> bool:
    return entry.kind == "ask.answered" and bool(entry.content["kind"] == "hook")


def _is_bad(entry: Entry) -> bool:
    is_refused = _by_hook(entry) and entry.content["status"] != ALLOWED
    return bool(is_refused or entry.content["outcome"] == Outcome.FAIL.value)


def _is_revert(entry: Entry) -> bool:
    return entry.kind == "revert.closed" and bool(entry.commit_id)


def _taken_back(entry: Entry) -> TakenBack:
    is_undo = entry.content.get("way") == "commit"
    return TakenBack(
        "undo" if is_undo else "to",
        entry.content["to"],
        is_exact=entry.content["state"] == "verified" and entry.content.get("is_whole", False) is True,
    )
