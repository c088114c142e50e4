"""Putting an entry on a branch, from whatever door it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_lakefs.errors import Refused
from local_lakefs.storage.entries import Entry
from local_lakefs.versioning import protection, staging

if TYPE_CHECKING:
    from local_lakefs.versioning.repositories import Repository


def place(
    repository: Repository,
    branch: str,
    path: str,
    entry: Entry,
    *,
    force: bool = False,
    must_be_new: bool = False,
) -> None:
    """Stage an entry at a path.

    Raises
    ------
    Forbidden
        The branch is protected, or the repository read-only and ``force`` not set.
    Refused
        ``must_be_new``, and something is there.
    """
    protection.require_unprotected(repository, branch)
    repository.require_writable(force)

    def decide(present: Entry | None) -> Entry:
        if must_be_new and present is not None:
            raise Refused("Precondition failed")
        return entry

    staging.change(repository, branch, path, decide)


def remove(repository: Repository, branch: str, paths: list[str], *, force: bool = False) -> None:
    """Stage the deletion of paths; what is not there stays so.

    Raises
    ------
    Forbidden
        As for ``place``.
    """
    protection.require_unprotected(repository, branch)
    repository.require_writable(force)
    staging.change_many(repository, branch, paths, lambda _: None)
