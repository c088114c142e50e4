"""The content that a revert is to give the branch, made on a hidden branch first: so its metarange is known.

A stand-in commit there holds the branch's whole content; undoing that commit on the branch leaves exactly
what was built, because the merge base equals the branch (R1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gate_server.errors import Conflict, LakeFSError
from gate_server.lakefs.branches import Branches
from gate_server.model import Commit, KeptPath, ObjectIdentity, Revert, RevertPlan
from gate_server.reverts.context import RevertContext
from gate_server.reverts.gate_files import is_gate_file
from gate_server.reverts.lease import Lease
from gate_server.reverts.selected import selected_changes


@dataclass(frozen=True)
class Bench:
    """What a revert is made with. ``name`` is the hidden branch."""

    context: RevertContext
    plan: RevertPlan
    revert: Revert
    branches: Branches
    name: str
    lease: Lease


@dataclass(frozen=True)
class Built:
    """What the branch is to hold, and the commit whose undoing makes that of it."""

    metarange: str
    undone: str


def starts_at(plan: RevertPlan) -> str:
    """Return the commit that the hidden branch is made at."""
    return plan.target.id if plan.way == "state" else plan.head.id


def build(bench: Bench) -> Built:
    """Make the wanted content on the hidden branch, which stands at `starts_at`.

    Raises
    ------
    LakeFSError
        When lakeFS fails; the branch itself is untouched.
    Conflict
        When somebody else wrote to the hidden branch, or the commit cannot be undone alone.
    """
    plan = bench.plan
    if plan.way == "commit":
        tip = _without_commit(bench)
        if not plan.keep:  # the branch undoes the very commit, which every protection allows
            return Built(tip.metarange, plan.target.id)
    elif plan.way == "paths":
        tip = with_paths(bench, plan.head)
    else:
        tip = plan.target
        if not plan.keep and not plan.aside:
            return Built(tip.metarange, _by_commit(bench) or _by_merge(bench))
    tip = with_kept(bench, tip)
    bench.lease.keep()
    stand_in = bench.branches.commit(bench.name, _stand_in(plan), source_metarange=plan.head.metarange)
    return Built(tip.metarange, stand_in.id)


def with_kept(bench: Bench, tip: Commit) -> Commit:
    """Put right what must not come from the target; return the commit that has it, or `tip`."""
    plan = bench.plan
    kept = [item for item in plan.keep if _to_be_staged(plan, item)]
    if not kept:
        return tip
    installed = bench.context.store.installations.files(plan.repository, plan.branch) or {}
    for item in kept:
        bench.lease.keep()
        if item.source == "installed":
            bench.branches.upload(bench.name, item.path, installed[item.path].encode("utf-8"))
        elif item.source == "branch":
            bench.branches.copy(bench.name, item.path, plan.head.id)
        else:
            bench.branches.delete_object(bench.name, item.path)
    made = bench.branches.commit(bench.name, f"{tip.id} with what {plan.branch} keeps")
    _nothing_else(bench, tip, made, {item.path for item in kept})
    return made


def with_paths(bench: Bench, tip: Commit) -> Commit:
    """Take the plan's paths back to the target by copies; return the commit that has them."""
    context, plan = bench.context, bench.plan
    stays = {item.path for item in plan.keep}
    changes = [
        change
        for change in selected_changes(context, plan.repository, plan.head, plan.target, plan.paths)
        if change.path not in stays
    ]
    if not changes:
        return tip
    now = context.listings.of(plan.repository, plan.head, "")
    then = context.listings.of(plan.repository, plan.target, "")
    # lakeFS keeps the old entry where only the address differs (C1), unless it was gone in between.
    moved = [item.path for item in changes if _alike(now.get(item.path), then.get(item.path))]
    if moved:
        bench.branches.delete_objects(bench.name, moved)
        tip = bench.branches.commit(bench.name, "What lies elsewhere is copied anew")
    bench.branches.delete_objects(bench.name, [item.path for item in changes if item.kind == "removed"])
    for change in changes:
        if change.kind != "removed":
            bench.lease.keep()
            bench.branches.copy(bench.name, change.path, plan.target.id)
    made = bench.branches.commit(bench.name, f"{plan.branch} with paths of {plan.target.id}")
    _nothing_else(bench, tip, made, {item.path for item in changes})
    holds = context.listings.of(plan.repository, made, "")
    wrong = [item.path for item in changes if not _alike(holds.get(item.path), then.get(item.path))]
    if wrong:
        raise Conflict(f"{min(wrong)} could not be copied as it was; {plan.branch} is untouched")
    return made


def _by_commit(bench: Bench) -> str:
    """Return a stand-in of the head's content; empty where a protection or a hook refuses commits there.

    Unlike a merge it needs no search for where the two meet, which grows with the distance.
    """
    plan = bench.plan
    try:
        made = bench.branches.commit(bench.name, _stand_in(plan), source_metarange=plan.head.metarange)
    except LakeFSError as error:
        if error.http_status not in (403, 412):
            raise
        return ""
    if made.parents != (plan.target.id,):
        raise _foreign(plan, "a commit was made on it")
    return made.id


def _by_merge(bench: Bench) -> str:
    """Return a stand-in that even a protection of all branches (``*``) allows: the head, merged."""
    plan = bench.plan
    # Recorded before, so that a hook of this merge is answered without a check (D12).
    bench.context.store.reverts.will_merge(bench.revert.id, bench.name, plan.target.id, plan.head.id)
    return bench.branches.merge(plan.head.id, bench.name, _stand_in(plan))


def _without_commit(bench: Bench) -> Commit:
    plan, undone = bench.plan, bench.plan.target
    try:
        bench.branches.revert(
            bench.name, undone.id, parent_number=1, message=f"{plan.branch} without {undone.id}", metadata={}
        )
    except LakeFSError as error:
        if error.http_status != 409:
            raise
        raise Conflict(
            f"commit {undone.id} cannot be undone alone: {plan.branch} changed the same objects again since; "
            "nothing was changed",
            "undo the later commits first, or put those paths back: --to COMMIT --path PATH",
        ) from error
    made = bench.context.commits.head(plan.repository, bench.name)
    if made.parents != (plan.head.id,):
        raise _foreign(plan, "a commit was made on it")
    return made


def _to_be_staged(plan: RevertPlan, item: KeptPath) -> bool:
    return plan.way != "paths" or item.source == "installed" or is_gate_file(item.path)


def _nothing_else(bench: Bench, before: Commit, made: Commit, paths: set[str]) -> None:
    """Refuse when somebody else put something on the hidden branch."""
    context, plan = bench.context, bench.plan
    was = context.listings.of(plan.repository, before, "")
    is_now = context.listings.of(plan.repository, made, "")
    foreign = {path for path in {*was, *is_now} if was.get(path) != is_now.get(path)} - paths
    if made.parents != (before.id,) or foreign:
        raise _foreign(plan, f"{min(foreign)} was put on it" if foreign else "a commit was made on it")


def _foreign(plan: RevertPlan, what: str) -> Conflict:
    return Conflict(
        f"somebody else wrote to the temporary branch of the revert: {what}; {plan.branch} is untouched",
        "find out who, then revert again",
    )


def _alike(one: ObjectIdentity | None, other: ObjectIdentity | None) -> bool:
    """Whether lakeFS takes two entries for the same: all but the address (C1)."""
    if one is None or other is None:
        return one is other
    return replace(one, physical_address="", linked=False) == replace(
        other, physical_address="", linked=False
    )


def _stand_in(plan: RevertPlan) -> str:
    return f"Stand-in for {plan.branch} at {plan.head.id}"
