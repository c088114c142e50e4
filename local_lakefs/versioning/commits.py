"""Commits: records named by a digest of what they say, their history, their common past."""

from __future__ import annotations

import hashlib
import heapq
import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_lakefs.errors import LakeFSError, NotFound
from local_lakefs.storage.entries import Metadata, dump

if TYPE_CHECKING:
    from local_lakefs.versioning.repositories import Repository

CURRENT_VERSION = 1
INSERT = "INSERT OR IGNORE INTO commits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class Commit:
    """A commit. ``creation_ns`` in nanoseconds of the Unix epoch: logs are ordered by it."""

    id: str
    committer: str
    message: str
    creation_ns: int
    meta_range_id: str
    parents: tuple[str, ...]
    metadata: Metadata
    version: int
    generation: int

    @classmethod
    def new(
        cls,
        committer: str,
        message: str,
        meta_range_id: str,
        parents: tuple[str, ...],
        metadata: Metadata,
        generation: int,
        creation_ns: int | None = None,
    ) -> Commit:
        """Make a commit with its id: a digest over everything but generation and fractions of a second."""
        if creation_ns is None:
            creation_ns = time.time_ns()
        said = [committer, message, meta_range_id, creation_ns // 10**9, metadata, parents]
        identity = hashlib.sha256(dump(["commit:v1", *said]).encode()).hexdigest()
        return cls(
            identity,
            committer,
            message,
            creation_ns,
            meta_range_id,
            parents,
            metadata,
            CURRENT_VERSION,
            generation,
        )

    @property
    def creation_date(self) -> int:
        """Seconds of the Unix epoch."""
        return self.creation_ns // 10**9

    def row(self) -> tuple[object, ...]:
        return (
            self.id,
            self.committer,
            self.message,
            self.creation_ns,
            self.meta_range_id,
            dump(self.parents),
            dump(self.metadata),
            self.version,
            self.generation,
        )


def _from_row(row: sqlite3.Row) -> Commit:
    return Commit(
        id=row["id"],
        committer=row["committer"],
        message=row["message"],
        creation_ns=row["creation_date"],
        meta_range_id=row["meta_range_id"],
        parents=tuple(json.loads(row["parents"])),
        metadata=json.loads(row["metadata"]),
        version=row["version"],
        generation=row["generation"],
    )


def find(repository: Repository, commit_id: str) -> Commit | None:
    row = repository.database.one(
        "SELECT * FROM commits WHERE repository = ? AND id = ?", (repository.uid, commit_id)
    )
    return None if row is None else _from_row(row)


def get(repository: Repository, commit_id: str) -> Commit:
    commit = find(repository, commit_id)
    if commit is None:
        raise NotFound("commit not found")
    return commit


def find_by_prefix(repository: Repository, prefix: str) -> Commit | None:
    """Return the only commit whose id starts with ``prefix``; None when there is none or more than one."""
    rows = repository.database.all(
        "SELECT * FROM commits WHERE repository = ? AND id >= ? AND id < ? ORDER BY id LIMIT 2",
        (repository.uid, prefix, prefix + "g"),
    )
    return _from_row(rows[0]) if len(rows) == 1 else None


def add(repository: Repository, commit: Commit) -> None:
    if not repository.ranges.exists(commit.meta_range_id):
        raise LakeFSError(f"add commit: metarange not found: {commit.meta_range_id}")
    with repository.database.writing() as connection:
        connection.execute(INSERT, (repository.uid, *commit.row()))


def log(
    repository: Repository, start: str, *, first_parent: bool = False, since_ns: int | None = None
) -> Iterator[Commit]:
    """A commit and its ancestors, newest first."""

    def reversed_text(text: str) -> tuple[int, ...]:
        return tuple(-ord(character) for character in text)

    waiting: list[tuple[int, tuple[int, ...], Commit]] = []
    seen: set[str] = set()

    def enqueue(commit_id: str) -> None:
        if commit_id in seen:
            return
        seen.add(commit_id)
        commit = get(repository, commit_id)
        if since_ns is None or commit.creation_ns >= since_ns:
            heapq.heappush(waiting, (-commit.creation_ns, reversed_text(commit.id), commit))

    enqueue(start)
    while waiting:
        _, _, commit = heapq.heappop(waiting)
        for parent in commit.parents[:1] if first_parent else commit.parents:
            enqueue(parent)
        yield commit


def merge_base(repository: Repository, left: str, right: str) -> Commit | None:
    """Return the best common ancestor, by generation, as lakeFS finds it; None when there is none."""
    if left == right:
        return get(repository, left)
    reached = {left: 1, right: 2}
    waiting: list[tuple[int, int, int, Commit]] = []

    def enqueue(commit_id: str) -> None:
        commit = get(repository, commit_id)
        heapq.heappush(waiting, (-commit.generation, -commit.creation_ns, len(reached), commit))

    enqueue(left)
    enqueue(right)
    while waiting:
        *_, commit = heapq.heappop(waiting)
        for parent in commit.parents:
            if parent not in reached:
                reached[parent] = 0
                enqueue(parent)
            reached[parent] |= reached[commit.id]
            if reached[parent] == 3:
                return get(repository, parent)
    return None
