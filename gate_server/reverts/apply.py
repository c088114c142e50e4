"""A revert, done: one new commit on the branch, exact or refused (D11).

U is a hidden branch at the target, with the kept paths committed on it. A stand-in commit on U then holds the
branch's whole content; undoing that commit on the branch leaves exactly U's content, because the merge base
equals the branch (R1). Without kept paths the stand-in is a merge of the branch's head into U, which even a
protection of all branches (``*``) allows; with kept paths it is a commit of the head's metarange, because a
merge would lose a kept path that neither side has.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gate_server.errors import Conflict, CouldNotTell, GateError, LakeFSError
from gate_server.lakefs.branches import Branches
from gate_server.model import Commit, Revert, RevertPlan
from gate_server.reverts.context import RevertContext
from gate_server.reverts.verify import EXPECTED_HEAD, EXPECTED_METARANGE, REVERT_ID, moved, settle
from gate_server.store.reverts import Reverts
from gate_server.telemetry.traces import span

LINK = "::lakefs::Gate::url[url:ui]"
TEMPORARY = "gate-revert-"


@dataclass
class _Temporary:
    """The temporary branch. ``gone``: lakeFS certainly does not have it (any more)."""

    name: str
    gone: bool = False
    note: str = ""


@span("revert")
def apply_revert(context: RevertContext, plan: RevertPlan, *, principal: str = "") -> Revert:
    """Put the plan's branch back to its target.

    Returns
    -------
    Revert
        ``verified``: done, and the result is exactly what was planned. ``unchanged``: there was nothing to
        do. ``refused``: nothing was changed, `message` says why. ``moved``: the branch had moved meanwhile
        and no guard is installed, so the revert undid only what it had seen. ``failed``: the commit was made
        and does not hold what it should.

    Raises
    ------
    LakeFSError
        When lakeFS failed before the branch was touched.
    CouldNotTell
        When whether the branch was changed could not be read.
    """
    revert = Revert(
        id=Reverts.new_id(),
        repository=plan.repository,
        branch=plan.branch,
        from_commit=plan.head.id,
        to_commit=plan.target.id,
        commit_id="",
        state="planned",
        message="",
        reason=plan.reason,
        principal=principal,
        notes=plan.notes,
    )
    temporary = _Temporary(TEMPORARY + revert.id)
    reverts = context.store.reverts
    reverts.open(revert, temporary.name)
    if plan.unchanged:
        message = f"{plan.branch} holds the content of {plan.target.id} already"
        unchanged = replace(revert, state="unchanged", message=message)
        reverts.close(unchanged)
        return unchanged
    branches = Branches(context.lakefs, plan.repository)
    sent = False
    try:
        with _temporary_branch(branches, temporary, plan.target.id):
            stand_in, wanted = _stand_in(context, branches, plan, revert, temporary.name)
            head = context.commits.head(plan.repository, plan.branch)
            if head.id != plan.head.id:
                outcome = replace(revert, state="refused", message=moved(plan, head))
            else:
                sent = True
                refusal = _undo(context, branches, plan, revert, stand_in, wanted)
                outcome = settle(context, plan, revert, wanted, refusal)
    except GateError as error:
        if sent:  # the record stays open, so that `sweep` finds out
            raise CouldNotTell(
                f"whether {plan.branch} was put back could not be read: {error.message}",
                f"read the head of lakefs://{plan.repository}/{plan.branch} before you try again",
            ) from error
        failed = replace(revert, state="failed", message=f"{plan.branch} is untouched: {error.message}")
        reverts.close(_noted(failed, temporary), branch_left=not temporary.gone)
        raise
    outcome = _noted(outcome, temporary)
    reverts.close(outcome, branch_left=not temporary.gone)
    return outcome


@contextmanager
def _temporary_branch(branches: Branches, temporary: _Temporary, target: str) -> Iterator[None]:
    """Make U and delete it again, whatever happens between."""
    try:
        branches.create(temporary.name, target, hidden=True)
    except LakeFSError as error:
        if error.http_status in range(400, 500):
            temporary.gone = True
            raise
        _delete(branches, temporary)
        raise
    try:
        yield
    finally:
        _delete(branches, temporary)


def _delete(branches: Branches, temporary: _Temporary) -> None:
    try:
        branches.delete(temporary.name)
        temporary.gone = True
    except LakeFSError as error:
        # Not gone even with 404: a creation that was not answered may still come.
        temporary.note = (
            f"the temporary branch {temporary.name} could not be deleted ({error.message}); "
            "the gate tries again at its next start"
        )


def _stand_in(
    context: RevertContext, branches: Branches, plan: RevertPlan, revert: Revert, temporary: str
) -> tuple[str, str]:
    """Make the stand-in commit on U; return its id and the metarange that the branch is to have."""
    message = f"Stand-in for {plan.branch} at {plan.head.id}"
    if not plan.keep:
        # Recorded before, so that a hook of this merge is answered without a check (D12).
        context.store.reverts.will_merge(revert.id, plan.target.id)
        return branches.merge(plan.head.id, temporary, message), plan.target.metarange
    installed = context.store.installations.files(plan.repository, plan.branch) or {}
    for kept in plan.keep:
        if kept.source == "installed":
            branches.upload(temporary, kept.path, installed[kept.path].encode("utf-8"))
        elif kept.source == "branch":
            branches.copy(temporary, kept.path, plan.head.id)
        else:
            branches.delete_object(temporary, kept.path)
    kept_commit = branches.commit(temporary, f"{plan.target.id} with what {plan.branch} keeps")
    _check_kept(context, plan, kept_commit)
    stand_in = branches.commit(temporary, message, source_metarange=plan.head.metarange)
    return stand_in.id, kept_commit.metarange


def _check_kept(context: RevertContext, plan: RevertPlan, kept: Commit) -> None:
    """Refuse when somebody else put something on U: the commit is the target and the kept paths alone."""
    was = context.listings.of(plan.repository, plan.target, "")
    is_now = context.listings.of(plan.repository, kept, "")
    differing = {path for path in {*was, *is_now} if was.get(path) != is_now.get(path)}
    foreign = differing - {item.path for item in plan.keep}
    if kept.parents != (plan.target.id,) or foreign:
        what = f"{min(foreign)} was put on it" if foreign else "a commit was made on it"
        raise Conflict(
            f"somebody else wrote to the temporary branch of the revert: {what}; {plan.branch} is untouched",
            "find out who, then revert again",
        )


def _undo(
    context: RevertContext, branches: Branches, plan: RevertPlan, revert: Revert, stand_in: str, wanted: str
) -> LakeFSError | None:
    """Undo the stand-in on the branch; return what lakeFS said when it did not answer with success (R4)."""
    metadata = {
        EXPECTED_HEAD: plan.head.id,
        EXPECTED_METARANGE: wanted,
        REVERT_ID: revert.id,
        "gate.from": plan.head.id,
        "gate.to": plan.target.id,
        "gate.principal": revert.principal,
        "gate.reason": plan.reason,
    }
    if context.public_url:
        metadata[LINK] = f"{context.public_url.rstrip('/')}/reverts/{revert.id}"
    message = f"Put {plan.branch} back to {plan.target.id[:12]}" + (f": {plan.reason}" if plan.reason else "")
    try:
        branches.revert(plan.branch, stand_in, parent_number=1, message=message, metadata=metadata)
    except LakeFSError as error:
        return error
    return None


def _noted(revert: Revert, temporary: _Temporary) -> Revert:
    return replace(revert, notes=(*revert.notes, temporary.note)) if temporary.note else revert
