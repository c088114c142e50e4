"""Pruning: what is old goes, never what an audit needs.

An ask is the audit's unit. Those of hooks stay for good, with check id, outcome and summary; a check stays
as long as a hook was answered by it within the age. Reverts, registrations and installations stay.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, Engine, Table, and_, delete, exists, or_, select

from gate_server.store.tables import asks, checks, dataset_states, evaluations, notices, rule_outcomes
from gate_server.store.times import database_time

BATCH = 500


@dataclass(frozen=True)
class Pruned:
    """How many rows went."""

    checks: int
    asks: int
    evaluations: int
    states: int
    notices: int


def prune(engine: Engine, *, keep_s: float, most_checks: int, most_evaluations: int) -> Pruned:
    """Delete what is old or too many: done checks, evaluations, states, notices, asks that were no merge.

    Parameters
    ----------
    keep_s
        What is younger stays, seconds of the database's clock.
    most_checks, most_evaluations
        Beyond that many the oldest go even if they are younger; a check that a hook needs never does.
    """
    since = database_time(-keep_s)
    done = checks.c.state == "done"
    needed = exists().where(asks.c.check_id == checks.c.id, asks.c.kind == "hook", asks.c.created_at >= since)
    old_check = or_(checks.c.created_at < since, checks.c.created_at < _newest(checks, most_checks, done))
    old_evaluation = or_(
        evaluations.c.created_at < since, evaluations.c.created_at < _newest(evaluations, most_evaluations)
    )
    return Pruned(
        checks=_delete(engine, checks, and_(done, old_check, ~needed), rule_outcomes.c.check_id),
        asks=_delete(engine, asks, and_(asks.c.kind != "hook", asks.c.created_at < since)),
        evaluations=_delete(engine, evaluations, old_evaluation),
        states=_delete(engine, dataset_states, dataset_states.c.created_at < since),
        notices=_delete(engine, notices, notices.c.ended_at < since),
    )


def _newest(table: Table, count: int, *conditions: ColumnElement[bool]) -> ColumnElement[object]:
    """Return when the last of the `count` newest rows was made; NULL where there are fewer."""
    made = table.alias().c.created_at if not conditions else table.c.created_at
    query = select(made).where(*conditions).order_by(made.desc()).offset(count - 1).limit(1)
    return query.correlate(None).scalar_subquery()


def _delete(
    engine: Engine, table: Table, condition: ColumnElement[bool], goes_too: Column[str] | None = None
) -> int:
    """Delete in batches, so that nobody waits long for the write lock; what names a row goes with it."""
    key = table.primary_key.columns[0]
    total = 0
    while True:
        with engine.begin() as connection:
            batch = connection.execute(select(key).where(condition).limit(BATCH)).scalars().all()
            if goes_too is not None:
                connection.execute(delete(goes_too.table).where(goes_too.in_(batch)))
            connection.execute(delete(table).where(key.in_(batch)))
        total += len(batch)
        if len(batch) < BATCH:
            return total
