"""The SQLite file: schema, a connection per thread, short durable write transactions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS repositories (
    uid INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    storage_namespace TEXT NOT NULL,
    default_branch TEXT NOT NULL,
    creation_date INTEGER NOT NULL,
    read_only INTEGER NOT NULL,
    metadata TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS branches (
    repository INTEGER NOT NULL REFERENCES repositories(uid) ON DELETE CASCADE,
    id TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    staging_token TEXT NOT NULL,
    sealed_tokens TEXT NOT NULL,
    hidden INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (repository, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tags (
    repository INTEGER NOT NULL REFERENCES repositories(uid) ON DELETE CASCADE,
    id TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    PRIMARY KEY (repository, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS commits (
    repository INTEGER NOT NULL REFERENCES repositories(uid) ON DELETE CASCADE,
    id TEXT NOT NULL,
    committer TEXT NOT NULL,
    message TEXT NOT NULL,
    creation_date INTEGER NOT NULL,
    meta_range_id TEXT NOT NULL,
    parents TEXT NOT NULL,
    metadata TEXT NOT NULL,
    version INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    PRIMARY KEY (repository, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS staging (
    repository INTEGER NOT NULL REFERENCES repositories(uid) ON DELETE CASCADE,
    token TEXT NOT NULL,
    path TEXT NOT NULL,
    entry TEXT,
    PRIMARY KEY (repository, token, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ranges (
    repository INTEGER NOT NULL REFERENCES repositories(uid) ON DELETE CASCADE,
    id TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (repository, id)
);
CREATE TABLE IF NOT EXISTS meta_ranges (
    repository INTEGER NOT NULL REFERENCES repositories(uid) ON DELETE CASCADE,
    id TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (repository, id)
);
CREATE TABLE IF NOT EXISTS pulls (
    repository INTEGER NOT NULL REFERENCES repositories(uid) ON DELETE CASCADE,
    id TEXT NOT NULL,
    status TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    author TEXT NOT NULL,
    source TEXT NOT NULL,
    destination TEXT NOT NULL,
    created_at TEXT NOT NULL,
    closed_at TEXT,
    merged_commit_id TEXT,
    PRIMARY KEY (repository, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settings (
    repository INTEGER NOT NULL REFERENCES repositories(uid) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (repository, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    repository INTEGER NOT NULL REFERENCES repositories(uid) ON DELETE CASCADE,
    id TEXT NOT NULL,
    path TEXT NOT NULL,
    content_type TEXT NOT NULL,
    metadata TEXT NOT NULL,
    creation_date INTEGER NOT NULL,
    PRIMARY KEY (repository, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS upload_parts (
    repository INTEGER NOT NULL,
    upload TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (repository, upload, number),
    FOREIGN KEY (repository, upload) REFERENCES uploads(repository, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS imports (
    repository INTEGER NOT NULL REFERENCES repositories(uid) ON DELETE CASCADE,
    id TEXT NOT NULL,
    found INTEGER NOT NULL,
    error TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    updated TEXT NOT NULL,
    PRIMARY KEY (repository, id)
) WITHOUT ROWID;
"""


class Database:
    """One SQLite file, opened once per thread, in WAL with ``synchronous=FULL``.

    A committed write transaction has been synced to disk: what was acknowledged survives a crash. Writers
    queue on a lock of this process, so that no one spins on SQLite's busy handler.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._writer = threading.Lock()
        connection = self._connection()
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, SCHEMA_VERSION):
            raise RuntimeError(f"{path} was made by another version: {found}, not {SCHEMA_VERSION}")
        connection.executescript(SCHEMA)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=60, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            self._local.connection = connection
        return connection

    def all(self, sql: str, parameters: tuple[object, ...] = ()) -> list[sqlite3.Row]:
        return self._connection().execute(sql, parameters).fetchall()

    def one(self, sql: str, parameters: tuple[object, ...] = ()) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection().execute(sql, parameters).fetchone()
        return row

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction, committed and synced at the end, rolled back by an exception.

        Keep it short; never call a hook or read a request's body inside.
        """
        with self._writer:
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # a full disk may have ended it already
                    connection.execute("ROLLBACK")
                raise
