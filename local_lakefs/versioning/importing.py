"""Imports: entries put on a branch in one commit (``pkg/graveler/graveler.go``, Import)."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from local_lakefs.errors import LakeFSError
from local_lakefs.storage.entries import Entry, Metadata
from local_lakefs.storage.ranges import RangeWriter
from local_lakefs.storage.writing import Strategy
from local_lakefs.versioning import branches, commits, staging
from local_lakefs.versioning.branches import Branch
from local_lakefs.versioning.commits import Commit
from local_lakefs.versioning.hooks import Happening, Hooks
from local_lakefs.versioning.merging import STRATEGY_KEY

if TYPE_CHECKING:
    from local_lakefs.versioning.repositories import Repository


def import_entries(
    repository: Repository,
    hooks: Hooks,
    branch_id: str,
    found: dict[str, Entry],
    destinations: list[str],
    *,
    committer: str,
    message: str,
    metadata: Metadata,
    force: bool = False,
) -> Commit:
    """Replace all that begins with one of the destinations by what was found, in a commit.

    As lakeFS tells its hooks, ``pre-commit`` sees the branch as it is, not what is imported (H5).
    """
    repository.require_writable(force)
    branches.seal(repository, branch_id, lambda branch: staging.require_clean(repository, branch))
    made: list[tuple[Commit, str]] = []

    def change(branch: Branch) -> Branch:
        staging.require_clean_sealed(repository, branch)
        head = commits.get(repository, branch.commit_id)
        result = Commit.new(
            committer,
            message,
            _replaced(repository, head.meta_range_id, found, tuple(destinations)),
            (head.id,),
            metadata | {STRATEGY_KEY: Strategy.SOURCE.value},
            head.generation + 1,
        )
        run_id = hooks.before(
            repository, "pre-commit", Happening(source_ref=branch_id, branch_id=branch_id, commit=result)
        )
        made.append((result, run_id))
        return branches.move_to(repository, branch, result)

    try:
        branches.update_with_retries(repository, branch_id, change)
    except LakeFSError as error:
        raise error.within(f"update branch {branch_id}") from None
    result, run_id = made[-1]
    hooks.after(
        repository,
        "post-commit",
        Happening(source_ref=result.id, branch_id=branch_id, commit=result, commit_id=result.id),
        run_id,
    )
    return result


def _replaced(
    repository: Repository, meta_range_id: str, found: dict[str, Entry], destinations: tuple[str, ...]
) -> str:
    """Write a metarange of what was found and of what lies beside the destinations; return its id."""
    present = repository.ranges.entries(meta_range_id)
    kept = ((path, entry) for path, entry in present if not path.startswith(destinations))
    writer = RangeWriter(repository.ranges)
    for path, entry in heapq.merge(kept, sorted(found.items()), key=lambda item: item[0]):
        writer.add(path, entry)
    return writer.finish()
