"""The history: checks by place, rule, verdict, person and time, page by page; and how often a rule held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    func,
    insert,
    or_,
    select,
)

from gate_server.model import Check, Evaluation, Outcome, Plan, Verdict, load
from gate_server.store.database import reading
from gate_server.store.tables import checks, rule_outcomes

LOOKED_BACK = timedelta(days=90)

# All but what makes a row large: a list shows the summary.
_COLUMNS = [
    checks.c[name]
    for name in Check.__dataclass_fields__
    if name not in ("plan", "evaluations", "verdict", "failure")
]


@dataclass(frozen=True)
class Wanted:
    """What is looked for; empty is any. ``outcome`` is the rule's own, where there is a `rule`."""

    repository: str = ""
    branch: str = ""
    rule: str = ""
    outcome: str = ""
    person: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Tally:
    """How often a rule came to an outcome on a day of a branch; `day` is such as 2026-11-20, in UTC."""

    day: str
    outcome: str
    repository: str
    branch: str
    count: int


@dataclass(frozen=True)
class RowCount:
    """How many rows a rule judged in a check, and what came of it there."""

    check_id: str
    created_at: datetime
    outcome: str
    row_count: int


class History:
    """Queries of what was judged."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(self, wanted: Wanted, limit: int, after: str = "") -> list[Check]:
        """Return checks that are done, the newest first, without plans and evaluations.

        Parameters
        ----------
        after
            The id of the check that the page before ended with; of one that is gone, nothing is returned.
        """
        with reading(self._engine) as connection:
            place = None
            if after:
                found = select(checks.c.created_at, checks.c.id).where(checks.c.id == after)
                place = connection.execute(found).first()
                if place is None:
                    return []
            query = _query(wanted, (place.created_at, place.id) if place else None).limit(limit)
            rows = [dict(row._mapping) for row in connection.execute(query)]
            _fill_summaries(connection, rows)
        return [load(Check, row) for row in rows]

    def open(self, limit: int) -> list[Check]:
        """Return the newest checks that are not done yet, but for those that nobody asked for."""
        is_open = checks.c.state.in_(("queued", "running"))
        query = select(*_COLUMNS).where(is_open, ~checks.c.ahead).order_by(checks.c.created_at.desc())
        with reading(self._engine) as connection:
            return [load(Check, dict(row._mapping)) for row in connection.execute(query.limit(limit))]

    def row_counts(self, check: Check, rule: str, limit: int) -> list[RowCount]:
        """Return how many rows a rule judged in `check` and in those before it on the branch, in order."""
        table = rule_outcomes.c
        query = (
            select(table.check_id, table.created_at, table.outcome, table.row_count)
            .where(table.rule == rule, table.created_at <= check.created_at)
            .where(table.repository == check.repository, table.branch == check.destination)
            .where(table.created_at > check.created_at - LOOKED_BACK, table.row_count.is_not(None))
            .order_by(table.created_at.desc(), table.check_id.desc())
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [RowCount(**row._mapping) for row in reversed(connection.execute(query).all())]

    def tallies(self, rule: str, since: datetime, *, by_place: bool = True) -> list[Tally]:
        """Return how often a rule came to what, by day.

        Parameters
        ----------
        by_place
            Also by repository and branch, for who may not see all; else both are empty.
        """
        table = rule_outcomes.c
        places = [table.repository, table.branch] if by_place else []
        keys = [table.day, table.outcome, *places]
        of_rule = (table.rule == rule, table.day >= _day(since))
        query = select(*keys, func.count().label("count")).where(*of_rule).group_by(*keys).order_by(table.day)
        with reading(self._engine) as connection:
            rows = [dict(row._mapping) for row in connection.execute(query)]
        return [Tally(**{"repository": "", "branch": "", **row}) for row in rows]


def row_counts(plan: Plan | None, evaluations: Mapping[int, Evaluation]) -> dict[str, int]:
    """Return how many rows each rule judged, of rules all of whose rows are known."""
    counts: dict[str, int | None] = {}
    for item in plan.obligations if plan else ():
        found = evaluations.get(item.number)
        known, rows = counts.get(item.rule, 0), found.rows if found else None
        counts[item.rule] = None if known is None or rows is None else known + rows
    return {rule: count for rule, count in counts.items() if count is not None}


def record_rules(
    connection: Connection, check: Check, verdict: Verdict, row_counts: Mapping[str, int]
) -> None:
    """Keep what came of each rule, with the check and in its transaction."""
    strongest = {reason.rule: reason.outcome for reason in reversed(verdict.reasons)}
    rows = [
        {
            "check_id": check.id,
            "rule": rule,
            "outcome": strongest.get(rule, Outcome.PASS).value,
            "repository": check.repository,
            "branch": check.destination,
            "day": _day(check.created_at),
            "created_at": check.created_at,
            "row_count": row_counts.get(rule),
        }
        for rule in dict.fromkeys(verdict.rules)
    ]
    if rows and not check.ahead:
        connection.execute(insert(rule_outcomes), rows)


def as_text(text: str) -> str:
    """Return `text` without what no database keeps: names and messages may hold anything."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\u0000")


def _query(wanted: Wanted, place: tuple[datetime, str] | None) -> Select[tuple[object, ...]]:
    # Not by the state, whose index SQLite would take, and sort all that is done.
    conditions: list[ColumnElement[bool]] = [checks.c.finished_at.is_not(None)]
    query = select(*_COLUMNS)
    created_at, key = checks.c.created_at, checks.c.id
    repository, branch = checks.c.repository, checks.c.destination
    if wanted.rule:
        created_at, key = rule_outcomes.c.created_at, rule_outcomes.c.check_id
        repository, branch = rule_outcomes.c.repository, rule_outcomes.c.branch
        query = query.join(rule_outcomes, rule_outcomes.c.check_id == checks.c.id)
        conditions.append(rule_outcomes.c.rule == wanted.rule)
    if wanted.outcome:
        column = rule_outcomes.c.outcome if wanted.rule else checks.c.outcome
        conditions.append(column == wanted.outcome)
    for column, value in (
        (repository, wanted.repository),
        (branch, wanted.branch),
        (checks.c.person, wanted.person),
    ):
        if value:
            conditions.append(column == value)
    if wanted.since:
        conditions.append(created_at >= wanted.since)
    if wanted.until:
        conditions.append(created_at < wanted.until)
    if place:
        before, check_id = place
        conditions.append(created_at <= before)  # by this an index is entered
        conditions.append(or_(created_at < before, and_(created_at == before, key < check_id)))
    return query.where(*conditions).order_by(created_at.desc(), key.desc())


def _fill_summaries(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    """Take the summary out of the verdict, where that is of before summaries were kept."""
    bare = [row["id"] for row in rows if not row["summary"]]
    if not bare:
        return
    query = select(checks.c.id, checks.c.verdict).where(checks.c.id.in_(bare))
    known = {row.id: load(Verdict, row.verdict).summary for row in connection.execute(query) if row.verdict}
    for row in rows:
        row["summary"] = row["summary"] or known.get(str(row["id"]), "")


def _day(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d")
