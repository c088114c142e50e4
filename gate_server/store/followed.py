"""Branches that are audited as they move: where each stood when it was last looked at."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from gate_server.store.database import reading
from gate_server.store.tables import followed
from gate_server.store.times import database_time


@dataclass(frozen=True)
class Seen:
    """What the last look at a branch found.

    Parameters
    ----------
    head
        The commit that was its head.
    unverified, failing
        How many such commits it held.
    findings
        What is wrong with its line as a whole.
    rewrites
        How often its head was not what came after the one seen before, since it is followed.
    trusted
        The newest head that was seen without any of these but the last, empty where there was none.
    """

    repository: str
    branch: str
    head: str
    unverified: int
    failing: int
    findings: int = 0
    rewrites: int = 0
    trusted: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to come back for while the head is the same."""
        return not (self.unverified or self.failing or self.findings)


_COLUMNS = [followed.c[name] for name in Seen.__dataclass_fields__]


class Followed:
    """Queries of the branches that are followed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, repository: str, branch: str) -> Seen | None:
        """Return what was seen of a branch last, None where it was never looked at."""
        query = select(*_COLUMNS).where(followed.c.repository == repository, followed.c.branch == branch)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return Seen(**row._mapping) if row else None

    def listed(self) -> list[Seen]:
        """Return all branches that are followed."""
        query = select(*_COLUMNS).order_by(followed.c.repository, followed.c.branch)
        with reading(self._engine) as connection:
            return [Seen(**row._mapping) for row in connection.execute(query)]

    def saw(self, seen: Seen) -> None:
        """Remember a look."""
        key = {"repository": seen.repository, "branch": seen.branch}
        rest = {
            "head": seen.head,
            "unverified": seen.unverified,
            "failing": seen.failing,
            "findings": seen.findings,
            "rewrites": seen.rewrites,
            "trusted": seen.trusted,
            "looked_at": database_time(),
        }
        mine = (followed.c.repository == seen.repository) & (followed.c.branch == seen.branch)
        try:
            with self._engine.begin() as connection:
                if not connection.execute(update(followed).where(mine).values(rest)).rowcount:
                    connection.execute(insert(followed).values(**key, **rest))
        except IntegrityError:
            return  # another worker was faster, and saw no less
