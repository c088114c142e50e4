"""What was found of the objects of datasets, by the digest of all that it depends on but those."""

from __future__ import annotations

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from gate_server.store.database import reading
from gate_server.store.tables import dataset_states
from gate_server.store.times import database_time


class DatasetStates:
    """Queries of the states of datasets. Who loses one reads all of the dataset's objects again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, key: str) -> bytes:
        """Return what is kept, empty where nothing is."""
        query = select(dataset_states.c.content).where(dataset_states.c.key == key)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar_one_or_none() or b""

    def keep(self, key: str, content: bytes) -> None:
        """Keep it in the place of what was there."""
        replaced = update(dataset_states).where(dataset_states.c.key == key)
        try:
            with self._engine.begin() as connection:
                if not connection.execute(
                    replaced.values(content=content, created_at=database_time())
                ).rowcount:
                    connection.execute(
                        insert(dataset_states).values(key=key, content=content, created_at=database_time())
                    )
        except IntegrityError:
            return  # of another branch, at the same time: what both hold is the same
