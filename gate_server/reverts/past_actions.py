"""A revert of a branch whose action files lakeFS cannot read, so that every revert of it fails (H2).

Nor can a branch be made from it, or it be merged anywhere; but a hard reset asks no hook (H7), and a merge
loads the actions of its source (H1). So the hidden branch, made at the target, is set to the head, loses all
action files there, gets the wanted content, and is merged. There is no compare-and-set on this way: where the
branch moved meanwhile it is told afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gate_server.errors import Conflict, LakeFSError
from gate_server.lakefs.branches import Branches
from gate_server.model import RevertPlan
from gate_server.reverts.building import Bench, with_kept
from gate_server.reverts.selected import selected_changes

ACTIONS = "_lakefs_actions/"
_UNREADABLE = re.compile(r"hook aborted.*(invalid action|parsing file|listing actions)", re.DOTALL)


def are_unreadable(error: LakeFSError) -> bool:
    """Whether lakeFS refused because it cannot read the action files of a ref."""
    return error.http_status in (404, 500) and _UNREADABLE.search(error.message) is not None


def refuse_single_commit(plan: RevertPlan) -> None:
    """Raise `Conflict` where lakeFS would have to undo a commit on a branch whose actions it cannot read."""
    place = f"lakefs://{plan.repository}/{plan.branch}"
    if plan.way == "commit":
        raise Conflict(
            f"{plan.branch} holds an action file that lakeFS cannot read: no single commit can be undone",
            f"first `gate revert {place} --to COMMIT --path {ACTIONS}` with a commit that had sound ones",
        )


def delete_hidden(branches: Branches, name: str, sound_commit: str) -> None:
    """Delete a hidden branch; one whose actions cannot be read only goes once it is set to a sound commit."""
    try:
        branches.delete(name)
    except LakeFSError as error:
        if not are_unreadable(error):
            raise
        branches.reset(name)
        branches.hard_reset(name, sound_commit)
        branches.delete(name)


def build_past_actions(bench: Bench) -> tuple[str, str]:
    """Make the wanted content on the hidden branch, above the head; return its metarange and its commit.

    Raises
    ------
    Conflict
        For a single commit, which lakeFS would have to undo there.
    LakeFSError
        When lakeFS fails, also where it cannot read the target's actions either.
    """
    context, plan, branches, name = bench.context, bench.plan, bench.branches, bench.name
    refuse_single_commit(plan)
    actions = context.listings.of(plan.repository, plan.head, ACTIONS)
    branches.hard_reset(name, plan.head.id)
    branches.delete_objects(name, sorted(actions))
    branches.commit(name, f"{plan.branch} without its action files")
    bench.lease.keep()
    if plan.way == "state":
        tip = branches.commit(
            name, f"The content of {plan.target.id}", source_metarange=plan.target.metarange
        )
        tip = with_kept(bench, tip)
        return tip.metarange, tip.id
    changes = list(selected_changes(context, plan.repository, plan.head, plan.target, plan.paths))
    taken = {change.path for change in changes} - {item.path for item in plan.keep}
    stay = [path for path in actions if path not in taken]
    for path in stay:
        branches.copy(name, path, plan.head.id)
    gone = [change.path for change in changes if change.kind == "removed" and change.path in taken]
    branches.delete_objects(name, [path for path in gone if path not in actions])
    for change in changes:
        bench.lease.keep()
        if change.kind != "removed" and change.path in taken:
            branches.copy(name, change.path, plan.target.id)
    tip = with_kept(bench, branches.commit(name, f"{plan.branch} with paths of {plan.target.id}"))
    return tip.metarange, tip.id


def merge_past_actions(bench: Bench, source: str, message: str, metadata: Mapping[str, str]) -> None:
    """Merge what was built; its hooks are answered without a check (D12)."""
    plan = bench.plan
    bench.context.store.reverts.will_merge(bench.revert.id, plan.branch, plan.head.id, source)
    bench.branches.merge(source, plan.branch, message, metadata=metadata)
