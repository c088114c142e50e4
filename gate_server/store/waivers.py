"""Waivers that were made, beside those of a policy. They expire where it is decided, not here."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from gate_server.model import MadeWaiver, dump, load
from gate_server.store.database import reading
from gate_server.store.ledger import append
from gate_server.store.tables import waivers
from gate_server.store.times import now

_COLUMNS = [waivers.c[item.name] for item in fields(MadeWaiver) if item.name != "line"]


class Waivers:
    """Queries of the waivers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def make(
        self,
        repository: str,
        branch: str,
        paths_of_rules: Sequence[tuple[str, Sequence[str]]],
        *,
        owner: str,
        reason: str,
        expires: datetime,
        made_by: str,
        check_id: str = "",
    ) -> list[MadeWaiver]:
        """Keep a waiver for each rule and its patterns, all of them or none.

        Parameters
        ----------
        branch
            Merged into; empty for each of the repository's.
        """
        made_at = now()
        made = [
            MadeWaiver(
                id=secrets.token_hex(8),
                repository=repository,
                branch=branch,
                rule=rule,
                paths=tuple(paths),
                owner=owner,
                reason=reason,
                expires=expires,
                check_id=check_id,
                made_by=made_by,
                made_at=made_at,
            )
            for rule, paths in paths_of_rules
        ]
        with self._engine.begin() as connection:
            for waiver in made:
                row = {column.name: getattr(waiver, column.name) for column in _COLUMNS}
                connection.execute(insert(waivers).values({**row, "paths": list(waiver.paths)}))
            for waiver in made:
                content = dump(waiver)
                del content["line"], content["ended_by"], content["ended_at"]
                _append(connection, "waiver.made", waiver, made_by, content)
        return made

    def holding(self, repository: str, branch: str) -> list[MadeWaiver]:
        """Return the waivers of a repository and branch that hold; `decide` looks at their end once more."""
        query = (
            select(*_COLUMNS)
            .where(
                waivers.c.repository == repository,
                waivers.c.branch.in_(("", branch)),
                waivers.c.ended_at.is_(None),
                waivers.c.expires > now(),
            )
            .order_by(waivers.c.made_at, waivers.c.id)
        )
        with reading(self._engine) as connection:
            return [_waiver(row) for row in connection.execute(query)]

    def ending(self, until: datetime) -> list[MadeWaiver]:
        """Return the waivers that hold now, and no more after `until`."""
        holds = (waivers.c.ended_at.is_(None), waivers.c.expires > now(), waivers.c.expires <= until)
        with reading(self._engine) as connection:
            rows = connection.execute(select(*_COLUMNS).where(*holds).order_by(waivers.c.expires))
            return [_waiver(row) for row in rows]

    def get(self, waiver_id: str) -> MadeWaiver | None:
        """Return a waiver, None when there is none of that id."""
        with reading(self._engine) as connection:
            return _get(connection, waiver_id)

    def listed(self, *, repository: str = "", limit: int = 100) -> list[MadeWaiver]:
        """Return the newest waivers, those that hold no more among them."""
        query = select(*_COLUMNS).order_by(waivers.c.made_at.desc(), waivers.c.id).limit(limit)
        if repository:
            query = query.where(waivers.c.repository == repository)
        with reading(self._engine) as connection:
            return [_waiver(row) for row in connection.execute(query)]

    def end(self, waiver_id: str, ended_by: str) -> MadeWaiver | None:
        """End a waiver and return it; None when there is none of that id, or it was ended before."""
        query = update(waivers).where(waivers.c.id == waiver_id, waivers.c.ended_at.is_(None))
        with self._engine.begin() as connection:
            ended = connection.execute(query.values(ended_by=ended_by, ended_at=now())).rowcount == 1
            waiver = _get(connection, waiver_id) if ended else None
            if waiver is not None:
                _append(connection, "waiver.ended", waiver, ended_by, {"rule": waiver.rule})
            return waiver


def _append(
    connection: Connection, kind: str, waiver: MadeWaiver, principal: str, content: Mapping[str, Any]
) -> None:
    append(
        connection,
        kind,
        subject=waiver.id,
        repository=waiver.repository,
        branch=waiver.branch,
        principal=principal,
        content=content,
    )


def _get(connection: Connection, waiver_id: str) -> MadeWaiver | None:
    row = connection.execute(select(*_COLUMNS).where(waivers.c.id == waiver_id)).first()
    return _waiver(row) if row else None


def _waiver(row: Row[tuple[object, ...]]) -> MadeWaiver:
    return load(MadeWaiver, dict(row._mapping))
