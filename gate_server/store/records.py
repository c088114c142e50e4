"""Asks, evaluations and what `gate install` leaves: small tables, a class each."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gate_server.model import Ask, Evaluation, dump, load
from gate_server.store.database import reading
from gate_server.store.ledger import append
from gate_server.store.tables import asks, evaluations, installations, registrations
from gate_server.store.times import now

KEYS_A_QUERY = 1000
NAME_CHARS = 1024  # as the tables have it
FULL_ID = re.compile("[0-9a-f]{64}")
Kind = Literal["hook", "api", "cli", "ahead", "watch", "audit"]


@dataclass(frozen=True)
class Answer:
    """What an ask was answered. ``outcome`` is empty while the check still runs.

    ``waived_by`` says who answers for what failed, for the ledger.
    """

    status: int
    outcome: str
    summary: str
    waived_by: tuple[str, ...] = ()


def _said(answer: Answer, at: datetime) -> dict[str, Any]:
    return {"status": answer.status, "outcome": answer.outcome, "summary": answer.summary, "answered_at": at}


class Asks:
    """Who asked, and what was answered."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self,
        kind: Kind,
        principal: str,
        event: Mapping[str, Any],
        check_id: str | None,
        answer: Answer | None = None,
    ) -> str:
        """Record that somebody asks, with the answer where it is known at once; return the ask's id."""
        ask_id, at = secrets.token_hex(8), now()
        said = _said(answer, at) if answer else {"outcome": "", "summary": ""}
        row = {
            "id": ask_id,
            "kind": kind,
            "principal": principal,
            "event": dict(event),
            "check_id": check_id,
            **said,
            "created_at": at,
        }
        with self._engine.begin() as connection:
            connection.execute(insert(asks).values(**row))
            if answer and answer.outcome:
                _to_ledger(connection, row, answer)
        return ask_id

    def running(self, kind: Kind, principal: str, event: Mapping[str, Any], check_id: str) -> str | None:
        """Return the id of the ask that is the same, and has no verdict yet: who polls goes on with it.

        The request's id is each poll's own.
        """
        query = select(asks.c.id, asks.c.event).where(
            asks.c.check_id == check_id,
            asks.c.kind == kind,
            asks.c.principal == principal,
            asks.c.outcome == "",
        )
        asked = {**event, "request_id": ""}
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return next((row.id for row in rows if {**row.event, "request_id": ""} == asked), None)

    def answered(self, ask_id: str, answer: Answer) -> None:
        """Record what was answered; "still running" never takes the place of a verdict."""
        query = update(asks).where(asks.c.id == ask_id)
        if not answer.outcome:
            query = query.where(asks.c.outcome == "")
        said = query.values(**_said(answer, now())).returning(*asks.c)
        with self._engine.begin() as connection:
            row = connection.execute(said).first()
            if row is not None and answer.outcome:
                _to_ledger(connection, row._asdict(), answer)

    def unanswered(self, kind: Kind) -> list[Ask]:
        """Return the asks of a kind that have no verdict yet, oldest first."""
        query = select(asks).where(asks.c.kind == kind, asks.c.outcome == "").order_by(asks.c.created_at)
        with reading(self._engine) as connection:
            return [load(Ask, dict(row._mapping)) for row in connection.execute(query)]

    def of_check(self, check_id: str) -> list[Ask]:
        """Return all asks that a check answered, oldest first."""
        query = select(asks).where(asks.c.check_id == check_id).order_by(asks.c.created_at)
        with reading(self._engine) as connection:
            return [load(Ask, dict(row._mapping)) for row in connection.execute(query)]


def _to_ledger(connection: Connection, ask: Mapping[str, Any], answer: Answer) -> None:
    event = ask["event"]
    commit_id = event.get("commit_id", "")
    append(
        connection,
        "ask.answered",
        subject=ask["id"],
        repository=event.get("repository", "")[:NAME_CHARS],
        branch=event.get("destination", "")[:NAME_CHARS],
        # What an event claims may be anything; what was judged is a whole id.
        commit_id=commit_id if FULL_ID.fullmatch(commit_id) else "",
        principal=ask["principal"],
        content={
            "kind": ask["kind"],
            "check": ask["check_id"],
            "event": event,
            "status": ask["status"],
            "outcome": ask["outcome"],
            "summary": ask["summary"],
            **({"waived_by": list(answer.waived_by)} if answer.waived_by else {}),
        },
    )


class Evaluations:
    """Evaluations by the digest of all that they depend on (D5)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, keys: Sequence[str]) -> dict[str, Evaluation]:
        """Return those that are kept."""
        found: dict[str, Evaluation] = {}
        with reading(self._engine) as connection:
            for start in range(0, len(keys), KEYS_A_QUERY):
                some = evaluations.c.key.in_(keys[start : start + KEYS_A_QUERY])
                rows = connection.execute(select(evaluations.c.key, evaluations.c.evaluation).where(some))
                found |= {key: load(Evaluation, value) for key, value in rows}
        return found

    def keep(self, key: str, evaluation: Evaluation) -> None:
        """Keep an evaluation that has a key and is lasting."""
        if not key or not evaluation.is_lasting:
            return
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    insert(evaluations).values(key=key, evaluation=dump(evaluation), created_at=now())
                )
        except IntegrityError:
            return  # the same content was evaluated at the same time: same key, same evaluation


class Installations:
    """What `gate install` wrote to which branch, and the exact changes of it that were announced."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def register(self, repository: str, base_commit: str, source_commit: str, principal: str) -> None:
        """Announce that merging `source_commit` onto `base_commit` changes the gate's files on purpose."""
        key = {"repository": repository, "base_commit": base_commit, "source_commit": source_commit}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(registrations).values(**key, principal=principal, created_at=now()))
                append(
                    connection,
                    "install.announced",
                    subject=source_commit,
                    repository=repository,
                    principal=principal,
                    content=key,
                )
        except IntegrityError:
            return  # announced before

    def is_registered(self, repository: str, base_commit: str, source_commit: str) -> bool:
        """Whether exactly this change was announced."""
        query = select(registrations.c.principal).where(
            registrations.c.repository == repository,
            registrations.c.base_commit == base_commit,
            registrations.c.source_commit == source_commit,
        )
        with reading(self._engine) as connection:
            return connection.execute(query).first() is not None

    def record(
        self, repository: str, branch: str, files: Mapping[str, str], commit_id: str, principal: str = ""
    ) -> None:
        """Remember the installed files (path -> text)."""
        key = (installations.c.repository == repository) & (installations.c.branch == branch)
        with self._engine.begin() as connection:
            connection.execute(delete(installations).where(key))
            connection.execute(
                insert(installations).values(
                    repository=repository,
                    branch=branch,
                    files=dict(files),
                    commit_id=commit_id,
                    installed_at=now(),
                )
            )
            append(
                connection,
                "installed",
                subject=commit_id,
                repository=repository,
                branch=branch,
                commit_id=commit_id,
                principal=principal,
                content={"files": {path: _digest(text) for path, text in files.items()}},
            )

    def repositories(self) -> list[str]:
        """Return the repositories that the gate was installed in."""
        query = select(installations.c.repository).distinct().order_by(installations.c.repository)
        with reading(self._engine) as connection:
            return list(connection.execute(query).scalars())

    def files(self, repository: str, branch: str) -> dict[str, str] | None:
        """Return the installed files, None where this gate knows of no installation."""
        query = select(installations.c.files).where(
            installations.c.repository == repository, installations.c.branch == branch
        )
        with reading(self._engine) as connection:
            found = connection.execute(query).scalar()
        return dict(found) if found is not None else None

    def commit(self, repository: str, branch: str) -> str:
        """Return the branch's commit at the last installation, empty where this gate knows of none."""
        query = select(installations.c.commit_id).where(
            installations.c.repository == repository, installations.c.branch == branch
        )
        with reading(self._engine) as connection:
            return connection.execute(query).scalar() or ""

    def places(self) -> list[tuple[str, str]]:
        """Return each repository and branch that the gate was installed on."""
        query = select(installations.c.repository, installations.c.branch).order_by(
            installations.c.repository, installations.c.branch
        )
        with reading(self._engine) as connection:
            return [(row.repository, row.branch) for row in connection.execute(query)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
