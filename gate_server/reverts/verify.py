"""What came of a revert: read from lakeFS, never from its answer alone (R4)."""

from __future__ import annotations

from dataclasses import replace

from gate_server.errors import CouldNotTell, LakeFSError
from gate_server.lakefs.branches import Branches
from gate_server.model import Commit, Revert, RevertPlan
from gate_server.reverts.context import RevertContext

# Metadata of the commit that a revert makes; the guard (hooks/guard_revert.lua) reads the first two.
EXPECTED_HEAD = "gate.expected_head"
EXPECTED_METARANGE = "gate.expected_metarange"
REVERT_ID = "gate.revert"
# Nothing, or a proxy's word for it: lakeFS may still be at it.
NO_ANSWER = (0, 408, 502, 503, 504)


def settle(
    context: RevertContext, plan: RevertPlan, revert: Revert, wanted: str, refusal: LakeFSError | None
) -> Revert:
    """Return the outcome of a revert that was sent.

    Parameters
    ----------
    wanted
        The metarange that the branch is to have.
    refusal
        What lakeFS said instead of success; decides nothing by itself.

    Raises
    ------
    CouldNotTell
        When lakeFS gave no answer and the commit is not there: it may still come.
    """
    head = context.commits.head(plan.repository, plan.branch)
    made = find_commit(context, revert, head, wanted)
    if made is not None:
        return _judge(plan, revert, made, head, wanted)
    if refusal is None:
        message = (
            f"lakeFS said that it did, but {plan.branch} does not hold the commit; its head is {head.id}"
        )
        return replace(revert, state="failed", message=message)
    if refusal.http_status in NO_ANSWER:
        raise CouldNotTell(f"{refusal.message}; the revert may still come", refusal.hint) from refusal
    return replace(revert, state="refused", message=_why(context, plan, head, refusal))


def find_commit(context: RevertContext, revert: Revert, head: Commit, wanted: str) -> Commit | None:
    """Return the commit that `revert` made, None when the line down from `head` does not hold it.

    The revert's id in a commit's metadata is there for all to copy: the content decides. On the head that was
    planned for, lakeFS makes `wanted` of it, and nothing else.
    """
    if head.id == revert.from_commit:
        return None
    line = [head]
    if not is_exact(revert, head, wanted):
        line = list(context.commits.first_parents(revert.repository, head.id, stop_at=revert.from_commit))
    named = [commit for commit in line if commit.metadata.get(REVERT_ID) == revert.id]
    exact = (commit for commit in named if is_exact(revert, commit, wanted))
    return next(exact, named[-1] if named else None)


def is_exact(revert: Revert, commit: Commit, wanted: str) -> bool:
    """Whether a commit, made on the head that was planned for, holds what was wanted."""
    return commit.parents[:1] == (revert.from_commit,) and commit.metarange == wanted != ""


def undo_command(revert: Revert, commit_id: str) -> str:
    """Return the command that takes the branch to `commit_id`."""
    return f"gate revert lakefs://{revert.repository}/{revert.branch} --to {commit_id}"


def moved(plan: RevertPlan, head: Commit) -> str:
    """Return what to say when the branch's head is not the plan's any more, and nothing was changed."""
    return f"{plan.branch} moved: its head is now {head.id}; nothing was changed, look and revert again"


def _judge(plan: RevertPlan, revert: Revert, made: Commit, head: Commit, wanted: str) -> Revert:
    before = made.parents[0]
    notes = list(revert.notes)
    if head.id != made.id:
        notes.append(f"{plan.branch} has moved on since: its head is {head.id}")
    done = replace(revert, commit_id=made.id, undo=undo_command(revert, before), notes=tuple(notes))
    if before != plan.head.id:
        return replace(
            done,
            state="moved",
            message=f"{plan.branch} had moved to {before} before: the revert undid only what came up to "
            f"{plan.head.id}, so the result may be a state that never was; look at it, or undo the revert",
        )
    if made.metarange != wanted:
        return replace(
            done,
            state="failed",
            message=f"{plan.branch} does not hold what was planned: metarange {made.metarange}, not {wanted}",
        )
    return replace(done, state="verified", message=f"{_done(plan)}; checked by metarange")


def _done(plan: RevertPlan) -> str:
    kept = f", {len(plan.keep)} paths kept" if plan.keep else ""
    if plan.way == "commit":
        return f"{plan.branch} is without what {plan.target.id} did{kept}"
    what = f"below {', '.join(plan.paths)} " if plan.way == "paths" else ""
    return f"{plan.branch} holds {what}the content of {plan.target.id} again{kept}"


def _why(context: RevertContext, plan: RevertPlan, head: Commit, refusal: LakeFSError) -> str:
    if head.id != plan.head.id:
        return moved(plan, head)
    where = f"lakefs://{plan.repository}/{plan.branch}"
    if Branches(context.lakefs, plan.repository).is_dirty(plan.branch):
        return (
            f"{plan.branch} has uncommitted changes, which lakeFS does not revert over; commit them, or drop "
            f"them with `lakectl branch reset {where}`, and revert again"
        )
    return f"{plan.branch} is untouched: {refusal.message}"
