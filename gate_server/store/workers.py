"""Workers: which ones are alive, by the database's clock."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, delete, func, insert, select, update

from gate_server.store.database import reading
from gate_server.store.tables import workers
from gate_server.store.times import database_time

FORGOTTEN_AFTER_S = 86_400.0


class Workers:
    """Queries of the workers that take checks from the queue."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def beat(self, name: str, lease_s: float) -> None:
        """Say that `name` is alive for the next `lease_s` seconds."""
        with self._engine.begin() as connection:
            mine = update(workers).where(workers.c.name == name).values(lease_until=database_time(lease_s))
            if not connection.execute(mine).rowcount:
                connection.execute(
                    insert(workers).values(
                        name=name, started_at=database_time(), lease_until=database_time(lease_s)
                    )
                )

    def leave(self, name: str) -> None:
        """Say that `name` ends; also forget those that died long ago."""
        dead = workers.c.lease_until < database_time(-FORGOTTEN_AFTER_S)
        with self._engine.begin() as connection:
            connection.execute(delete(workers).where((workers.c.name == name) | dead))

    def clock(self) -> datetime:
        """Return the database's time."""
        with reading(self._engine) as connection:
            return connection.execute(select(database_time())).scalar_one()

    def alive(self) -> int:
        """Return how many workers are alive."""
        query = select(func.count()).select_from(workers).where(workers.c.lease_until >= database_time())
        with reading(self._engine) as connection:
            return connection.execute(query).scalar_one()
