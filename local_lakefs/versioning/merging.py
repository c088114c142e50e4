"""Merges into a branch (``pkg/graveler/graveler.go``, Merge)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_lakefs.errors import LakeFSError, NoChanges
from local_lakefs.storage.entries import Metadata
from local_lakefs.storage.writing import Strategy
from local_lakefs.storage.writing import merge as merge_ranges
from local_lakefs.versioning import branches, commits, staging
from local_lakefs.versioning.branches import Branch
from local_lakefs.versioning.commits import Commit
from local_lakefs.versioning.hooks import Happening, Hooks
from local_lakefs.versioning.references import resolve_commit

if TYPE_CHECKING:
    from local_lakefs.versioning.repositories import Repository

STRATEGY_KEY = ".lakefs.merge.strategy"


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


def merged_range(
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
        meta_range_id = merged_range(
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
        moved = branches.move_to(repository, branch, result)
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
