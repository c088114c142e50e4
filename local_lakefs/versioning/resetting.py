"""Resets of a branch: its staged changes, or the commit that it points to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from local_lakefs.errors import LakeFSError
from local_lakefs.storage.entries import encode_entry
from local_lakefs.versioning import branches, commits, protection, staging
from local_lakefs.versioning.branches import Branch
from local_lakefs.versioning.references import resolve_commit

if TYPE_CHECKING:
    from local_lakefs.versioning.repositories import Repository


def hard_reset(repository: Repository, branch_id: str, ref: str, *, force: bool = False) -> None:
    """Point a branch elsewhere, history and all; refused on protected branches."""
    protection.require_unprotected(repository, branch_id, "protected branch")
    repository.require_writable(force)

    def change(branch: Branch) -> Branch:
        staging.require_clean_sealed(repository, branch)
        try:
            target = resolve_commit(repository, ref)
        except LakeFSError as error:
            raise error.within(f"hard-reset {branch_id} to {ref}") from None
        return replace(branch, commit_id=target.id)

    branches.update_with_retries(repository, branch_id, change)


def reset(repository: Repository, branch_id: str, *, force: bool = False) -> None:
    """Forget everything that is staged."""
    protection.require_unprotected(repository, branch_id)
    repository.require_writable(force)
    token = branches.new_token(repository.id, branch_id)
    branches.update(
        repository, branch_id, lambda branch: replace(branch, staging_token=token, sealed_tokens=())
    )


def reset_path(repository: Repository, branch_id: str, path: str, *, force: bool = False) -> None:
    """Forget what is staged for one path."""
    protection.require_unprotected(repository, branch_id)
    repository.require_writable(force)
    _unstage(repository, branch_id, [path])


def reset_prefix(repository: Repository, branch_id: str, prefix: str, *, force: bool = False) -> None:
    """Forget what is staged for all paths that start with ``prefix``."""
    protection.require_unprotected(repository, branch_id)
    repository.require_writable(force)
    branch = branches.get(repository, branch_id)
    paths = []
    for change in staging.uncommitted(repository, branch, prefix):
        if not change.key.startswith(prefix):
            break
        paths.append(change.key)
    _unstage(repository, branch_id, paths)


def _unstage(repository: Repository, branch_id: str, paths: list[str]) -> None:
    """Stage what is committed; sealed changes stay as they are, since a commit may be using them."""
    with repository.database.writing() as connection:
        branch = branches.get(repository, branch_id)
        meta_range_id = commits.get(repository, branch.commit_id).meta_range_id
        for path in paths:
            connection.execute(
                "DELETE FROM staging WHERE repository = ? AND token = ? AND path = ?",
                (repository.uid, branch.staging_token, path),
            )
            is_staged, entry = staging.find(repository, branch.sealed_tokens, path)
            committed = repository.ranges.get(meta_range_id, path)
            if is_staged and entry != committed:
                connection.execute(
                    "INSERT INTO staging VALUES (?, ?, ?, ?)",
                    (repository.uid, branch.staging_token, path, encode_entry(committed)),
                )
