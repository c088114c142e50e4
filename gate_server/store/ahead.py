"""Checks that the gate makes ahead of who asks for them."""

from __future__ import annotations

from sqlalchemy import Engine, and_, func, select

from gate_server.model import Commit
from gate_server.store.database import reading
from gate_server.store.tables import checks


class Ahead:
    """Queries of what was judged, or is to be, before anybody asks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def waiting(self) -> int:
        """Return how many such checks are not done."""
        is_open = and_(checks.c.state.in_(("queued", "running")), checks.c.ahead)
        with reading(self._engine) as connection:
            return connection.execute(select(func.count()).where(is_open)).scalar_one()

    def sources(self, repository: str, destination: str, base: Commit, policy_digest: str) -> set[str]:
        """Return the source commits whose merge onto `base` was predicted, however that ended."""
        query = select(checks.c.source_commit).where(
            checks.c.repository == repository,
            checks.c.base_metarange == base.metarange,
            checks.c.judged_metarange == "",
            checks.c.policy_digest == policy_digest,
            checks.c.base_commit == base.id,
            checks.c.destination == destination,
        )
        with reading(self._engine) as connection:
            return set(connection.execute(query).scalars())
