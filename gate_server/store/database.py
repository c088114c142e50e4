"""The database: how it is opened, its schema's version, and the migrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, func, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from gate_server.errors import ConfigError, CouldNotTell, UsageError
from gate_server.store.times import SQLITE_TIME, sqlite_time

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_S = 10.0
MIGRATION_LOCK = 0x67617465


def open_engine(database_url: str) -> Engine:
    """Return an engine; SQLite in WAL, its writes in immediate transactions, durable when they return.

    Raises
    ------
    ConfigError
        When the address is none that SQLAlchemy knows.
    """
    try:
        url = make_url(database_url)
        if url.get_backend_name() != "sqlite":
            return create_engine(url, pool_pre_ping=True, hide_parameters=True)
        if url.database and url.database != ":memory:":
            Path(url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, hide_parameters=True)
    except (ArgumentError, NoSuchModuleError, ImportError, OSError) as error:
        raise ConfigError(
            f"GATE_DATABASE_URL cannot be used ({type(error).__name__})",
            "it looks like sqlite:////var/lib/gate/gate.db or postgresql+psycopg://user@host/gate",
        ) from error
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we begin transactions ourselves
    connection.create_function(SQLITE_TIME, 1, sqlite_time)
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    # A deferred transaction that turns into a write fails at once when another wrote meanwhile.
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def reading(engine: Engine) -> Connection:
    """Return a connection that only reads, so that it holds up no writer."""
    return engine.connect().execution_options(reads=True)


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to `revision`."""
    _migrate(engine, command.upgrade, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to `revision`; ``base`` removes all tables."""
    _migrate(engine, command.downgrade, revision)


def current(engine: Engine) -> str | None:
    """Return the revision of the schema, None for an empty database."""
    try:
        with reading(engine) as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        raise _unusable(engine, error) from error


def newest() -> str:
    """Return the revision that this program knows."""
    return str(ScriptDirectory(str(MIGRATIONS)).get_current_head())


def ensure(engine: Engine) -> None:
    """Bring an empty database to the newest schema; refuse one that this program does not know.

    Raises
    ------
    ConfigError
        When the schema is of another version.
    """
    have, need = current(engine), newest()
    if have is None and not inspect(engine).get_table_names():
        upgrade(engine)
    elif have != need:
        raise ConfigError(
            f"the database's schema is {have or 'not the gate’s'}, this program needs {need}",
            "run `gate db upgrade` with this version of the gate (after a backup)",
        )


def _migrate(engine: Engine, what: Any, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":  # one at a time; SQLite's transaction is immediate anyway
                connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            config.attributes["connection"] = connection
            what(config, revision)
    except CommandError as error:
        raise UsageError(f"{error}", "`gate db current` names a version that there is") from error
    except SQLAlchemyError as error:
        raise _unusable(engine, error) from error


def _unusable(engine: Engine, error: Exception) -> CouldNotTell:
    where = engine.url.render_as_string(hide_password=True)
    return CouldNotTell(
        f"the database {where} cannot be used ({type(error).__name__})", "check GATE_DATABASE_URL"
    )
