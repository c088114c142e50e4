"""Watches: what each saw last of which branch."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, and_, insert, select, update

from gate_server.store.database import reading
from gate_server.store.tables import watches
from gate_server.store.times import database_time


@dataclass(frozen=True)
class Look:
    """The last look at a branch: ``age_s`` seconds ago by the database's clock.

    ``passed_commit`` is the last head that was in order, empty where none was.
    """

    commit_id: str
    policy_digest: str
    outcome: str
    check_id: str
    passed_commit: str
    age_s: float


class Watches:
    """Queries of the watches."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def last(self, name: str, repository: str, branch: str) -> Look | None:
        """Return the last look, None where there was none."""
        query = select(watches, database_time().label("now")).where(_of(name, repository, branch))
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        age_s = (row.now - row.looked_at).total_seconds()
        return Look(
            row.commit_id, row.policy_digest, row.outcome, row.check_id, row.passed_commit, max(age_s, 0.0)
        )

    def looked(
        self,
        name: str,
        repository: str,
        branch: str,
        *,
        commit_id: str,
        policy_digest: str,
        outcome: str,
        check_id: str,
        passed: bool,
    ) -> None:
        """Remember a look."""
        seen = {
            "commit_id": commit_id,
            "policy_digest": policy_digest,
            "outcome": outcome,
            "check_id": check_id,
            "looked_at": database_time(),
            **({"passed_commit": commit_id} if passed else {}),
        }
        with self._engine.begin() as connection:
            query = update(watches).where(_of(name, repository, branch)).values(**seen)
            if connection.execute(query).rowcount == 0:
                place = {"name": name, "repository": repository, "branch": branch}
                connection.execute(insert(watches).values(**{"passed_commit": "", **place, **seen}))


def _of(name: str, repository: str, branch: str) -> ColumnElement[bool]:
    return and_(watches.c.name == name, watches.c.repository == repository, watches.c.branch == branch)
