"""Policies by digest: what each check was asked with, and whether a worker found that it can be judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from gate_server.store.database import reading
from gate_server.store.tables import policies
from gate_server.store.times import now


@dataclass(frozen=True)
class KeptPolicy:
    """A policy as its row says; ``engine_version`` is that of the worker which is to look, or did."""

    content: Mapping[str, Any]
    state: Literal["new", "valid", "refused"]
    findings: tuple[str, ...]
    engine_version: str


class Policies:
    """Queries of the policies. They are never deleted: they say what verdicts were made by."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(
        self, digest: str, content: Mapping[str, Any], engine_version: str, *, again: bool = False
    ) -> None:
        """Keep a policy as new; one that is there already only where another engine looked, or `again`."""
        unseen = {
            "content": dict(content),
            "state": "new",
            "findings": [],
            "engine_version": engine_version,
            "asked_at": now(),
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(policies).values(digest=digest, created_at=now(), **unseen))
        except IntegrityError:
            query = update(policies).where(policies.c.digest == digest).values(**unseen)
            if not again:
                query = query.where(policies.c.engine_version != engine_version)
            with self._engine.begin() as connection:
                connection.execute(query)

    def get(self, digest: str) -> KeptPolicy | None:
        """Return a policy, None when there is none of that digest."""
        query = select(
            policies.c.content, policies.c.state, policies.c.findings, policies.c.engine_version
        ).where(policies.c.digest == digest)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return KeptPolicy(row.content, row.state, tuple(row.findings), row.engine_version) if row else None

    def looked_at(self, digest: str, findings: Sequence[str], engine_version: str) -> None:
        """Write what a worker found; a policy without findings is valid."""
        found = {"state": "refused" if findings else "valid", "findings": list(findings)}
        with self._engine.begin() as connection:
            connection.execute(
                update(policies)
                .where(policies.c.digest == digest)
                .values(**found, engine_version=engine_version)
            )

    def new(self) -> list[tuple[str, datetime]]:
        """Return the digests that nobody looked at, each with when that was asked for."""
        query = select(policies.c.digest, policies.c.asked_at).where(policies.c.state == "new")
        with reading(self._engine) as connection:
            return [(row.digest, row.asked_at) for row in connection.execute(query)]
