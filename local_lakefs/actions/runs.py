"""What came of the runs: kept in SQLite, told in the JSON of lakeFS's API."""

from __future__ import annotations

import base64
import itertools
import os
import secrets
import sqlite3
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local_lakefs.actions.model import ParametersConflict, RunNotFound

MAX_PER_PAGE = 1000
NO_TIME = "0001-01-01T00:00:00Z"  # what lakeFS writes where there is none
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    repository TEXT NOT NULL,
    run_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    branch TEXT NOT NULL,
    source_ref TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    start_time_ns INTEGER,
    end_time_ns INTEGER,
    passed INTEGER NOT NULL,
    PRIMARY KEY (repository, run_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS runs_by_branch ON runs (repository, branch, run_id);
CREATE INDEX IF NOT EXISTS runs_by_commit ON runs (repository, commit_id, run_id);
CREATE TABLE IF NOT EXISTS hook_runs (
    repository TEXT NOT NULL,
    run_id TEXT NOT NULL,
    hook_run_id TEXT NOT NULL,
    action TEXT NOT NULL,
    hook_id TEXT NOT NULL,
    start_time_ns INTEGER,
    end_time_ns INTEGER,
    passed INTEGER NOT NULL,
    output TEXT NOT NULL,
    PRIMARY KEY (repository, run_id, hook_run_id)
) WITHOUT ROWID;
"""
# A run id holds its time counted down to this moment (in lakeFS the year 3000): the newest sorts first.
_COUNT_DOWN_TO_S = 32_500_915_200
_machine = secrets.token_bytes(3)
_counter = itertools.count(secrets.randbelow(1 << 24))


def new_run_id() -> str:
    """Make a run id: 20 characters, sorted from new to old by the second, within one by their making."""
    seconds = (_COUNT_DOWN_TO_S - int(time.time())) & 0xFFFFFFFF
    process = struct.pack(">H", os.getpid() & 0xFFFF)
    count = struct.pack(">I", next(_counter) & 0xFFFFFF)[1:]
    return (
        base64.b32hexencode(struct.pack(">I", seconds) + _machine + process + count)
        .decode()
        .rstrip("=")
        .lower()
    )


@dataclass
class HookRun:
    """One hook in a run. A hook that was passed over has no start."""

    hook_run_id: str
    action: str
    hook_id: str
    start_time_ns: int | None = None
    end_time_ns: int | None = None
    error: str | None = None
    output: str = ""

    @property
    def passed(self) -> bool:
        """Whether it ran and had nothing against the operation."""
        return self.start_time_ns is not None and self.error is None


@dataclass(frozen=True)
class Run:
    """One run of all hooks that an event concerned."""

    repository: str
    run_id: str
    event_type: str
    branch: str
    source_ref: str
    commit_id: str


class RunStore:
    """The records of one server.

    Parameters
    ----------
    database : Path
        The file, made when it is not there.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_SCHEMA)

    def save(self, run: Run, hooks: Sequence[HookRun]) -> None:
        """Keep a run that has ended."""
        started = [hook.start_time_ns for hook in hooks if hook.start_time_ns is not None]
        ended = [hook.end_time_ns for hook in hooks if hook.end_time_ns is not None]
        passed = all(hook.error is None for hook in hooks)
        with self._writing() as connection:
            connection.executemany(
                "INSERT INTO hook_runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        run.repository,
                        run.run_id,
                        hook.hook_run_id,
                        hook.action,
                        hook.hook_id,
                        hook.start_time_ns,
                        hook.end_time_ns,
                        hook.passed,
                        hook.output,
                    )
                    for hook in hooks
                ],
            )
            connection.execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run.repository,
                    run.run_id,
                    run.event_type,
                    run.branch,
                    run.source_ref,
                    run.commit_id,
                    min(started, default=None),
                    max(ended, default=None),
                    passed,
                ),
            )

    def set_commit(self, repository: str, run_id: str, commit_id: str) -> None:
        """Note the commit that an operation led to; nothing happens when no hook ran before it."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE runs SET commit_id = ? WHERE repository = ? AND run_id = ?",
                (commit_id, repository, run_id),
            )

    def runs(
        self, repository: str, *, branch: str | None, commit: str | None, after: str, amount: int
    ) -> dict[str, Any]:
        """List runs by their ids; raises ParametersConflict for both branch and commit."""
        if branch and commit:
            raise ParametersConflict("can't use both branchID and MergedCommitID: parameters conflict")
        rows = self._rows(
            "SELECT * FROM runs WHERE repository = :repository AND run_id > :after"
            " AND (:branch = '' OR branch = :branch) AND (:commit = '' OR commit_id = :commit)"
            " ORDER BY run_id LIMIT :amount + 1",
            {
                "repository": repository,
                "after": after,
                "branch": branch or "",
                "commit": commit or "",
                "amount": amount,
            },
        )
        return _page([_run_json(row) for row in rows], amount, "run_id")

    def get_run(self, repository: str, run_id: str) -> dict[str, Any]:
        """Tell of one run; raises RunNotFound."""
        rows = self._rows("SELECT * FROM runs WHERE repository = ? AND run_id = ?", (repository, run_id))
        if not rows:
            raise RunNotFound("not found")
        return _run_json(rows[0])

    def hook_runs(self, repository: str, run_id: str, *, after: str, amount: int) -> dict[str, Any]:
        """List the hooks of a run, none for a run that is not there (as in lakeFS)."""
        rows = self._rows(
            "SELECT * FROM hook_runs WHERE repository = ? AND run_id = ? AND hook_run_id > ?"
            " ORDER BY hook_run_id LIMIT ?",
            (repository, run_id, after, amount + 1),
        )
        return _page([_hook_json(row) for row in rows], amount, "hook_run_id")

    def output(self, repository: str, run_id: str, hook_run_id: str) -> str:
        """Give the log of a hook; raises RunNotFound."""
        rows = self._rows(
            "SELECT output FROM hook_runs WHERE repository = ? AND run_id = ? AND hook_run_id = ?",
            (repository, run_id, hook_run_id),
        )
        if not rows:
            raise RunNotFound("not found")
        return str(rows[0]["output"])

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._database, timeout=30, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def _rows(self, statement: str, values: Sequence[Any] | dict[str, Any]) -> list[sqlite3.Row]:
        with closing(self._connect()) as connection:
            return connection.execute(statement, values).fetchall()


def _run_json(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "run_id": row["run_id"],
        "branch": row["branch"],
        "start_time": rfc3339(row["start_time_ns"]),
        "end_time": rfc3339(row["end_time_ns"]),
        "event_type": row["event_type"],
        "status": "completed" if row["passed"] else "failed",
        "commit_id": row["commit_id"],
    }


def _hook_json(row: sqlite3.Row) -> dict[str, Any]:
    told = {
        "hook_run_id": row["hook_run_id"],
        "action": row["action"],
        "hook_id": row["hook_id"],
        "start_time": rfc3339(row["start_time_ns"]),
    }
    if row["start_time_ns"] is None and not row["passed"]:
        return {**told, "status": "skipped"}
    return {
        **told,
        "end_time": rfc3339(row["end_time_ns"]),
        "status": "completed" if row["passed"] else "failed",
    }


def _page(items: list[dict[str, Any]], amount: int, key: str) -> dict[str, Any]:
    has_more = len(items) > amount
    shown = items[:amount]
    pagination = {
        "has_more": has_more,
        "next_offset": shown[-1][key] if has_more and shown else "",
        "results": len(shown),
        "max_per_page": MAX_PER_PAGE,
    }
    return {"pagination": pagination, "results": shown}


def rfc3339(time_ns: int | None) -> str:
    """Write a time, in nanoseconds of the Unix epoch, as Go does."""
    if time_ns is None:
        return NO_TIME
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    fraction = f".{nanoseconds:09d}".rstrip("0").rstrip(".")
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"
