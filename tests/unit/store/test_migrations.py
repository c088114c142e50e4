"""Each migration up and down, with rows in every table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, DateTime, Engine, Float, Integer, LargeBinary, MetaData, Table, select
from sqlalchemy.types import JSON

from gate_server.store import database

REVISIONS = [item.revision for item in ScriptDirectory(str(database.MIGRATIONS)).walk_revisions()][::-1]
WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    opened = database.open_engine(database_url)
    yield opened
    opened.dispose()


def tables(engine: Engine) -> list[Table]:
    found = MetaData()
    found.reflect(engine)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def value(column: Any) -> Any:
    if column.name == "state":
        return "running"
    if column.foreign_keys:
        return next(iter(column.foreign_keys)).column.name
    for kind, example in (
        (Boolean, True),
        (Integer, 1),
        (Float, 1.5),
        (DateTime, WHEN),
        (JSON, {"a": [1]}),
        (LargeBinary, b"a"),
    ):
        if isinstance(column.type, kind):
            return example
    return str(column.name)


def fill(engine: Engine) -> None:
    found = tables(engine)
    with engine.begin() as connection:
        for table in found:
            connection.execute(table.insert().values({item.name: value(item) for item in table.columns}))


def rows(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    found = tables(engine)
    with engine.begin() as connection:
        return {
            table.name: [dict(row._mapping) for row in connection.execute(select(table))] for table in found
        }


@pytest.mark.parametrize("number", range(1, len(REVISIONS)))
def test_a_migration_keeps_the_rows_both_ways(engine: Engine, number: int) -> None:
    old, new = REVISIONS[number - 1], REVISIONS[number]
    database.upgrade(engine, old)
    fill(engine)
    before = rows(engine)
    database.upgrade(engine, new)
    after = rows(engine)
    assert_kept(before, after)
    database.downgrade(engine, old)
    assert_kept(before, rows(engine))
    database.upgrade(engine, new)
    assert_kept(after, rows(engine), among=before)


def test_the_newest_goes_down_to_nothing_with_rows(engine: Engine) -> None:
    database.upgrade(engine)
    fill(engine)
    database.downgrade(engine, "base")
    assert tables(engine) == []


def assert_kept(before: dict[str, Any], after: dict[str, Any], among: dict[str, Any] | None = None) -> None:
    """Each row is there with what it held, but for what a migration is to change: who runs a check."""
    for name in among or before:
        for old, new in zip(before[name], after[name], strict=True):
            changed = {key for key in old.keys() & new.keys() if old[key] != new[key]}
            assert changed <= ({"state", "worker"} if name == "checks" else set()), (name, old, new)


def test_what_ran_is_queued_again_after_a_migration(engine: Engine) -> None:
    database.upgrade(engine, "0001")
    fill(engine)
    database.upgrade(engine, "0002")
    assert [(row["state"], row["worker"]) for row in rows(engine)["checks"]] == [("queued", "")]
    database.downgrade(engine, "0001")
    database.upgrade(engine)
    assert [row["state"] for row in rows(engine)["checks"]] == ["queued"]


def test_asks_of_checks_that_are_gone_survive_the_way_back(engine: Engine) -> None:
    database.upgrade(engine, "0002")
    fill(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM checks")
    database.downgrade(engine, "0001")
    (ask,) = rows(engine)["asks"]
    assert (ask["check_id"], ask["summary"]) == (None, "summary")
