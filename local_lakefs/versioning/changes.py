"""What puts commits on a branch: commit, merge, revert, cherry-pick (``pkg/graveler/graveler.go``).

Each prepares the branch (checks that it is clean, seals what is staged), computes the new commit, asks the
hooks, and puts the branch there if nobody moved it meanwhile. Nothing is held while hooks run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from local_lakefs.errors import BadRequest, Conflict, LakeFSError, NoChanges
from local_lakefs.storage.comparing import diff_staged
from local_lakefs.storage.entries import Metadata
from local_lakefs.storage.ranges import EMPTY
from local_lakefs.storage.writing import Strategy, apply_changes
from local_lakefs.storage.writing import merge as merge_ranges
from local_lakefs.versioning import branches, commits, protection, staging
from local_lakefs.versioning.branches import Branch
from local_lakefs.versioning.commits import Commit
from local_lakefs.versioning.hooks import Happening, Hooks
from local_lakefs.versioning.references import resolve_commit

if TYPE_CHECKING:
    from local_lakefs.versioning.repositories import Repository

ResultOf = Callable[[Commit], Commit]
"""Computes the new commit from the branch's head."""
STRATEGY_KEY = ".lakefs.merge.strategy"
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


def _move(repository: Repository, before: Branch, commit: Commit) -> Branch:
    commits.add(repository, commit)
    return replace(before, commit_id=commit.id, sealed_tokens=())


def commit(
    repository: Repository,
    hooks: Hooks,
    branch_id: str,
    *,
    committer: str,
    message: str,
    metadata: Metadata,
    date: int | None = None,
    source_meta_range: str | None = None,
    allow_empty: bool = False,
    force: bool = False,
) -> Commit:
    """Commit what is staged on a branch, or make ``source_meta_range`` its content. ``date`` in seconds."""
    protection.require_unprotected(repository, branch_id, protection.COMMIT_REFUSED)
    repository.require_writable(force)
    creation_ns = None if date is None else date * 10**9
    planned = Commit.new(committer, message, EMPTY, (), metadata, 0, creation_ns)
    hooks.before(
        repository, "prepare-commit", Happening(source_ref=branch_id, branch_id=branch_id, commit=planned)
    )

    def clean(branch: Branch) -> None:
        if any(True for _ in staging.uncommitted(repository, branch)):
            raise BadRequest("cannot use source MetaRange on a branch with uncommitted changes")

    branches.seal(repository, branch_id, clean if source_meta_range is not None else None)
    made: list[tuple[Commit, str]] = []

    def change(branch: Branch) -> Branch:
        head = commits.get(repository, branch.commit_id)
        pending = replace(planned, parents=(head.id,))
        run_id = hooks.before(
            repository, "pre-commit", Happening(source_ref=branch_id, branch_id=branch_id, commit=pending)
        )
        if source_meta_range is not None:
            sealed = staging.entries(repository, branch.sealed_tokens)
            if any(True for _ in diff_staged(repository.ranges, head.meta_range_id, sealed)):
                raise BadRequest("cannot use source MetaRange on a branch with uncommitted changes")
            meta_range_id = source_meta_range
        else:
            changes = staging.entries(repository, branch.sealed_tokens)
            try:
                meta_range_id = apply_changes(
                    repository.ranges, head.meta_range_id, changes, allow_empty=allow_empty
                )
            except NoChanges as error:
                raise error.within("commit") from None
        result = Commit.new(
            committer,
            message,
            meta_range_id,
            (head.id,),
            metadata,
            head.generation + 1,
            planned.creation_ns,
        )
        made.append((result, run_id))
        return _move(repository, branch, result)

    branches.update_with_retries(repository, branch_id, change)
    result, run_id = made[-1]
    hooks.after(
        repository,
        "post-commit",
        Happening(source_ref=result.id, branch_id=branch_id, commit=result, commit_id=result.id),
        run_id,
    )
    return result


def find_merge_base(repository: Repository, source: str, destination: str) -> tuple[Commit, Commit, Commit]:
    """Return the commits of source and destination and their best common ancestor."""
    try:
        from_commit = resolve_commit(repository, source)
    except LakeFSError as error:
        raise error.within(f"get commit by ref {source}") from None
    try:
        to_commit = resolve_commit(repository, destination)
    except LakeFSError as error:
        raise error.within(f"get commit by branch {destination}") from None
    base = commits.merge_base(repository, from_commit.id, to_commit.id)
    if base is None:
        raise LakeFSError("no merge base")
    return from_commit, to_commit, base


def _merged(
    repository: Repository,
    *,
    destination: str,
    source: str,
    base: str,
    strategy: Strategy = Strategy.NONE,
    allow_empty: bool = False,
) -> str:
    """Merge metaranges, or say so when only one side has changes."""
    if source == base and not allow_empty:
        raise NoChanges
    if destination == base:
        return source
    return merge_ranges(repository.ranges, base, source, destination, strategy)


def merge(
    repository: Repository,
    hooks: Hooks,
    destination: str,
    source: str,
    *,
    committer: str,
    message: str,
    metadata: Metadata,
    strategy: Strategy = Strategy.NONE,
    squash: bool = False,
    allow_empty: bool = False,
    force: bool = False,
) -> Commit:
    """Merge ``source`` into the branch ``destination``.

    The merge commit is written before the hooks are asked, with the destination's head of that moment as its
    first parent; when somebody moves the branch meanwhile all is done again, hooks included.
    """
    repository.require_writable(force)
    branches.seal(repository, destination, lambda branch: staging.require_clean(repository, branch))
    made: list[tuple[Commit, str]] = []

    def change(branch: Branch) -> Branch:
        staging.require_clean_sealed(repository, branch)
        from_commit, to_commit, base = find_merge_base(repository, source, destination)
        meta_range_id = _merged(
            repository,
            destination=to_commit.meta_range_id,
            source=from_commit.meta_range_id,
            base=base.meta_range_id,
            strategy=strategy,
            allow_empty=allow_empty or force,
        )
        result = Commit.new(
            committer,
            message,
            meta_range_id,
            (to_commit.id,) if squash else (to_commit.id, from_commit.id),
            metadata | {STRATEGY_KEY: strategy.value},
            max(to_commit.generation, from_commit.generation) + 1,
        )
        moved = _move(repository, branch, result)
        run_id = hooks.before(
            repository,
            "pre-merge",
            Happening(
                source_ref=from_commit.id,
                branch_id=destination,
                commit=result,
                commit_id=result.id,
                merge_source=source,
            ),
        )
        made.append((result, run_id))
        return moved

    try:
        branches.update_with_retries(repository, destination, change)
    except LakeFSError as error:
        raise error.within(f"update branch {destination}") from None
    result, run_id = made[-1]
    hooks.after(
        repository,
        "post-merge",
        Happening(
            source_ref=result.id,
            branch_id=destination,
            commit=result,
            commit_id=result.id,
            merge_source=source,
        ),
        run_id,
    )
    return result


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
        meta_range_id = _merged(
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
        meta_range_id = _merged(
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
        return _move(repository, branch, result)

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
