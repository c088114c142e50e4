"""One revert of a branch at a time: a lease by the database's clock, so that a dead one's ends by itself."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from gate_server.errors import Conflict
from gate_server.store.tables import revert_leases, reverts
from gate_server.store.times import database_time


def take(connection: Connection, repository: str, branch: str, revert_id: str, lease_s: float) -> None:
    """Take the lease of a branch.

    Raises
    ------
    Conflict
        When another revert has it; names that one and its age.
    sqlalchemy.exc.IntegrityError
        When another took it at this moment.
    """
    table = revert_leases
    of_branch = (table.c.repository == repository, table.c.branch == branch)
    until = database_time(lease_s)
    over = update(table).where(*of_branch, table.c.lease_until <= database_time())
    if connection.execute(over.values(revert_id=revert_id, lease_until=until)).rowcount == 1:
        return
    holder = connection.execute(
        select(table.c.revert_id, table.c.lease_until, reverts.c.principal, reverts.c.created_at)
        .join_from(table, reverts, reverts.c.id == table.c.revert_id)
        .where(*of_branch)
    ).first()
    if holder is None:
        row = {"repository": repository, "branch": branch, "revert_id": revert_id, "lease_until": until}
        connection.execute(insert(table).values(row))
        return
    now = connection.execute(select(database_time())).scalar_one()
    age_s, left_s = (now - holder.created_at).total_seconds(), (holder.lease_until - now).total_seconds()
    raise Conflict(
        f"revert {holder.revert_id} of {branch}, by {holder.principal or 'somebody'}, began {age_s:.0f} s ago"
        " and is under way",
        f"wait for it, then look again; if it died, it gives way within {max(left_s, 0) + 1:.0f} s",
    )


def renew(connection: Connection, revert_id: str, lease_s: float) -> bool:
    """Keep a lease; return False where another revert has it."""
    own = update(revert_leases).where(revert_leases.c.revert_id == revert_id)
    return connection.execute(own.values(lease_until=database_time(lease_s))).rowcount == 1


def is_held(connection: Connection, revert_id: str) -> bool:
    """Whether the lease of a revert lasts."""
    query = select(revert_leases.c.revert_id).where(
        revert_leases.c.revert_id == revert_id, revert_leases.c.lease_until > database_time()
    )
    return connection.execute(query).first() is not None


def give_back(connection: Connection, revert_id: str) -> None:
    """End the lease of a revert."""
    connection.execute(delete(revert_leases).where(revert_leases.c.revert_id == revert_id))
