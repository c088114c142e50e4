"""Staged changes of a branch, and reading a version with what is staged on it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from local_lakefs.errors import DirtyBranch
from local_lakefs.storage.comparing import Difference, diff_staged
from local_lakefs.storage.entries import Entry, decode_entry, encode_entry
from local_lakefs.versioning import branches, commits
from local_lakefs.versioning.branches import Branch

if TYPE_CHECKING:
    import sqlite3

    from local_lakefs.versioning.repositories import Repository

PAGE = 1000
Staged = Iterator[tuple[str, Entry | None]]


def _token_entries(repository: Repository, token: str, start: str) -> Staged:
    sql = (
        "SELECT path, entry FROM staging WHERE repository = ? AND token = ? AND path {} ?"
        " ORDER BY path LIMIT ?"
    )
    comparison = ">="
    while True:
        rows = repository.database.all(sql.format(comparison), (repository.uid, token, start, PAGE))
        for row in rows:
            yield row["path"], decode_entry(row["entry"])
        if len(rows) < PAGE:
            return
        start, comparison = rows[-1]["path"], ">"


def entries(repository: Repository, tokens: tuple[str, ...], start: str = "") -> Staged:
    """Staged changes by path, the newest of each; None is a deletion. ``tokens`` newest first."""

    def stream(age: int, token: str) -> Iterator[tuple[str, int, Entry | None]]:
        for path, entry in _token_entries(repository, token, start):
            yield path, age, entry

    streams = [stream(age, token) for age, token in enumerate(tokens)]
    last: str | None = None
    for path, _, entry in heapq.merge(*streams, key=lambda item: item[:2]):
        if path != last:
            last = path
            yield path, entry


def find(repository: Repository, tokens: tuple[str, ...], path: str) -> tuple[bool, Entry | None]:
    """Return whether something is staged for a path, and the entry: None when its deletion is."""
    for token in tokens:
        row = repository.database.one(
            "SELECT entry FROM staging WHERE repository = ? AND token = ? AND path = ?",
            (repository.uid, token, path),
        )
        if row is not None:
            return True, decode_entry(row["entry"])
    return False, None


def put(
    connection: sqlite3.Connection, repository: Repository, token: str, path: str, entry: Entry | None
) -> None:
    """Stage an entry, or a deletion, inside a write transaction."""
    connection.execute(
        "INSERT OR REPLACE INTO staging VALUES (?, ?, ?, ?)",
        (repository.uid, token, path, encode_entry(entry)),
    )


def uncommitted(repository: Repository, branch: Branch, start: str = "") -> Iterator[Difference]:
    """What is staged on a branch and differs from its commit."""
    meta_range_id = commits.get(repository, branch.commit_id).meta_range_id
    return diff_staged(repository.ranges, meta_range_id, entries(repository, branch.tokens, start))


def require_clean(repository: Repository, branch: Branch) -> None:
    if any(True for _ in uncommitted(repository, branch)):
        raise DirtyBranch


def require_clean_sealed(repository: Repository, branch: Branch, *, named: bool = True) -> None:
    """Refuse a branch whose sealed changes differ from its commit: they slipped in after the check."""
    meta_range_id = commits.get(repository, branch.commit_id).meta_range_id
    sealed = entries(repository, branch.sealed_tokens)
    if any(True for _ in diff_staged(repository.ranges, meta_range_id, sealed)):
        error = DirtyBranch()
        raise error.within(branch.id) if named else error


def change(
    repository: Repository, branch_id: str, path: str, decide: Callable[[Entry | None], Entry | None]
) -> None:
    """Stage what ``decide`` makes of the branch's present entry at ``path``; None deletes it.

    Reading and writing are one transaction: ``decide`` must be quick.
    """
    change_many(repository, branch_id, [path], decide)


def change_many(
    repository: Repository,
    branch_id: str,
    paths: list[str],
    decide: Callable[[Entry | None], Entry | None],
) -> None:
    with repository.database.writing() as connection:
        branch = branches.get(repository, branch_id)
        meta_range_id = commits.get(repository, branch.commit_id).meta_range_id
        for path in paths:
            is_staged, present = find(repository, branch.tokens, path)
            committed = None if is_staged else repository.ranges.get(meta_range_id, path)
            entry = decide(present if is_staged else committed)
            if entry is None and not is_staged and committed is None:
                continue  # nothing there to delete
            put(connection, repository, branch.staging_token, path, entry)
