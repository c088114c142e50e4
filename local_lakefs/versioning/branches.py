"""Branches: a commit, a token under which changes are staged, and tokens sealed for a commit in progress."""

from __future__ import annotations

import json
import random
import sqlite3
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from local_lakefs.errors import Conflict, NotFound, PredicateFailed, TooManyTries
from local_lakefs.storage.entries import dump
from local_lakefs.versioning import commits
from local_lakefs.versioning.commits import Commit

if TYPE_CHECKING:
    from local_lakefs.versioning.repositories import Repository

MAX_TRIES = 10
"""How often lakeFS tries to move a branch that others move too (BranchUpdateMaxTries)."""
FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 1.0


@dataclass(frozen=True)
class Branch:
    """``sealed_tokens`` newest first; ``version`` counts the writes of this record."""

    id: str
    commit_id: str
    staging_token: str
    sealed_tokens: tuple[str, ...]
    hidden: bool
    version: int

    @property
    def tokens(self) -> tuple[str, ...]:
        """All staged changes, newest first."""
        return (self.staging_token, *self.sealed_tokens)


def new_token(repository_id: str, branch_id: str) -> str:
    return f"{repository_id}-{branch_id}:{uuid.uuid4()}"


def _from_row(row: sqlite3.Row) -> Branch:
    return Branch(
        id=row["id"],
        commit_id=row["commit_id"],
        staging_token=row["staging_token"],
        sealed_tokens=tuple(json.loads(row["sealed_tokens"])),
        hidden=bool(row["hidden"]),
        version=row["version"],
    )


def find(repository: Repository, branch_id: str) -> Branch | None:
    row = repository.database.one(
        "SELECT * FROM branches WHERE repository = ? AND id = ?", (repository.uid, branch_id)
    )
    return None if row is None else _from_row(row)


def get(repository: Repository, branch_id: str) -> Branch:
    branch = find(repository, branch_id)
    if branch is None:
        raise NotFound("branch not found")
    return branch


def insert(
    connection: sqlite3.Connection,
    repository_uid: int | None,
    repository_id: str,
    branch_id: str,
    commit_id: str,
    *,
    hidden: bool,
) -> None:
    """Add a branch inside a write transaction; raises Conflict when it is there."""
    try:
        connection.execute(
            "INSERT INTO branches VALUES (?, ?, ?, ?, '[]', ?, 0)",
            (repository_uid, branch_id, commit_id, new_token(repository_id, branch_id), hidden),
        )
    except sqlite3.IntegrityError:
        raise Conflict("branch already exists: not unique") from None


def page(
    repository: Repository, prefix: str, after: str, amount: int, *, show_hidden: bool
) -> tuple[list[Branch], bool]:
    """Return one page of branches by name, and whether there are more."""
    rows = repository.database.all(
        "SELECT * FROM branches WHERE repository = ? AND id > ? AND substr(id, 1, ?) = ?"
        " AND (? OR NOT hidden) ORDER BY id LIMIT ?",
        (repository.uid, after, len(prefix), prefix, show_hidden, amount + 1),
    )
    return [_from_row(row) for row in rows[:amount]], len(rows) > amount


def delete(repository: Repository, branch: Branch) -> None:
    with repository.database.writing() as connection:
        connection.execute(
            "DELETE FROM branches WHERE repository = ? AND id = ?", (repository.uid, branch.id)
        )
        drop_tokens(connection, repository.uid, branch.tokens)


def drop_tokens(connection: sqlite3.Connection, repository_uid: int, tokens: tuple[str, ...]) -> None:
    connection.executemany(
        "DELETE FROM staging WHERE repository = ? AND token = ?",
        [(repository_uid, token) for token in tokens],
    )


def update(repository: Repository, branch_id: str, change: Callable[[Branch], Branch]) -> Branch:
    """Read a branch, let ``change`` say what it becomes, and write that if nobody wrote it meanwhile.

    Nothing is held while ``change`` runs: it may call hooks. Staged changes under tokens that the new branch
    no longer has are dropped with the same write.

    Raises
    ------
    PredicateFailed
        When somebody did.
    """
    before = get(repository, branch_id)
    after = change(before)
    with repository.database.writing() as connection:
        _write(connection, repository, before, after)
    return after


def _write(connection: sqlite3.Connection, repository: Repository, before: Branch, after: Branch) -> None:
    written = connection.execute(
        "UPDATE branches SET commit_id = ?, staging_token = ?, sealed_tokens = ?, version = version + 1"
        " WHERE repository = ? AND id = ? AND version = ? AND staging_token = ?",
        (
            after.commit_id,
            after.staging_token,
            dump(after.sealed_tokens),
            repository.uid,
            before.id,
            before.version,
            before.staging_token,
        ),
    )
    if written.rowcount == 0:
        raise PredicateFailed
    gone = tuple(token for token in before.tokens if token not in after.tokens)
    drop_tokens(connection, repository.uid, gone)


def move_to(repository: Repository, before: Branch, commit: Commit) -> Branch:
    """Write a commit; return the branch as it is to be on it, with nothing sealed any more."""
    commits.add(repository, commit)
    return replace(before, commit_id=commit.id, sealed_tokens=())


def update_with_retries(repository: Repository, branch_id: str, change: Callable[[Branch], Branch]) -> Branch:
    """``update``, again and again while others are faster; raises TooManyTries after the tenth time."""
    return _retry(lambda: update(repository, branch_id, change))


def seal(repository: Repository, branch_id: str, check: Callable[[Branch], None] | None = None) -> None:
    """Put what is staged aside: later uploads go under a new token. ``check`` may refuse beforehand.

    Tokens under which nothing was staged are forgotten.
    """

    def seal_once() -> Branch:
        before = get(repository, branch_id)
        if check is not None:
            check(before)
        with repository.database.writing() as connection:
            used = tuple(
                token
                for token in before.tokens
                if connection.execute(
                    "SELECT 1 FROM staging WHERE repository = ? AND token = ? LIMIT 1",
                    (repository.uid, token),
                ).fetchone()
            )
            after = replace(before, sealed_tokens=used, staging_token=new_token(repository.id, branch_id))
            _write(connection, repository, before, after)
        return after

    _retry(seal_once)


def _retry(attempt: Callable[[], Branch]) -> Branch:
    pause_s = FIRST_PAUSE_S
    for tries_left in reversed(range(MAX_TRIES)):
        try:
            return attempt()
        except PredicateFailed:
            if not tries_left:
                break
            time.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - only spreads retries
            pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)
    raise TooManyTries
