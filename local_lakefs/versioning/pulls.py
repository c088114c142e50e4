"""Pull requests: a wish to merge one branch into another, with a title (``pkg/catalog/catalog.go``)."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from local_lakefs.actions.runs import new_run_id, rfc3339
from local_lakefs.errors import BadRequest, NotFound
from local_lakefs.versioning import branches

if TYPE_CHECKING:
    from local_lakefs.versioning.repositories import Repository

OPEN, CLOSED, MERGED = "open", "closed", "merged"
_NO_LONGER_OPEN = (CLOSED, MERGED)


@dataclass(frozen=True)
class PullRequest:
    """``source`` and ``destination`` are branches' names; the times are RFC 3339.

    lakeFS leaves ``closed_at`` and ``merged_commit_id`` as they are when one is opened again.
    """

    id: str
    status: str
    title: str
    description: str
    author: str
    source: str
    destination: str
    created_at: str
    closed_at: str | None = None
    merged_commit_id: str | None = None


def create(
    repository: Repository, source: str, destination: str, *, title: str, description: str, author: str
) -> str:
    """Ask that ``source`` be merged into ``destination``; return the request's id.

    Several for the same two branches may be open, and there need not be a difference.

    Raises
    ------
    NotFound
        One of the branches is not there.
    """
    branches.get(repository, source)
    branches.get(repository, destination)
    pull = PullRequest(
        id=new_run_id(),
        status=OPEN,
        title=title,
        description=description,
        author=author,
        source=source,
        destination=destination,
        created_at=rfc3339(time.time_ns()),
    )
    with repository.database.writing() as connection:
        connection.execute(
            "INSERT INTO pulls VALUES (:repository, :id, :status, :title, :description, :author, :source,"
            " :destination, :created_at, :closed_at, :merged_commit_id)",
            {"repository": repository.uid} | asdict(pull),
        )
    return pull.id


def require_two_branches(source: str, destination: str) -> None:
    if source == destination:
        raise BadRequest("source and destination branches are the same: same branch validation error")


def get(repository: Repository, identity: str) -> PullRequest:
    row = repository.database.one(
        "SELECT * FROM pulls WHERE repository = ? AND id = ?", (repository.uid, identity)
    )
    if row is None:
        raise NotFound("pull request not found")
    return _from_row(row)


def require_open(pull: PullRequest) -> None:
    if pull.status != OPEN:
        raise BadRequest("bad pull request status")


def page(
    repository: Repository, prefix: str, after: str, amount: int, status: str
) -> tuple[list[PullRequest], bool]:
    """Return one page by id, and whether there are more; those merged count as closed."""
    wanted = {OPEN: (OPEN, OPEN), CLOSED: _NO_LONGER_OPEN}.get(status)
    rows = repository.database.all(
        "SELECT * FROM pulls WHERE repository = ? AND id > ? AND substr(id, 1, ?) = ?"
        " AND (? OR status IN (?, ?)) ORDER BY id LIMIT ?",
        (repository.uid, after, len(prefix), prefix, wanted is None, *(wanted or ("", "")), amount + 1),
    )
    return [_from_row(row) for row in rows[:amount]], len(rows) > amount


def update(
    repository: Repository,
    identity: str,
    *,
    title: str | None = None,
    description: str | None = None,
    status: str | None = None,
    merged_commit_id: str | None = None,
) -> None:
    """Change what is given; lakeFS lets any status follow any other. Raises NotFound."""
    given = {
        "repository": repository.uid,
        "id": identity,
        "title": title,
        "description": description,
        "status": status,
        "closed_at": rfc3339(time.time_ns()) if status in _NO_LONGER_OPEN else None,
        "merged_commit_id": merged_commit_id,
    }
    with repository.database.writing() as connection:
        written = connection.execute(
            "UPDATE pulls SET title = coalesce(:title, title), status = coalesce(:status, status),"
            " description = coalesce(:description, description), closed_at = coalesce(:closed_at, closed_at),"
            " merged_commit_id = coalesce(:merged_commit_id, merged_commit_id)"
            " WHERE repository = :repository AND id = :id",
            given,
        )
    if written.rowcount == 0:
        raise NotFound("pull request not found")


def _from_row(row: sqlite3.Row) -> PullRequest:
    return PullRequest(**{name: row[name] for name in row.keys() if name != "repository"})  # noqa: SIM118
