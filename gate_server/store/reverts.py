"""Reverts: recorded before anything is done to lakeFS, and what came of each."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from gate_server.errors import Conflict
from gate_server.model import Revert, RevertPlan, dump, load
from gate_server.store import revert_leases
from gate_server.store.database import reading
from gate_server.store.ledger import append
from gate_server.store.tables import revert_leases as revert_leases_table
from gate_server.store.tables import reverts
from gate_server.store.times import database_time


@dataclass(frozen=True)
class Keyed:
    """A request that is done once: digests of its key, with who sent it, and of what it asks for."""

    key: str = ""
    request: str = ""


@dataclass(frozen=True)
class Remembered:
    """A revert that a key stands for. ``under_way``: whoever does it may still be at it."""

    revert: Revert
    plan: RevertPlan | None
    request: str
    temporary_branch: str
    under_way: bool


class Reverts:
    """Queries of the reverts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @staticmethod
    def new_id() -> str:
        """Return an id for a revert."""
        return secrets.token_hex(8)

    def open(
        self,
        revert: Revert,
        temporary_branch: str,
        *,
        plan: RevertPlan | None = None,
        lease_s: float = 0.0,
        keyed: Keyed | None = None,
    ) -> None:
        """Record a revert that is about to be tried, with the branch it will make; take the branch's lease.

        Raises
        ------
        Conflict
            When another revert of the branch, or the same request, is under way.
        """
        keyed = keyed or Keyed()
        try:
            with self._engine.begin() as connection:
                revert_leases.take(connection, revert.repository, revert.branch, revert.id, lease_s)
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
                        wanted_metarange="",
                        commit_id=revert.commit_id,
                        reason=revert.reason,
                        principal=revert.principal,
                        record=dump(revert),
                        plan=dump(plan) if plan else None,
                        idempotency_key=keyed.key or None,
                        request_digest=keyed.request,
                        created_at=database_time(),
                    )
                )
                _to_ledger(connection, "revert.opened", revert)
        except IntegrityError as error:
            raise Conflict(
                f"another revert of {revert.branch} began at the same moment", "wait for it, then look again"
            ) from error

    def renew(self, revert_id: str, lease_s: float) -> bool:
        """Keep the branch's lease; return False where another revert has taken it."""
        with self._engine.begin() as connection:
            return revert_leases.renew(connection, revert_id, lease_s)

    def by_key(self, key: str) -> Remembered | None:
        """Return what was done for an idempotency key, None where nothing was."""
        query = select(reverts).where(reverts.c.idempotency_key == key)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
            if row is None:
                return None
            held = revert_leases.is_held(connection, row.id)
        revert = load(Revert, row.record)
        return Remembered(
            revert,
            load(RevertPlan, row.plan) if row.plan else None,
            row.request_digest,
            row.temporary_branch,
            under_way=revert.state == "planned" and held,
        )

    def will_merge(self, revert_id: str, into: str, base: str, source: str) -> None:
        """Record the merge that a revert is about to make: into which branch, at which head, what (D12)."""
        announced = {"merged_into": into, "merged_base": base, "merged_source": source}
        with self._engine.begin() as connection:
            connection.execute(update(reverts).where(reverts.c.id == revert_id).values(announced))

    def will_hold(self, revert_id: str, metarange: str) -> None:
        """Record what the branch is to hold, before it is touched: by this the revert's commit is known."""
        with self._engine.begin() as connection:
            mine = update(reverts).where(reverts.c.id == revert_id)
            connection.execute(mine.values(wanted_metarange=metarange))

    def wanted(self, revert_id: str) -> str | None:
        """Return what `will_hold` recorded, empty where nothing was; None of before it was."""
        query = select(reverts.c.wanted_metarange).where(reverts.c.id == revert_id)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar()

    def close(
        self, revert: Revert, *, branch_left: bool = False, was: str = "", forget_key: bool = False
    ) -> bool:
        """Record the outcome, give back the lease; return whether it was recorded.

        Parameters
        ----------
        branch_left
            It stays unfinished, for `sweep` to delete the branch.
        was
            Record it only where the revert is still unfinished in that state: who puts it back knows best.
        forget_key
            Nothing was done: the same request may be made again.
        """
        query = update(reverts).where(reverts.c.id == revert.id)
        if was:
            query = query.where(reverts.c.finished_at.is_(None), reverts.c.state == was)
        outcome = {"state": revert.state, "commit_id": revert.commit_id, "record": dump(revert)}
        if forget_key:
            outcome["idempotency_key"] = None
        with self._engine.begin() as connection:
            finished_at = None if branch_left else database_time()
            closed = connection.execute(query.values(**outcome, finished_at=finished_at)).rowcount == 1
            if closed:
                revert_leases.give_back(connection, revert.id)
                _to_ledger(connection, "revert.closed", revert)
        return closed

    def is_own_merge(self, repository: str, destination: str, base_commit: str, source_commit: str) -> bool:
        """Whether an open revert announced exactly this merge (D12)."""
        query = select(reverts.c.id).where(
            reverts.c.repository == repository,
            reverts.c.merged_into == destination,
            reverts.c.merged_base == base_commit,
            reverts.c.merged_source == source_commit,
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

    def made_by(self, principal: str, repository: str, branch: str) -> list[Revert]:
        """Return the reverts of a branch that one principal asked for, newest first."""
        mine = _asked_by(principal, repository, branch)
        query = select(reverts.c.record).where(mine).order_by(reverts.c.created_at.desc())
        with reading(self._engine) as connection:
            return [load(Revert, record) for record in connection.execute(query).scalars()]

    def count_lately(self, principal: str, repository: str, branch: str, within_s: float) -> int:
        """Return how often one principal changed a branch in the last `within_s` seconds.

        What changed nothing does not count; what is not known to have changed nothing does.
        """
        lately = reverts.c.created_at >= database_time(-within_s)
        made = or_(reverts.c.commit_id != "", reverts.c.state == "planned")
        query = select(func.count()).where(_asked_by(principal, repository, branch), lately, made)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar_one()

    def age_s(self, revert_id: str) -> float:
        """Return how long ago a revert was asked for, by the database's clock, seconds."""
        query = select(reverts.c.created_at, database_time().label("now")).where(reverts.c.id == revert_id)
        with reading(self._engine) as connection:
            row = connection.execute(query).one()
        return float(max((row.now - row.created_at).total_seconds(), 0.0))

    def times(self, revert_ids: Iterable[str]) -> dict[str, datetime]:
        """Return when each of `revert_ids` was asked for."""
        query = select(reverts.c.id, reverts.c.created_at).where(reverts.c.id.in_(list(revert_ids)))
        with reading(self._engine) as connection:
            return {row.id: row.created_at for row in connection.execute(query)}

    def is_open(self, repository: str, branch: str) -> bool:
        """Whether the outcome of a revert of the branch is not known yet, its lease held or not."""
        here = (reverts.c.repository == repository, reverts.c.branch == branch)
        query = select(reverts.c.id).where(*here, reverts.c.state == "planned").limit(1)
        with reading(self._engine) as connection:
            return connection.execute(query).first() is not None

    def unfinished(self, *, older_than_s: float = 0.0, lease_s: float = 0.0) -> list[tuple[Revert, str]]:
        """Return reverts that were never closed, each with the branch it may have left.

        Parameters
        ----------
        older_than_s
            Neither younger than this, nor with a lease (of `lease_s`) that was renewed since.
        """
        renewed = select(revert_leases_table.c.revert_id).where(
            revert_leases_table.c.lease_until > database_time(lease_s - older_than_s)
        )
        query = select(reverts.c.record, reverts.c.temporary_branch).where(
            reverts.c.finished_at.is_(None),
            reverts.c.created_at <= database_time(-older_than_s),
            reverts.c.id.not_in(renewed),
        )
        with reading(self._engine) as connection:
            return [(load(Revert, record), branch) for record, branch in connection.execute(query)]


def _asked_by(principal: str, repository: str, branch: str) -> ColumnElement[bool]:
    return and_(
        reverts.c.principal == principal, reverts.c.repository == repository, reverts.c.branch == branch
    )


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
            "way": revert.way,
            "is_whole": revert.is_whole,
            "state": revert.state,
            "reason": revert.reason,
            "message": revert.message,
        },
    )
