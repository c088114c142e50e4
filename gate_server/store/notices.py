"""The outbox: what is to be told to whom, filled from the ledger, and what came of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, delete, func, insert, or_, select, update

from gate_server.model.notices import Message, Notice
from gate_server.store.database import reading
from gate_server.store.ledger import Head
from gate_server.store.tables import ledger_readers, notices
from gate_server.store.times import database_time

READER = "notices"
_COLUMNS = [notices.c[item.name] for item in fields(Notice)]
_OPEN = ("waiting", "sending")


@dataclass(frozen=True)
class Outbox:
    """How the outbox stands: how many wait, for how long the oldest is due, how many were given up."""

    waiting: int
    oldest_s: float
    given_up: int


class Notices:
    """Queries of the outbox."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read_up_to(self) -> int | None:
        """Return the number of the last ledger entry that was read; None where nobody began to."""
        query = select(ledger_readers.c.number).where(ledger_readers.c.name == READER)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar()

    def begin(self, head: Head) -> None:
        """Read from here on: nobody is told what was before."""
        with self._engine.begin() as connection:
            connection.execute(delete(ledger_readers).where(ledger_readers.c.name == READER))
            connection.execute(insert(ledger_readers).values(name=READER, number=head.number))

    def end(self) -> None:
        """Read no more: whoever begins again begins with what is new then."""
        with self._engine.begin() as connection:
            connection.execute(delete(ledger_readers).where(ledger_readers.c.name == READER))

    def put(
        self,
        messages: Iterable[Message],
        resolved: Iterable[tuple[str, Message]] = (),
        *,
        read: tuple[int, int] | None = None,
        quiet_s: float,
    ) -> int:
        """Keep what is to be told, and up to where the ledger was read: both or neither.

        Parameters
        ----------
        messages
            In order. One that tells a target what it was told last is left out.
        resolved
            Topics that are in order again, with what is said to those who were told that they are not.
        read
            From which entry to which. Nothing is kept where another worker read on from there.
        quiet_s
            How long after one notice the next one of its topic comes at the earliest, seconds; what changes
            back until then is not told.

        Returns
        -------
        int
            How many came into the outbox.
        """
        with self._engine.begin() as connection:
            if read is not None:
                mine = and_(ledger_readers.c.name == READER, ledger_readers.c.number == read[0])
                if (
                    connection.execute(update(ledger_readers).where(mine).values(number=read[1])).rowcount
                    != 1
                ):
                    return 0
            count = sum(_put(connection, message, quiet_s) for message in messages)
            for topic, message in resolved:
                told = select(notices.c.target).where(notices.c.topic == topic).distinct()
                for target in connection.execute(told).scalars().all():
                    count += _put(connection, message, quiet_s, target)
            return count

    def knows(self, topic: str) -> bool:
        """Whether anybody was, or is to be, told of a topic."""
        query = select(notices.c.id).where(notices.c.topic == topic).limit(1)
        with reading(self._engine) as connection:
            return connection.execute(query).first() is not None

    def is_due(self, target: str) -> bool:
        """Whether there is something to send to `target` now."""
        query = select(notices.c.id).where(notices.c.target == target, _due()).limit(1)
        with reading(self._engine) as connection:
            return connection.execute(query).first() is not None

    def claim(self, target: str, limit: int) -> list[Notice]:
        """Take the oldest notices that are due to `target`; those that a dead worker was at, too."""
        query = select(notices.c.id).where(notices.c.target == target, _due())
        with reading(self._engine) as connection:  # looking costs no write lock
            found = connection.execute(query.order_by(notices.c.due_at, notices.c.id).limit(limit))
            ids = found.scalars().all()
        if not ids:
            return []
        taken = (
            update(notices)
            .where(notices.c.id.in_(ids), notices.c.state.in_(_OPEN))
            .values(state="sending", attempts=notices.c.attempts + 1)
            .returning(*_COLUMNS)
        )
        with self._engine.begin() as connection:
            rows = connection.execute(taken).all()
        return sorted((_notice(row) for row in rows), key=lambda notice: (notice.due_at, notice.id))

    def sent(self, notice_id: str) -> None:
        """Record that a notice was taken."""
        with self._engine.begin() as connection:
            ended = {"state": "sent", "reason": "", "ended_at": database_time()}
            connection.execute(update(notices).where(_sending(notice_id)).values(ended))

    def failed(self, notice: Notice, reason: str, *, again_s: float, give_up_s: float) -> bool:
        """Record that an attempt failed; return whether it was the last.

        Parameters
        ----------
        again_s
            When the next one is, seconds from now.
        give_up_s
            How old a notice gets for which there is another attempt, seconds.
        """
        old = notices.c.created_at <= database_time(-give_up_s)
        again = {"state": "waiting", "reason": reason, "due_at": database_time(again_s)}
        over = {"state": "given_up", "reason": reason, "ended_at": database_time()}
        with self._engine.begin() as connection:
            mine = _sending(notice.id)
            if connection.execute(update(notices).where(mine, old).values(over)).rowcount:
                return True
            connection.execute(update(notices).where(mine).values(again))
        return False

    def untouched(self, notice_ids: Sequence[str]) -> None:
        """Put back what was claimed and not tried."""
        back = {"state": "waiting", "attempts": notices.c.attempts - 1}
        with self._engine.begin() as connection:
            mine = and_(notices.c.id.in_(list(notice_ids)), notices.c.state == "sending")
            connection.execute(update(notices).where(mine).values(back))

    def give_up(self, targets: Sequence[str], reason: str) -> int:
        """Give up what is open for other targets than `targets`; return how many."""
        lost = and_(notices.c.state.in_(_OPEN), notices.c.target.not_in(list(targets)))
        with reading(self._engine) as connection:
            if connection.execute(select(notices.c.id).where(lost).limit(1)).first() is None:
                return 0
        over = {"state": "given_up", "reason": reason, "ended_at": database_time()}
        with self._engine.begin() as connection:
            return connection.execute(update(notices).where(lost).values(over)).rowcount

    def listed(self, *, repository: str = "", limit: int = 100) -> list[Notice]:
        """Return the newest notices."""
        query = select(*_COLUMNS).order_by(notices.c.created_at.desc(), notices.c.id).limit(limit)
        if repository:
            query = query.where(notices.c.repository == repository)
        with reading(self._engine) as connection:
            return [_notice(row) for row in connection.execute(query)]

    def outbox(self) -> Outbox:
        """Return how the outbox stands."""
        waiting = select(func.count(), func.min(notices.c.due_at), database_time()).where(
            notices.c.state.in_(_OPEN)
        )
        lost = select(func.count()).where(notices.c.state == "given_up")
        with reading(self._engine) as connection:
            count, oldest, now = connection.execute(waiting).one()
            given_up = connection.execute(lost).scalar_one()
        oldest_s = (now - oldest).total_seconds() if oldest else 0.0
        return Outbox(count, max(oldest_s, 0.0), given_up)


def _put(connection: Connection, message: Message, quiet_s: float, target: str = "") -> int:
    """Put one message in, in place of an older one of its topic that nobody was sent; return 0 or 1."""
    target = target or message.target
    mine = and_(notices.c.topic == message.topic, notices.c.target == target)
    newest = select(*_COLUMNS).where(mine).order_by(notices.c.created_at.desc(), notices.c.id.desc())
    rows = [_notice(row) for row in connection.execute(newest.limit(2))]
    waiting = rows[0] if rows and rows[0].state == "waiting" else None
    told = next((row for row in rows if row is not waiting), None)
    last, was = waiting or told, told.about if told else ""
    if (last.about if last else "") == message.about:
        return 0
    if waiting is not None:
        connection.execute(delete(notices).where(notices.c.id == waiting.id))
        if not waiting.attempts and was == message.about:  # it changed back before anybody was told
            return 0
    wait_s = message.wait_s
    if told is not None and told.ended_at is not None:
        now = connection.execute(select(database_time())).scalar_one()
        wait_s = max(wait_s, quiet_s - (now - told.ended_at).total_seconds())
    row: dict[str, Any] = {
        "id": secrets.token_hex(8),
        "target": target,
        "occasion": message.occasion,
        "repository": message.repository,
        "branch": message.branch,
        "topic": message.topic,
        "about": message.about,
        "title": message.title,
        "body": message.body,
        "tone": message.tone,
        "state": "waiting",
        "attempts": 0,
        "reason": "",
        "created_at": database_time(),
        "due_at": database_time(wait_s),
    }
    connection.execute(insert(notices).values(row))
    return 1


def _due() -> ColumnElement[bool]:
    is_due = and_(notices.c.state == "waiting", notices.c.due_at <= database_time())
    return or_(notices.c.state == "sending", is_due)  # who was at it is dead: one worker sends to a target


def _sending(notice_id: str) -> ColumnElement[bool]:
    return and_(notices.c.id == notice_id, notices.c.state == "sending")


def _notice(row: Row[Any]) -> Notice:
    return Notice(**row._mapping)
