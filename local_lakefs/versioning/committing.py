"""Commits of staged changes, and commits of a metarange as it is (``pkg/graveler/graveler.go``, Commit).

What is staged is sealed first, so that uploads during the hooks go elsewhere; nothing is held meanwhile.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from local_lakefs.errors import BadRequest, NoChanges
from local_lakefs.storage.comparing import diff_staged
from local_lakefs.storage.entries import Metadata
from local_lakefs.storage.ranges import EMPTY
from local_lakefs.storage.writing import apply_changes
from local_lakefs.versioning import branches, commits, protection, staging
from local_lakefs.versioning.branches import Branch
from local_lakefs.versioning.commits import Commit
from local_lakefs.versioning.hooks import Happening, Hooks

if TYPE_CHECKING:
    from local_lakefs.versioning.repositories import Repository


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
        return branches.move_to(repository, branch, result)

    branches.update_with_retries(repository, branch_id, change)
    result, run_id = made[-1]
    hooks.after(
        repository,
        "post-commit",
        Happening(source_ref=result.id, branch_id=branch_id, commit=result, commit_id=result.id),
        run_id,
    )
    return result
