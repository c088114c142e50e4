"""Reverts and cherry-picks: a commit's change, undone or done, as a merge over the branch's head.

As in lakeFS (``pkg/graveler/graveler.go``) neither is tried again when somebody else moves the branch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_lakefs.errors import BadRequest, Conflict, LakeFSError, NoChanges
from local_lakefs.storage.entries import Metadata
from local_lakefs.storage.ranges import EMPTY
from local_lakefs.versioning import branches, commits, staging
from local_lakefs.versioning.branches import Branch
from local_lakefs.versioning.commits import Commit
from local_lakefs.versioning.hooks import Happening, Hooks
from local_lakefs.versioning.merging import merged_range
from local_lakefs.versioning.references import resolve_commit

if TYPE_CHECKING:
    from local_lakefs.versioning.repositories import Repository

ResultOf = Callable[[Commit], Commit]
"""Computes the new commit from the branch's head."""
OUT_OF_RANGE = "given commit does not have the given parent number"


@dataclass(frozen=True)
class Overrides:
    """What a caller of revert or cherry-pick puts in place of the made-up message and metadata."""

    message: str = ""
    metadata: Metadata | None = None

    def message_or(self, message: str) -> str:
        return self.message or message

    def metadata_or(self, metadata: Metadata) -> Metadata:
        return metadata if self.metadata is None else self.metadata


def _parent(repository: Repository, commit_: Commit, number: int) -> Commit | None:
    """Return a commit's parent by its number from 0; None for a commit without parents."""
    return commits.get(repository, commit_.parents[number]) if commit_.parents else None


def _source_commit(repository: Repository, ref: str) -> Commit:
    try:
        return resolve_commit(repository, ref)
    except LakeFSError as error:
        raise error.within(f"get commit from ref {ref}") from None


def revert(
    repository: Repository,
    hooks: Hooks,
    branch_id: str,
    ref: str,
    *,
    committer: str,
    parent_number: int,
    overrides: Overrides,
    allow_empty: bool = False,
    force: bool = False,
) -> Commit:
    """Undo a commit by a new one: merge its parent into the branch with the commit itself as the base."""
    repository.require_writable(force)
    undone = _source_commit(repository, ref)
    if len(undone.parents) > 1 and parent_number <= 0:
        raise Conflict("must specify 1-based parent number for reverting merge commit")
    if parent_number > len(undone.parents):
        raise BadRequest(f"{OUT_OF_RANGE}: parent {parent_number}")
    branches.seal(repository, branch_id, lambda branch: staging.require_clean(repository, branch))

    def result_of(head: Commit) -> Commit:
        parent = _parent(repository, undone, max(parent_number - 1, 0))
        meta_range_id = merged_range(
            repository,
            destination=head.meta_range_id,
            source=parent.meta_range_id if parent else EMPTY,
            base=undone.meta_range_id,
            allow_empty=allow_empty,
        )
        if meta_range_id == head.meta_range_id and not allow_empty:
            raise NoChanges
        return Commit.new(
            committer,
            overrides.message_or(f"Revert {ref}"),
            meta_range_id,
            (head.id,),
            overrides.metadata_or({}),
            head.generation + 1,
        )

    return _put_on_top(repository, hooks, branch_id, "revert", result_of)


def cherry_pick(
    repository: Repository,
    hooks: Hooks,
    branch_id: str,
    ref: str,
    *,
    committer: str,
    parent_number: int | None,
    overrides: Overrides,
    force: bool = False,
) -> Commit:
    """Do on a branch what another commit did: merge that commit with its parent as the base."""
    repository.require_writable(force)
    picked = _source_commit(repository, ref)
    if parent_number is None and len(picked.parents) > 1:
        raise BadRequest("must specify 1-based parent number for cherry-picking merge commit")
    number = 1 if parent_number is None else parent_number
    if number > len(picked.parents):
        raise BadRequest(f"parent {number}: {OUT_OF_RANGE}")
    branches.seal(repository, branch_id, lambda branch: staging.require_clean(repository, branch))
    parent = _parent(repository, picked, number - 1)

    def result_of(head: Commit) -> Commit:
        meta_range_id = merged_range(
            repository,
            destination=head.meta_range_id,
            source=picked.meta_range_id,
            base=parent.meta_range_id if parent else EMPTY,
        )
        origin = {"cherry-pick-origin": picked.id, "cherry-pick-committer": picked.committer}
        return Commit.new(
            committer,
            overrides.message_or(picked.message),
            meta_range_id,
            (head.id,),
            overrides.metadata_or(picked.metadata) | origin,
            head.generation + 1,
        )

    return _put_on_top(repository, hooks, branch_id, "cherry-pick", result_of)


def _put_on_top(
    repository: Repository, hooks: Hooks, branch_id: str, name: str, result_of: ResultOf
) -> Commit:
    """Make a commit over the branch's head, once: when the branch moves meanwhile, the caller is told so."""
    made: list[tuple[Commit, str]] = []

    def change(branch: Branch) -> Branch:
        staging.require_clean_sealed(repository, branch)
        result = result_of(commits.get(repository, branch.commit_id))
        run_id = hooks.before(
            repository, f"pre-{name}", Happening(source_ref=branch_id, branch_id=branch_id, commit=result)
        )
        made.append((result, run_id))
        return branches.move_to(repository, branch, result)

    try:
        branches.update(repository, branch_id, change)
    except LakeFSError as error:
        raise error.within("update branch") from None
    result, run_id = made[-1]
    hooks.after(
        repository,
        f"post-{name}",
        Happening(source_ref=result.id, branch_id=branch_id, commit=result, commit_id=result.id),
        run_id,
    )
    return result
