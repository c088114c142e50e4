"""Checks that are lent to workers elsewhere: what waits for one, and who holds a lease by a token."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine, and_, select, update

from gate_server.model import Check, Evaluation, Plan, dump
from gate_server.store.check_conditions import FREE, HANDED_BACK, held_by
from gate_server.store.checks import COLUMNS, as_check
from gate_server.store.database import reading
from gate_server.store.tables import checks
from gate_server.store.times import database_time

_WAITS = and_(checks.c.place == "elsewhere", FREE)


class Lent:
    """Queries of the checks whose place is elsewhere."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def hand_over(
        self, check: Check, plan: Plan, evaluations: Mapping[int, Evaluation], lakefs_calls: int
    ) -> bool:
        """Let `check`, held here, wait for a worker elsewhere; return whether it was still held.

        The attempt did what it had to, so it does not count.
        """
        over = {
            **HANDED_BACK,
            "place": "elsewhere",
            "lease_until": database_time(),
            "plan": dump(plan),
            "evaluations": {str(number): dump(evaluation) for number, evaluation in evaluations.items()},
            "lakefs_calls": lakefs_calls,
        }
        query = update(checks).where(held_by({check.id: check.attempt})).values(**over)
        with self._engine.begin() as connection:
            return connection.execute(query).rowcount == 1

    def waiting(self, repository: str, limit: int) -> list[Check]:
        """Return what waits for a worker elsewhere, oldest first, without plans and evaluations."""
        columns = [column for column in COLUMNS if column.name not in ("evaluations", "plan")]
        query = (
            select(*columns)
            .where(_WAITS)
            .order_by(checks.c.ahead, checks.c.created_at, checks.c.id)
            .limit(limit)
        )
        if repository:
            query = query.where(checks.c.repository == repository)
        with reading(self._engine) as connection:
            return [as_check(row) for row in connection.execute(query)]

    def lend(self, check_id: str, worker: str, lease_s: float, digest: str) -> Check | None:
        """Lend a check that waits, for `lease_s` seconds of the database's clock; None where it does not.

        Parameters
        ----------
        digest
            SHA-256 (hex) of the token that the lease is held by.
        """
        taken = (
            update(checks)
            .where(checks.c.id == check_id, _WAITS)
            .values(
                state="running",
                attempt=checks.c.attempt + 1,
                worker=worker,
                lease_until=database_time(lease_s),
                lease_digest=digest,
                started_at=database_time(),
            )
            .returning(*COLUMNS)
        )
        with self._engine.begin() as connection:
            row = connection.execute(taken).first()
        return as_check(row) if row else None

    def held(self, check_id: str, digest: str) -> Check | None:
        """Return the check whose lease a token of this digest holds now, None where it holds none of it."""
        query = select(*COLUMNS).where(
            checks.c.id == check_id,
            checks.c.place == "elsewhere",
            checks.c.state == "running",
            checks.c.lease_digest == digest,
            checks.c.lease_until >= database_time(),
        )
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return as_check(row) if row else None
