"""Bring a branch's changes again after a merge of it was taken back (R9): afresh, on a branch of their own.

The new branch starts where the source and the destination met before the merge that was taken back, and its
one commit holds exactly the source's content (`source_metarange`): nothing is copied, whatever the size. A
merge of it brings what a first merge would have, conflicts included; it is judged as any other.
"""

from __future__ import annotations

from dataclasses import dataclass

from gate_server.errors import Conflict, LakeFSError, NotFound
from gate_server.lakefs.branches import Branches
from gate_server.lakefs.taken_back import taken_back
from gate_server.model import Commit
from gate_server.reverts.context import RevertContext

PREFIX = "reapply-"
REAPPLIED = "gate.reapplied"


@dataclass(frozen=True)
class Reapplied:
    """A branch that brings a source's changes again.

    Parameters
    ----------
    branch, commit_id
        What is to be merged.
    source_commit
        Whose content it holds.
    base_commit
        What it starts from.
    merge_commit, revert
        The merge that was taken back, and the id of the revert that did it.
    """

    repository: str
    destination: str
    branch: str
    commit_id: str
    source_commit: str
    base_commit: str
    merge_commit: str
    revert: str


def reapply(
    context: RevertContext, repository: str, source: str, destination: str, *, principal: str = ""
) -> Reapplied:
    """Make the branch; one that was made of the same source before is found.

    Raises
    ------
    NotFound
        When a name does not exist.
    Conflict
        When no revert took anything of the source back, or it has uncommitted changes.
    """
    commits, branches = context.commits, Branches(context.lakefs, repository)
    head, tip = commits.head(repository, destination), commits.get(repository, source)
    _refuse_uncommitted(context, branches, repository, source)
    found = taken_back(
        commits,
        context.listings,
        repository,
        head,
        tip,
        context.store.reverts.verified(repository, destination),
    )
    if found is None:
        raise Conflict(
            f"nothing of lakefs://{repository}/{source} was taken out of {destination} by a revert",
            "merge it as any other branch",
        )
    base = commits.merge_base(repository, tip.id, found.merge.parents[0])
    name = f"{PREFIX}{tip.id[:12]}-{found.revert.id[:8]}"
    made = _made(context, branches, repository, name, base, tip, principal)
    return Reapplied(repository, destination, name, made.id, tip.id, base.id, found.merge.id, found.revert.id)


def _refuse_uncommitted(context: RevertContext, branches: Branches, repository: str, source: str) -> None:
    try:
        context.commits.head(repository, source)
    except NotFound:
        return  # a commit or a tag
    if branches.is_dirty(source):
        raise Conflict(
            f"lakefs://{repository}/{source} has uncommitted changes, which would be left out",
            "commit them, or drop them, and ask again",
        )


def _made(
    context: RevertContext,
    branches: Branches,
    repository: str,
    name: str,
    base: Commit,
    tip: Commit,
    principal: str,
) -> Commit:
    """Make the branch and its commit; go on where an earlier try stopped."""
    try:
        branches.create(name, base.id)
    except LakeFSError as error:
        if error.http_status != 409:
            raise
    head = context.commits.head(repository, name)
    if head.id == base.id:
        metadata = {REAPPLIED: tip.id, "gate.principal": principal}
        message = f"The changes of {tip.id[:12]} once more"
        head = branches.commit(name, message, metadata=metadata, source_metarange=tip.metarange)
    if head.parents != (base.id,) or head.metarange != tip.metarange:
        raise Conflict(
            f"there is another branch {name} in {repository}", "delete or rename it, then ask again"
        )
    return head
