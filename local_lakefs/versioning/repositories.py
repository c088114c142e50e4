"""Repositories, and what belongs to each as a whole."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from dataclasses import dataclass

from local_lakefs.errors import Conflict, Forbidden, NotFound
from local_lakefs.storage.database import Database
from local_lakefs.storage.entries import Entry, Metadata, dump
from local_lakefs.storage.ranges import EMPTY, RangeStore
from local_lakefs.versioning import branches, commits
from local_lakefs.versioning.addresses import Namespace
from local_lakefs.versioning.names import check_repository


@dataclass(frozen=True)
class Repository:
    """A repository and the stores of its content. ``creation_date`` in seconds of the Unix epoch."""

    uid: int
    id: str
    namespace: Namespace
    default_branch: str
    creation_date: int
    read_only: bool
    database: Database
    ranges: RangeStore

    def require_writable(self, force: bool) -> None:
        if self.read_only and not force:
            raise Forbidden("read-only repository")

    def key_of(self, entry: Entry) -> str:
        """Return the name under which an entry's bytes are kept; raises Forbidden for paths outside."""
        return self.namespace.key(entry.address, entry.relative)


class Repositories:
    """All repositories. ``directory`` and ``external`` as in ``Namespace``."""

    def __init__(self, database: Database, directory: str, external: tuple[str, ...] = ()) -> None:
        self._database = database
        self._directory = directory
        self._external = external
        self._lock = threading.Lock()
        self._ranges: dict[int, RangeStore] = {}

    def create(
        self, repository_id: str, storage_namespace: str, default_branch: str, *, read_only: bool, bare: bool
    ) -> Repository:
        """Make a repository with its first, empty commit on the default branch; bare: without either.

        Raises
        ------
        Conflict
            When there is one of that name.
        """
        with self._database.writing() as connection:
            try:
                cursor = connection.execute(
                    "INSERT INTO repositories"
                    " (id, storage_namespace, default_branch, creation_date, read_only)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (repository_id, storage_namespace, default_branch, int(time.time()), read_only),
                )
            except sqlite3.IntegrityError:
                raise Conflict("error creating repository: not unique") from None
            uid = cursor.lastrowid
            if not bare:
                first = commits.Commit.new("", "Repository created", EMPTY, (), {}, 1)
                connection.execute(commits.INSERT, (uid, *first.row()))
                branches.insert(connection, uid, repository_id, default_branch, first.id, hidden=False)
        return self.get(repository_id)

    def get(self, repository_id: str) -> Repository:
        check_repository(repository_id)
        row = self._database.one("SELECT * FROM repositories WHERE id = ?", (repository_id,))
        if row is None:
            raise NotFound("repository not found")
        return self._from_row(row)

    def _from_row(self, row: sqlite3.Row) -> Repository:
        uid = row["uid"]
        with self._lock:
            ranges = self._ranges.get(uid)
            if ranges is None:
                ranges = self._ranges[uid] = RangeStore(self._database, uid)
        return Repository(
            uid=uid,
            id=row["id"],
            namespace=Namespace(row["storage_namespace"], self._directory, self._external),
            default_branch=row["default_branch"],
            creation_date=row["creation_date"],
            read_only=bool(row["read_only"]),
            database=self._database,
            ranges=ranges,
        )

    def list(self, prefix: str, after: str, amount: int, search: str = "") -> tuple[list[Repository], bool]:
        """Return one page of repositories, and whether there are more."""
        rows = self._database.all(
            "SELECT * FROM repositories WHERE id > ? AND substr(id, 1, ?) = ? AND instr(id, ?) > 0"
            " ORDER BY id LIMIT ?",
            (after, len(prefix), prefix, search, amount + 1),
        )
        return [self._from_row(row) for row in rows[:amount]], len(rows) > amount

    def delete(self, repository_id: str, *, force: bool) -> None:
        repository = self.get(repository_id)
        repository.require_writable(force)
        with self._database.writing() as connection:
            connection.execute("DELETE FROM repositories WHERE uid = ?", (repository.uid,))
        with self._lock:
            self._ranges.pop(repository.uid, None)


def metadata(repository: Repository) -> Metadata:
    row = repository.database.one("SELECT metadata FROM repositories WHERE uid = ?", (repository.uid,))
    return {} if row is None else json.loads(row["metadata"])


def update_metadata(repository: Repository, changes: dict[str, str | None]) -> None:
    """Set keys of a repository's metadata; None removes one."""
    with repository.database.writing() as connection:
        row = connection.execute(
            "SELECT metadata FROM repositories WHERE uid = ?", (repository.uid,)
        ).fetchone()
        if row is None:
            raise NotFound("repository not found")
        merged = json.loads(row["metadata"]) | changes
        kept = {key: value for key, value in merged.items() if value is not None}
        connection.execute("UPDATE repositories SET metadata = ? WHERE uid = ?", (dump(kept), repository.uid))
