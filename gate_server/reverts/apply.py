"""A revert, done: one new commit on the branch, exact or refused (D11).

What the branch is to hold is made on a hidden branch (`building`), so that its metarange is known before the
branch is touched; then one call undoes a commit on the branch, and what came of it is read (`verify`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from gate_server.errors import CouldNotTell, GateError, LakeFSError
from gate_server.lakefs.branches import Branches
from gate_server.model import Revert, RevertPlan
from gate_server.reverts.building import Bench, build, starts_at
from gate_server.reverts.context import RevertContext
from gate_server.reverts.gate_files import is_gate_file
from gate_server.reverts.lease import Lease
from gate_server.reverts.past_actions import (
    are_unreadable,
    build_past_actions,
    delete_hidden,
    merge_past_actions,
    refuse_single_commit,
)
from gate_server.reverts.verify import EXPECTED_HEAD, EXPECTED_METARANGE, REVERT_ID, moved, settle
from gate_server.store.reverts import Keyed, Reverts
from gate_server.store.times import now
from gate_server.telemetry.traces import span

LINK = "::lakefs::Gate::url[url:ui]"
TEMPORARY = "gate-revert-"


@dataclass
class _Temporary:
    """The temporary branch. ``gone``: lakeFS certainly does not have it (any more)."""

    name: str
    gone: bool = False
    note: str = ""


@dataclass
class _Progress:
    """How far a revert came. ``sent``: the branch itself may be changed from now on."""

    sent: bool = False
    notes: list[str] = field(default_factory=list)


@span("revert")
def apply_revert(
    context: RevertContext, plan: RevertPlan, *, principal: str = "", keyed: Keyed | None = None
) -> Revert:
    """Do what was planned.

    Parameters
    ----------
    keyed
        The request, where it is to be done once (`once`).

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
    Conflict
        When another revert of the branch is under way, or somebody writes to the temporary branch.
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
        way=plan.way,
        paths=plan.paths,
        undoes=plan.undoes,
        is_whole=plan.way != "paths" and all(is_gate_file(item.path) for item in plan.keep),
    )
    temporary = _Temporary(temporary_name(revert.id))
    reverts = context.store.reverts
    reverts.open(revert, temporary.name, plan=plan, lease_s=context.lease_s, keyed=keyed)
    if plan.unchanged:
        unchanged = replace(revert, state="unchanged", message=_nothing_to_do(plan))
        reverts.close(unchanged)
        return unchanged
    bench = Bench(
        context,
        plan,
        revert,
        Branches(context.lakefs, plan.repository),
        temporary.name,
        Lease(context, revert),
    )
    progress = _Progress()
    try:
        outcome = _go(bench, temporary, progress)
    except GateError as error:
        if progress.sent:  # the record stays open, so that `sweep` finds out
            raise CouldNotTell(
                f"whether {plan.branch} was put back could not be read: {error.message}",
                f"read the head of lakefs://{plan.repository}/{plan.branch} before you try again",
            ) from error
        failed = replace(revert, state="failed", message=f"{plan.branch} is untouched: {error.message}")
        reverts.close(_noted(failed, temporary), branch_left=not temporary.gone, forget_key=True)
        raise
    outcome = _noted(replace(outcome, notes=(*outcome.notes, *progress.notes)), temporary)
    reverts.close(outcome, branch_left=not temporary.gone)
    return outcome


def temporary_name(revert_id: str) -> str:
    """Return the name of a revert's branch; when it was made stands in it, for who finds one left."""
    return f"{TEMPORARY}{int(now().timestamp()):x}-{revert_id}"


def _go(bench: Bench, temporary: _Temporary, progress: _Progress) -> Revert:
    """Build what is wanted, and change the branch, if its head is still the plan's."""
    plan = bench.plan
    try:
        with _temporary_branch(bench, temporary, starts_at(plan)):
            try:
                built = build(bench)
                if refused := _refused_as_moved(bench, built.metarange):
                    return refused
                progress.sent = True
                refusal = _undo(bench, built.undone, built.metarange)
                if refusal is None or not are_unreadable(refusal):
                    return settle(bench.context, plan, bench.revert, built.metarange, refusal)
                progress.sent = False  # lakeFS could not even read what to ask
            except LakeFSError as error:
                if progress.sent or not are_unreadable(error):
                    raise
            return _go_past_actions(bench, progress)
    except LakeFSError as error:
        # A branch whose actions cannot be read cannot be branched from either.
        if progress.sent or not are_unreadable(error) or plan.way == "state":
            raise
    refuse_single_commit(plan)
    with _temporary_branch(bench, temporary, plan.target.id):
        return _go_past_actions(bench, progress)


def _go_past_actions(bench: Bench, progress: _Progress) -> Revert:
    plan = bench.plan
    wanted, source = build_past_actions(bench)
    if refused := _refused_as_moved(bench, wanted):
        return refused
    progress.sent = True
    progress.notes.append(
        f"lakeFS could not read the action files of {plan.branch}: put back by a merge in place of a revert"
    )
    refusal = None
    try:
        merge_past_actions(bench, source, _message(plan), _metadata(bench, wanted))
    except LakeFSError as error:
        refusal = error
    return settle(bench.context, plan, bench.revert, wanted, refusal)


def _refused_as_moved(bench: Bench, wanted: str) -> Revert | None:
    bench.context.store.reverts.will_hold(bench.revert.id, wanted)
    bench.lease.hold()
    head = bench.context.commits.head(bench.plan.repository, bench.plan.branch)
    if head.id == bench.plan.head.id:
        return None
    return replace(bench.revert, state="refused", message=moved(bench.plan, head))


@contextmanager
def _temporary_branch(bench: Bench, temporary: _Temporary, start: str) -> Iterator[None]:
    """Make U and delete it again, whatever happens between."""
    temporary.gone = False
    sound = bench.plan.target.id
    try:
        bench.branches.create(temporary.name, start, hidden=True)
    except LakeFSError as error:
        if error.http_status in range(400, 500) or are_unreadable(error):
            temporary.gone = True
            raise
        _delete(bench.branches, temporary, sound)
        raise
    try:
        yield
    finally:
        _delete(bench.branches, temporary, sound)


def _delete(branches: Branches, temporary: _Temporary, sound: str) -> None:
    try:
        delete_hidden(branches, temporary.name, sound)
        temporary.gone = True
    except LakeFSError as error:
        # Not gone even with 404: a creation that was not answered may still come.
        temporary.note = (
            f"the temporary branch {temporary.name} could not be deleted ({error.message}); "
            "the gate tries again at its next start"
        )


def _undo(bench: Bench, undone: str, wanted: str) -> LakeFSError | None:
    """Undo a commit on the branch; return what lakeFS said when it did not answer with success (R4)."""
    plan = bench.plan
    try:
        bench.branches.revert(
            plan.branch, undone, parent_number=1, message=_message(plan), metadata=_metadata(bench, wanted)
        )
    except LakeFSError as error:
        return error
    return None


def _message(plan: RevertPlan) -> str:
    target = plan.target.id[:12]
    said = (
        f"Undo {target} on {plan.branch}" if plan.way == "commit" else f"Put {plan.branch} back to {target}"
    )
    if plan.way == "paths":
        paths = plan.paths[0] if len(plan.paths) == 1 else f"{len(plan.paths)} paths"
        said = f"Put {paths} of {plan.branch} back to {target}"
    return said + (f": {plan.reason}" if plan.reason else "")


def _metadata(bench: Bench, wanted: str) -> dict[str, str]:
    plan, revert = bench.plan, bench.revert
    metadata = {
        EXPECTED_HEAD: plan.head.id,
        EXPECTED_METARANGE: wanted,
        REVERT_ID: revert.id,
        "gate.from": plan.head.id,
        "gate.undone" if plan.way == "commit" else "gate.to": plan.target.id,
        "gate.principal": revert.principal,
        "gate.reason": plan.reason,
    }
    if bench.context.public_url:
        metadata[LINK] = f"{bench.context.public_url.rstrip('/')}/reverts/{revert.id}"
    return metadata


def _nothing_to_do(plan: RevertPlan) -> str:
    if plan.way == "commit":
        return f"{plan.branch} holds nothing of {plan.target.id} any more"
    return f"{plan.branch} holds the content of {plan.target.id} already"


def _noted(revert: Revert, temporary: _Temporary) -> Revert:
    return replace(revert, notes=(*revert.notes, temporary.note)) if temporary.note else revert
