"""Resets of a branch: its staged changes, or the commit that it points to."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

from local_lakefs.errors import LakeFSError, NotFound
from local_lakefs.storage.entries import Entry
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
    """Forget what is staged for one path, by staging what is committed there."""
    protection.require_unprotected(repository, branch_id)
    repository.require_writable(force)
    with repository.database.writing() as connection:
        try:
            branch = branches.get(repository, branch_id)
        except NotFound as error:
            raise error.within("getting branch") from None
        is_staged, _ = staging.find(repository, branch.tokens, path)
        if is_staged:
            committed = committed_entry(repository, branch, path)
            staging.put(connection, repository, branch.staging_token, path, committed)


def reset_prefix(repository: Repository, branch_id: str, prefix: str, *, force: bool = False) -> None:
    """Forget what is staged for all paths that start with ``prefix``.

    As in lakeFS what was staged is sealed, and what is committed is staged over it under a new token.
    """
    protection.require_unprotected(repository, branch_id)
    repository.require_writable(force)
    token = branches.new_token(repository.id, branch_id)

    def change(branch: Branch) -> Branch:
        found = staging.uncommitted(repository, branch, prefix)
        paths = [item.key for item in takewhile(lambda item: item.key.startswith(prefix), found)]
        with repository.database.writing() as connection:
            for path in paths:
                committed = committed_entry(repository, branch, path)
                staging.put(connection, repository, token, path, committed)
        return replace(branch, staging_token=token, sealed_tokens=branch.tokens)

    branches.update(repository, branch_id, change)


def committed_entry(repository: Repository, branch: Branch, path: str) -> Entry | None:
    meta_range_id = commits.get(repository, branch.commit_id).meta_range_id
    return repository.ranges.get(meta_range_id, path)
