"""Reverts that broke off: their branches are deleted and their outcome is recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from gate_server.errors import GateError, LakeFSError, NotFound
from gate_server.lakefs.branches import Branches
from gate_server.model import Revert
from gate_server.reverts.context import RevertContext
from gate_server.reverts.past_actions import delete_hidden
from gate_server.reverts.verify import find_commit, is_exact, undo_command


def sweep(context: RevertContext, *, older_than_s: float | None = None) -> list[Revert]:
    """Finish every revert whose lease ran out; return what was looked at.

    One whose outcome lakeFS does not tell stays open for the next time, and has a note; so does one whose
    branch lakeFS does not give away, but what came of it is recorded.

    Parameters
    ----------
    older_than_s
        Those that have been open, and not renewed, for longer than this instead.
    """
    finished = []
    lease_s = context.lease_s
    age_s = lease_s if older_than_s is None else older_than_s
    for revert, branch in context.store.reverts.unfinished(older_than_s=age_s, lease_s=lease_s):
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
    left = _delete(context, revert, branch)
    if left is not None and revert.state != "planned":
        raise left
    # A branch that somebody's hook keeps must not keep the outcome, for which others wait.
    outcome = _outcome(context, revert) if revert.state == "planned" else revert
    if left is not None:
        note = f"the temporary branch {branch} could not be deleted ({left.message})"
        outcome = replace(outcome, notes=(*outcome.notes, note))
    closed = context.store.reverts.close(outcome, was=revert.state, branch_left=left is not None)
    return outcome if closed else None


def _delete(context: RevertContext, revert: Revert, branch: str) -> LakeFSError | None:
    try:
        delete_hidden(Branches(context.lakefs, revert.repository), branch, revert.to_commit)
    except LakeFSError as error:
        return None if error.http_status == 404 else error
    return None


def _outcome(context: RevertContext, revert: Revert) -> Revert:
    wanted = context.store.reverts.wanted(revert.id)
    try:
        head = context.commits.head(revert.repository, revert.branch)
        # Where nothing was wanted yet, the branch was not touched.
        made = find_commit(context, revert, head, wanted or "") if wanted != "" else None
    except NotFound as error:
        return replace(revert, state="failed", message=f"broke off, and {error.message}")
    if made is None:
        return replace(revert, state="failed", message=f"broke off; {revert.branch} was not put back by it")
    before = made.parents[0]
    state: Literal["verified", "applied", "moved"] = "moved"
    if before == revert.from_commit:
        state = "applied" if wanted is None else "verified"
    if state == "verified" and not is_exact(revert, made, wanted or ""):
        # lakeFS makes nothing else of it on this head: somebody copied the revert's name.
        message = f"broke off; {revert.branch} was not put back by it, though commit {made.id} says so"
        return replace(revert, state="failed", message=message)
    checked = "checked by metarange" if state == "verified" else "not checked further"
    message = f"broke off after {revert.branch} was put back; {checked}"
    undo = undo_command(revert, before)
    return replace(revert, state=state, commit_id=made.id, message=message, undo=undo)
