"""Duties: work that repeats, done by one of all workers at a time, by the database's clock."""

from __future__ import annotations

from enum import IntEnum

from sqlalchemy import Engine, and_, case, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from gate_server.store.database import reading
from gate_server.store.tables import duties
from gate_server.store.times import database_time

AUDIT = "audit"  # what whoever hears of a branch that moved asks for


class Asked(IntEnum):
    """Whether somebody wants a duty done sooner. Who asks while it is being done wants it done once more."""

    NO = 0
    YES = 1
    ANSWERING = 2  # by who took it after that; it stays so where he dies


class Duties:
    """Queries of the duties."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, name: str, worker: str, *, every_s: float, lease_s: float) -> bool:
        """Take a duty for `worker`; return whether it is due, and nobody else's.

        Parameters
        ----------
        every_s
            Due that long after it was done last, seconds.
        lease_s
            How long it stays taken without `renew`, seconds.
        """
        due = and_(
            duties.c.name == name,
            or_(duties.c.lease_until.is_(None), duties.c.lease_until < database_time()),
            or_(
                duties.c.done_at.is_(None),
                duties.c.done_at <= database_time(-every_s),
                duties.c.asked != Asked.NO,
            ),
        )
        with reading(self._engine) as connection:  # looking costs no write lock
            is_new = connection.execute(select(duties.c.name).where(duties.c.name == name)).first() is None
            if not is_new and connection.execute(select(duties.c.name).where(due)).first() is None:
                return False
        mine = {"worker": worker, "lease_until": database_time(lease_s)}
        try:
            with self._engine.begin() as connection:
                if is_new:
                    connection.execute(insert(duties).values(name=name, **mine))
                    return True
                asked = case((duties.c.asked == Asked.NO, Asked.NO), else_=Asked.ANSWERING)
                return connection.execute(update(duties).where(due).values(**mine, asked=asked)).rowcount == 1
        except IntegrityError:
            return False  # another worker was faster

    def ask(self, name: str) -> None:
        """Make a duty due at once. However often that is asked for before it is taken, it is done once.

        One that was never taken is due anyway.
        """
        mine = and_(duties.c.name == name, duties.c.asked != Asked.YES)
        with reading(self._engine) as connection:
            if connection.execute(select(duties.c.name).where(mine)).first() is None:
                return
        with self._engine.begin() as connection:
            connection.execute(update(duties).where(mine).values(asked=Asked.YES))

    def renew(self, worker: str, lease_s: float) -> None:
        """Keep what `worker` is at for another `lease_s` seconds."""
        held = and_(duties.c.worker == worker, duties.c.lease_until.is_not(None))
        with reading(self._engine) as connection:
            if connection.execute(select(duties.c.name).where(held).limit(1)).first() is None:
                return
        with self._engine.begin() as connection:
            connection.execute(update(duties).where(held).values(lease_until=database_time(lease_s)))

    def release(self, name: str, worker: str, *, is_done: bool) -> None:
        """Give a duty up, where it is still `worker`'s."""
        unanswered = case((duties.c.asked == Asked.YES, Asked.YES), else_=Asked.NO)
        ended = {"done_at": database_time(), "asked": unanswered} if is_done else {}
        held = and_(duties.c.name == name, duties.c.worker == worker, duties.c.lease_until.is_not(None))
        with self._engine.begin() as connection:
            connection.execute(update(duties).where(held).values(lease_until=None, **ended))

    def leave(self, worker: str) -> None:
        """Give up all that `worker` is at: it ends."""
        held = and_(duties.c.worker == worker, duties.c.lease_until.is_not(None))
        with self._engine.begin() as connection:
            connection.execute(update(duties).where(held).values(lease_until=None))
