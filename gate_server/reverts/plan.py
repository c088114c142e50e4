"""What a revert would do. Changes nothing; this is all of a dry run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gate_server.errors import BranchMoved, Conflict, NotFound, UsageError
from gate_server.model import Commit, KeptPath, RevertPlan, Way
from gate_server.policy.globs import literal_prefix, matches
from gate_server.reverts.context import RevertContext
from gate_server.reverts.gate_files import GateFiles, is_gate_file, look_at_gate_files
from gate_server.reverts.presence import bytes_gone
from gate_server.reverts.preview import Differences, ObjectChange, Preview, add_up, between
from gate_server.reverts.selected import selected_changes
from gate_server.reverts.targets import Target, commit_of, find_target

NAMED_AT_MOST = 5


@dataclass(frozen=True)
class _Found:
    """What one way would change, and what it leaves."""

    preview: Preview
    kept: tuple[KeptPath, ...]
    gate: GateFiles
    notes: tuple[str, ...] = ()


def plan_revert(
    context: RevertContext,
    repository: str,
    branch: str,
    to: str = "",
    *,
    commit: str = "",
    undo: str = "",
    paths: Sequence[str] = (),
    reason: str = "",
    expected_head: str = "",
    keep: Sequence[str] = (),
    allow_side: bool = False,
) -> RevertPlan:
    """Return what a revert of `branch` would change; one of `to`, `commit` and `undo` says which.

    Parameters
    ----------
    to
        Back to any ref (a commit, a short id, a tag, ``main~3``), or to a time such as
        ``2026-11-20T08:00Z``: the last commit of the branch at or before it.
    commit
        Undo this one commit or merge; what came after it stays.
    undo
        Undo the commit of the revert of this id.
    paths
        With `to`: only these objects and folders go back.
    expected_head
        The commit that the caller takes for the branch's head.
    keep
        Paths, or patterns of paths, that stay as they are on the branch.
    allow_side
        Take also a commit that was never the branch's state.

    Raises
    ------
    UsageError
        When what was asked for is not one thing, or no time.
    NotFound
        When the repository, the branch, a ref or a revert does not exist.
    Conflict
        When the commit was never the branch's state (R6), the head is not the expected one, or others
        changed since what a commit would take back.
    """
    _one_of(to, commit, undo, paths)
    head = context.commits.head(repository, branch)
    if expected_head and commit_of(context, repository, expected_head).id != head.id:
        raise BranchMoved(
            f"{branch} moved: its head is {head.id}, not {expected_head}",
            "look at what came in, then revert again with the new head or without an expected one",
        )
    named = _commit_of_revert(context, repository, branch, undo) if undo else to or commit
    target = find_target(context, repository, branch, head, named, allow_side=allow_side)
    keep = (*keep, *context.keep)
    way: Way = "commit" if commit or undo else "paths" if paths else "state"
    if way == "commit":
        found = _of_commit(context, repository, branch, head, target, keep)
    elif way == "paths":
        found = _of_paths(context, repository, branch, head, target, paths, keep)
    else:
        found = _of_state(context, repository, branch, head, target, keep)
    gate, same = found.gate, found.preview.is_empty
    return RevertPlan(
        repository=repository,
        branch=branch,
        head=head,
        target=target.commit,
        reason=reason,
        way=way,
        paths=tuple(paths),
        undoes=undo,
        aside=target.aside,
        **vars(found.preview),
        commits=target.distance,
        guarded=gate.guarded,
        keep=found.kept,
        gate_files="" if gate.right_on_head and same else gate.note,
        unchanged=same and gate.right_on_head,
        notes=tuple(note for note in (target.note, *found.notes) if note),
    )


def _one_of(to: str, commit: str, undo: str, paths: Sequence[str]) -> None:
    if sum(map(bool, (to, commit, undo))) != 1:
        raise UsageError(
            "say one thing: back `to` a commit or a time, undo a `commit`, or `undo` a revert",
            "such as --to main~1, --commit main~1, --undo 1f2e3d4c5b6a7980",
        )
    if paths and not to:
        raise UsageError("paths go back `to` something", "name a commit or a time with --to")
    if "" in paths:
        raise UsageError("an empty path names no folder", "without --path, all of the branch goes back")


def _commit_of_revert(context: RevertContext, repository: str, branch: str, revert_id: str) -> str:
    revert = context.store.reverts.get(revert_id) if revert_id.isalnum() else None
    if revert is None or (revert.repository, revert.branch) != (repository, branch):
        raise NotFound(
            f"there is no revert {revert_id} of lakefs://{repository}/{branch}",
            "the first page and GET /api/v1/reverts list them",
        )
    if not revert.commit_id:
        raise Conflict(f"revert {revert_id} is {revert.state}: it made no commit that could be undone")
    return revert.commit_id


def _of_state(
    context: RevertContext, repository: str, branch: str, head: Commit, target: Target, keep: Sequence[str]
) -> _Found:
    gate = look_at_gate_files(context, repository, branch, head, target.commit)
    kept = (*_kept_paths(context, repository, head, target.commit, keep), *gate.kept)
    stays = {item.path for item in kept}
    differences = Differences(context, repository, head, target.commit)
    changes = [change for change in differences.changes if change.path not in stays]
    if changes or head.metarange == target.commit.metarange:
        gone = bytes_gone(context, repository, target.commit, changes)
        return _Found(add_up(changes, cut=differences.cut), kept, gate, (gone,))
    # The diff leaves addresses out (C1): where it is empty and metaranges differ, whole identities decide.
    there, then = (context.listings.of(repository, side, "") for side in (head, target.commit))
    changes = [change for change in between(there, then) if change.path not in stays]
    note = f"{len(changes)} objects differ only in where their bytes lie, which lakeFS's diff does not show"
    return _Found(add_up(changes), kept, gate, (note,) if changes else ())


def _of_paths(
    context: RevertContext,
    repository: str,
    branch: str,
    head: Commit,
    target: Target,
    paths: Sequence[str],
    keep: Sequence[str],
) -> _Found:
    gate = look_at_gate_files(context, repository, branch, head, head)
    changes = list(selected_changes(context, repository, head, target.commit, paths))
    kept = [change for change in changes if matches(change.path, tuple(keep))]
    taken = [change for change in changes if change not in kept]
    gone = bytes_gone(context, repository, target.commit, taken)
    return _Found(add_up(taken), (*_as_on_head(kept), *_put_right(gate)), gate, (gone,))


def _of_commit(
    context: RevertContext, repository: str, branch: str, head: Commit, target: Target, keep: Sequence[str]
) -> _Found:
    """Foretell what undoing one commit changes: what it changed, where nobody did since."""
    undone = target.commit
    if not undone.parents:
        raise Conflict(f"commit {undone.id} is the repository's first: there is nothing before it")
    before = context.commits.get(repository, undone.parents[0])
    own = Differences(context, repository, undone, before)
    since = Differences(context, repository, undone, head)
    touched, away = own.paths & since.paths, set[str]()
    if touched:
        still = Differences(context, repository, before, head)
        away = touched - still.paths if not still.cut else set()
        if conflicts := touched & still.paths:
            raise in_conflict(branch, undone, conflicts)
    gate = look_at_gate_files(context, repository, branch, head, head)
    changes = [change for change in own.changes if change.path not in away]
    kept = [change for change in changes if is_gate_file(change.path) or matches(change.path, tuple(keep))]
    note = ""
    if not own.changes and undone.metarange != before.metarange:
        note = f"commit {undone.id} changed only where bytes lie, which lakeFS cannot undo: use --to"
    taken = [change for change in changes if change not in kept]
    preview = add_up(taken, cut=own.cut or since.cut)
    gone = bytes_gone(context, repository, before, taken)
    return _Found(preview, (*_as_on_head(kept), *_put_right(gate)), gate, (note, gone))


def in_conflict(branch: str, undone: Commit, paths: set[str]) -> Conflict:
    """Return the error of a commit whose objects were changed again since."""
    named = ", ".join(sorted(paths)[:NAMED_AT_MOST])
    more = f" and {len(paths) - NAMED_AT_MOST} more" if len(paths) > NAMED_AT_MOST else ""
    return Conflict(
        f"commit {undone.id} cannot be undone alone: {branch} changed {named}{more} again since; "
        "nothing was changed",
        "undo the later commits first, or put those paths back: --to COMMIT --path PATH",
    )


def _kept_paths(
    context: RevertContext, repository: str, head: Commit, target: Commit, patterns: Sequence[str]
) -> list[KeptPath]:
    """Return the paths under `patterns` that differ, each to be as on the head."""
    kept: dict[str, KeptPath] = {}
    for pattern in patterns:
        prefix = literal_prefix(pattern)
        there = context.listings.of(repository, head, prefix)
        then = context.listings.of(repository, target, prefix)
        for path in sorted({*there, *then}):
            if matches(path, (pattern,)) and there.get(path) != then.get(path):
                kept[path] = KeptPath(path, "branch" if path in there else "absent")
    return list(kept.values())


def _as_on_head(changes: Sequence[ObjectChange]) -> list[KeptPath]:
    return [KeptPath(item.path, "absent" if item.kind == "added" else "branch") for item in changes]


def _put_right(gate: GateFiles) -> list[KeptPath]:
    """Return what of the gate's files is wrong on the head itself."""
    return [item for item in gate.kept if item.source != "branch"]
