"""The ledger: the record of asks, verdicts, reverts, waivers and tokens, append-only, chained by digest.

Each entry holds the digest of the one before, so that one which is altered, taken out or put in shows. Who
can write the database can make the whole chain anew: only a head that was noted elsewhere tells.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select

from gate_server.store.database import reading
from gate_server.store.tables import ledger
from gate_server.store.times import now

LEDGER_LOCK = 0x6C656467  # PostgreSQL's advisory lock: one entry after the other
GENESIS = "0" * 64
IDS_A_QUERY = 500
ROWS_A_READ = 1000


@dataclass(frozen=True)
class Head:
    """The newest entry: its number, 0 where there is none, and its digest."""

    number: int
    digest: str

    def __str__(self) -> str:
        """Return it as people note it: ``NUMBER:DIGEST``."""
        return f"{self.number}:{self.digest}"


@dataclass(frozen=True)
class Entry:
    """One entry.

    Parameters
    ----------
    number
        From 1, without gaps.
    kind
        What happened: ``ask.answered``, ``verdict``, ``revert.opened``, ``token.made`` and so on.
    subject
        The id of what it happened to: an ask, a check, a revert, a token.
    content
        What else is to be known of it.
    previous, digest
        SHA-256 (hex) of the entry before, and of this one (`digest_of`).
    """

    number: int
    at: datetime
    kind: str
    repository: str
    branch: str
    commit_id: str
    subject: str
    principal: str
    content: Mapping[str, Any]
    previous: str
    digest: str

    def to_json(self) -> dict[str, Any]:
        """Return it as exported: by this alone the chain can be verified."""
        return {**asdict(self), "at": _written(self.at)}


def append(
    connection: Connection,
    kind: str,
    *,
    subject: str,
    repository: str = "",
    branch: str = "",
    commit_id: str = "",
    principal: str = "",
    content: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry in the caller's transaction: what it tells of and the entry are written together, or not.

    Appended last in a transaction, since from here to its end all others that append wait.
    """
    if connection.dialect.name == "postgresql":  # SQLite's transactions are immediate
        connection.execute(select(func.pg_advisory_xact_lock(LEDGER_LOCK)))
    head = _head(connection)
    row: dict[str, Any] = {
        "number": head.number + 1,
        "at": now(),
        "kind": kind,
        "repository": repository,
        "branch": branch,
        "commit_id": commit_id,
        "subject": subject,
        "principal": principal,
        "content": _canonical(content or {}),
        "previous": head.digest,
    }
    connection.execute(insert(ledger).values(**row, digest=_digest(row)))


class Ledger:
    """Queries of the ledger."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def looked(
        self, check_id: str, repository: str, branch: str, principal: str, content: Mapping[str, Any]
    ) -> None:
        """Record that somebody is about to see rows that a check named."""
        with self._engine.begin() as connection:
            append(
                connection,
                "rows.looked",
                subject=check_id,
                repository=repository,
                branch=branch,
                principal=principal,
                content=content,
            )

    def head(self) -> Head:
        """Return the newest entry's number and digest."""
        with reading(self._engine) as connection:
            return _head(connection)

    def of_commits(
        self, repository: str, branch: str, commit_ids: Sequence[str]
    ) -> dict[str, tuple[Entry, ...]]:
        """Return the entries about commits of a branch, oldest first, by commit."""
        found: dict[str, list[Entry]] = {}
        with reading(self._engine) as connection:
            for start in range(0, len(commit_ids), IDS_A_QUERY):
                some = ledger.c.commit_id.in_(commit_ids[start : start + IDS_A_QUERY])
                here = (ledger.c.repository == repository, ledger.c.branch == branch)
                query = select(ledger).where(*here, some).order_by(ledger.c.number)
                for row in connection.execute(query):
                    found.setdefault(row.commit_id, []).append(_entry(row))
        return {commit_id: tuple(entries) for commit_id, entries in found.items()}

    def about(self, kinds: Sequence[str], repository: str, branch: str) -> list[Entry]:
        """Return the entries of these kinds about a branch, oldest first."""
        here = (ledger.c.kind.in_(kinds), ledger.c.repository == repository, ledger.c.branch == branch)
        query = select(ledger).where(*here).order_by(ledger.c.number)
        with reading(self._engine) as connection:
            return [_entry(row) for row in connection.execute(query)]

    def of_subject(self, subject: str) -> list[Entry]:
        """Return the entries about one thing, oldest first."""
        query = select(ledger).where(ledger.c.subject == subject).order_by(ledger.c.number)
        with reading(self._engine) as connection:
            return [_entry(row) for row in connection.execute(query)]

    def entries(self, *, since: int = 0) -> Iterator[Entry]:
        """Yield all entries with a number above `since`, in order, a bounded number in memory."""
        query = select(ledger).order_by(ledger.c.number).limit(ROWS_A_READ)
        while True:
            with reading(self._engine) as connection:
                rows = connection.execute(query.where(ledger.c.number > since)).all()
            for row in rows:
                yield _entry(row)
            if len(rows) < ROWS_A_READ:
                return
            since = rows[-1].number

    def verify(self, noted: Head | None = None) -> list[str]:
        """Return where the chain is broken, nothing when it is whole.

        Parameters
        ----------
        noted
            A head that was noted before, such as one from the log: the chain has to hold it still.
        """
        findings: list[str] = []
        last = Head(0, GENESIS)
        seen = noted is None or noted.number == 0
        for entry in self.entries():
            if entry.number != last.number + 1:
                findings.append(f"entries {last.number + 1} to {entry.number - 1} are missing")
            elif entry.previous != last.digest:
                findings.append(f"entry {entry.number} does not follow entry {last.number}")
            if digest_of(entry) != entry.digest:
                findings.append(f"entry {entry.number} ({entry.kind}, {entry.subject}) was altered")
            if noted is not None and entry.number == noted.number:
                seen = True
                if entry.digest != noted.digest:
                    findings.append(f"entry {entry.number} is not the one that was noted")
            last = Head(entry.number, entry.digest)
        if noted is not None and not seen:
            findings.append(f"the ledger ends at {last.number}, entry {noted.number} was noted")
        return findings


def digest_of(entry: Entry) -> str:
    """Return the SHA-256 (hex) of an entry, of all but its own digest, as canonical JSON."""
    row = asdict(entry)
    del row["digest"]
    return _digest({**row, "content": _canonical(entry.content)})


def _digest(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical({**row, "at": _written(row["at"])}).encode("ascii")).hexdigest()


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _head(connection: Connection) -> Head:
    query = select(ledger.c.number, ledger.c.digest).order_by(ledger.c.number.desc()).limit(1)
    row = connection.execute(query).first()
    return Head(row.number, row.digest) if row else Head(0, GENESIS)


def _entry(row: Row[Any]) -> Entry:
    return Entry(**{**row._mapping, "content": json.loads(row.content)})
