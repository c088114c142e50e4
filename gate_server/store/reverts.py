"""Reverts: recorded before anything is done to lakeFS, and what came of each."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update

from gate_server.model import Revert, dump, load
from gate_server.store.database import reading
from gate_server.store.ledger import append
from gate_server.store.tables import reverts
from gate_server.store.times import database_time


class Reverts:
    """Queries of the reverts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @staticmethod
    def new_id() -> str:
        """Return an id for a revert."""
        return secrets.token_hex(8)

    def open(self, revert: Revert, temporary_branch: str) -> None:
        """Record a revert that is about to be tried, with the branch it will make."""
        with self._engine.begin() as connection:
            connection.execute(
                insert(reverts).values(
                    id=revert.id,
                    repository=revert.repository,
                    branch=revert.branch,
                    from_commit=revert.from_commit,
                    to_commit=revert.to_commit,
                    state=revert.state,
                    temporary_branch=temporary_branch,
                    merged_base="",
                    commit_id=revert.commit_id,
                    reason=revert.reason,
                    principal=revert.principal,
                    record=dump(revert),
                    created_at=database_time(),
                )
            )
            _to_ledger(connection, "revert.opened", revert)

    def will_merge(self, revert_id: str, merged_base: str) -> None:
        """Record the head of the temporary branch that the branch is about to be merged into (D12)."""
        with self._engine.begin() as connection:
            connection.execute(
                update(reverts).where(reverts.c.id == revert_id).values(merged_base=merged_base)
            )

    def close(self, revert: Revert, *, branch_left: bool = False, was: str = "") -> bool:
        """Record the outcome; return whether it was.

        Parameters
        ----------
        branch_left
            It stays unfinished, for `sweep` to delete the branch.
        was
            Record it only where the revert is still unfinished in that state: who puts it back knows best.
        """
        query = update(reverts).where(reverts.c.id == revert.id)
        if was:
            query = query.where(reverts.c.finished_at.is_(None), reverts.c.state == was)
        outcome = {"state": revert.state, "commit_id": revert.commit_id, "record": dump(revert)}
        with self._engine.begin() as connection:
            finished_at = None if branch_left else database_time()
            closed = connection.execute(query.values(**outcome, finished_at=finished_at)).rowcount == 1
            if closed:
                _to_ledger(connection, "revert.closed", revert)
        return closed

    def is_own_merge(self, repository: str, destination: str, base_commit: str, source_commit: str) -> bool:
        """Whether an open revert announced exactly this merge into its temporary branch (D12)."""
        query = select(reverts.c.id).where(
            reverts.c.repository == repository,
            reverts.c.temporary_branch == destination,
            reverts.c.merged_base == base_commit,
            reverts.c.from_commit == source_commit,
            reverts.c.state == "planned",
        )
        with reading(self._engine) as connection:
            return bool(base_commit) and connection.execute(query).first() is not None

    def get(self, revert_id: str) -> Revert | None:
        """Return a revert, None when there is none of that id."""
        query = select(reverts.c.record).where(reverts.c.id == revert_id)
        with reading(self._engine) as connection:
            found = connection.execute(query).scalar()
        return load(Revert, found) if found else None

    def listed(self, *, repository: str = "", limit: int = 100) -> list[Revert]:
        """Return the newest reverts."""
        query = select(reverts.c.record).order_by(reverts.c.created_at.desc()).limit(limit)
        if repository:
            query = query.where(reverts.c.repository == repository)
        with reading(self._engine) as connection:
            return [load(Revert, record) for record in connection.execute(query).scalars()]

    def verified(self, repository: str, branch: str) -> list[Revert]:
        """Return the reverts of a branch that made a commit, exactly as planned."""
        query = select(reverts.c.record).where(
            reverts.c.repository == repository,
            reverts.c.branch == branch,
            reverts.c.state == "verified",
            reverts.c.commit_id != "",
        )
        with reading(self._engine) as connection:
            return [load(Revert, record) for record in connection.execute(query).scalars()]

    def times(self, revert_ids: Iterable[str]) -> dict[str, datetime]:
        """Return when each of `revert_ids` was asked for."""
        query = select(reverts.c.id, reverts.c.created_at).where(reverts.c.id.in_(list(revert_ids)))
        with reading(self._engine) as connection:
            return {row.id: row.created_at for row in connection.execute(query)}

    def unfinished(self, *, older_than_s: float = 0.0) -> list[tuple[Revert, str]]:
        """Return reverts that were never closed, each with the branch it may have left."""
        query = select(reverts.c.record, reverts.c.temporary_branch).where(
            reverts.c.finished_at.is_(None), reverts.c.created_at <= database_time(-older_than_s)
        )
        with reading(self._engine) as connection:
            return [(load(Revert, record), branch) for record, branch in connection.execute(query)]


def _to_ledger(connection: Connection, kind: str, revert: Revert) -> None:
    append(
        connection,
        kind,
        subject=revert.id,
        repository=revert.repository,
        branch=revert.branch,
        commit_id=revert.commit_id,
        principal=revert.principal,
        content={
            "from": revert.from_commit,
            "to": revert.to_commit,
            "state": revert.state,
            "reason": revert.reason,
            "message": revert.message,
        },
    )
