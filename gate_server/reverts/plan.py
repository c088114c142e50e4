"""What a revert would do. Changes nothing; this is all of a dry run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gate_server.errors import Conflict
from gate_server.lakefs.answers import Difference, as_shape
from gate_server.lakefs.client import repository_url
from gate_server.model import Commit, KeptPath, RevertPlan
from gate_server.policy.globs import literal_prefix, matches
from gate_server.reverts.context import RevertContext
from gate_server.reverts.gate_files import look_at_gate_files

SHORT_ID = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True)
class _Counts:
    added: int = 0
    changed: int = 0
    removed: int = 0
    note: str = ""


def plan_revert(
    context: RevertContext,
    repository: str,
    branch: str,
    to: str,
    *,
    reason: str = "",
    expected_head: str = "",
    keep: Sequence[str] = (),
) -> RevertPlan:
    """Return what putting `branch` back to `to` would change.

    Parameters
    ----------
    to
        Any ref: a commit, a short id, a tag, ``main~3``.
    expected_head
        The commit that the caller takes for the branch's head.
    keep
        Paths, or patterns of paths, that stay as they are on the branch.

    Raises
    ------
    NotFound
        When the repository, the branch or a ref does not exist.
    Conflict
        When `to` was never the branch's state (R6), or the head is not the expected one.
    """
    head = context.commits.head(repository, branch)
    if expected_head and _commit(context, repository, expected_head).id != head.id:
        raise Conflict(
            f"{branch} moved: its head is {head.id}, not {expected_head}",
            "look at what came in, then revert again with the new head or without an expected one",
        )
    target = _commit(context, repository, to)
    distance = _distance(context, repository, branch, head, target)
    gate = look_at_gate_files(context, repository, branch, head, target)
    kept = (*_kept_paths(context, repository, head, target, keep), *gate.kept)
    counts = _count(context, repository, head, target, {item.path for item in kept})
    same = counts.added == counts.changed == counts.removed == 0
    return RevertPlan(
        repository=repository,
        branch=branch,
        head=head,
        target=target,
        reason=reason,
        added=counts.added,
        changed=counts.changed,
        removed=counts.removed,
        commits=distance,
        guarded=gate.guarded,
        keep=kept,
        gate_files="" if gate.right_on_head and same else gate.note,
        unchanged=same and gate.right_on_head,
        notes=(counts.note,) if counts.note else (),
    )


def _commit(context: RevertContext, repository: str, ref: str) -> Commit:
    """Return the commit of `ref`; refuses a short id that lakeFS takes for a tag or branch of that name."""
    commit = context.commits.get(repository, ref)
    if SHORT_ID.fullmatch(ref) and any(char.isdigit() for char in ref) and not commit.id.startswith(ref):
        raise Conflict(
            f"{ref} reads like a commit's id, but is the name of a branch or tag, at {commit.id}",
            "write the whole id of the commit that you mean",
        )
    return commit


def _distance(context: RevertContext, repository: str, branch: str, head: Commit, target: Commit) -> int:
    """Return how many commits back `target` is on the first-parent line of `head`."""
    line = context.commits.first_parents(repository, head.id, stop_at=target.id)
    for distance, commit in enumerate(line):
        if commit.id == target.id:
            return distance
    raise Conflict(
        f"commit {target.id} was never the state of {branch}: it is not on its first-parent line",
        f"`lakectl log --first-parent lakefs://{repository}/{branch}` lists the commits to choose from",
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


def _count(context: RevertContext, repository: str, head: Commit, target: Commit, kept: set[str]) -> _Counts:
    """Count what would differ from the head, by lakeFS's diff.

    The diff leaves addresses out (C1): where it is empty and the metaranges differ, whole identities decide.
    """
    if head.metarange == target.metarange:
        return _Counts()
    path = repository_url(repository, "refs", head.id, "diff", target.id)
    pages = context.lakefs.pages(path, type="two_dot")
    differences = [as_shape(Difference, item, f"GET {path}") for item in pages]
    found = [item.type for item in differences if item.path not in kept]
    if found:
        return _Counts(found.count("added"), found.count("changed"), found.count("removed"))
    there, then = context.listings.of(repository, head, ""), context.listings.of(repository, target, "")
    moved = [path for path in {*there, *then} - kept if there.get(path) != then.get(path)]
    if not moved:
        return _Counts()
    return _Counts(
        changed=len(moved),
        note=f"{len(moved)} objects differ only in where their bytes lie, which lakeFS's diff does not show",
    )
