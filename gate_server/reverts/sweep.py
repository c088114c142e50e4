"""Reverts that broke off: their branches are deleted and their outcome is recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from gate_server.errors import GateError, LakeFSError, NotFound
from gate_server.lakefs.branches import Branches
from gate_server.model import Revert
from gate_server.reverts.context import RevertContext
from gate_server.reverts.past_actions import delete_hidden
from gate_server.reverts.verify import EXPECTED_METARANGE, find_commit, undo_command

BROKEN_OFF_AFTER_S = 600.0


def sweep(context: RevertContext, *, older_than_s: float = BROKEN_OFF_AFTER_S) -> list[Revert]:
    """Finish every revert that has been open for longer than `older_than_s`; return what was looked at.

    One whose branch or outcome lakeFS does not tell stays open for the next time, and has a note.
    """
    finished = []
    for revert, branch in context.store.reverts.unfinished(
        older_than_s=older_than_s, lease_s=context.lease_s
    ):
        try:
            outcome = finish(context, revert, branch)
        except GateError as error:
            finished.append(replace(revert, notes=(*revert.notes, f"not yet finished: {error.message}")))
            continue
        if outcome is not None:
            finished.append(outcome)
    return finished


def finish(context: RevertContext, revert: Revert, branch: str) -> Revert | None:
    """Find out what came of a revert that broke off, and record it; None where somebody else did."""
    _delete(context, revert, branch)
    outcome = _outcome(context, revert) if revert.state == "planned" else revert
    return outcome if context.store.reverts.close(outcome, was=revert.state) else None


def _delete(context: RevertContext, revert: Revert, branch: str) -> None:
    try:
        delete_hidden(Branches(context.lakefs, revert.repository), branch, revert.to_commit)
    except LakeFSError as error:
        if error.http_status != 404:
            raise


def _outcome(context: RevertContext, revert: Revert) -> Revert:
    try:
        made = find_commit(context, revert, context.commits.head(revert.repository, revert.branch))
    except NotFound as error:
        return replace(revert, state="failed", message=f"broke off, and {error.message}")
    if made is None:
        return replace(revert, state="failed", message=f"broke off; {revert.branch} was not put back by it")
    before = made.parents[0]
    state: Literal["verified", "applied", "moved"] = "moved"
    if before == revert.from_commit:
        # The commit itself says what it was to hold.
        state = "verified" if made.metarange == made.metadata.get(EXPECTED_METARANGE) else "applied"
    checked = "checked by metarange" if state == "verified" else "not checked further"
    message = f"broke off after {revert.branch} was put back; {checked}"
    undo = undo_command(revert, before)
    return replace(revert, state=state, commit_id=made.id, message=message, undo=undo)
