"""What `gate db` does for the operator: a backup while the gate runs, and a look at the database's health."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from gate_server.errors import CouldNotTell, UsageError
from gate_server.store.database import current, newest, reading
from gate_server.store.tables import metadata

BACKUP_TIMEOUT_S = 3600.0


def backup(engine: Engine, target: Path) -> None:
    """Write all that the database holds to a new file, as of one moment; the gate may go on working.

    SQLite's is a database of its own, PostgreSQL's an archive for `pg_restore`, made by `pg_dump`.

    Raises
    ------
    UsageError
        Where there is nothing to save, the file is there already or cannot be made, or `pg_dump` is missing.
    CouldNotTell
        Where the backup failed; then no file is left.
    """
    if current(engine) is None:
        raise UsageError("the database is empty: there is nothing to save", "check GATE_DATABASE_URL")
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise UsageError(
            f"{target} cannot be made ({error.strerror})", "give a file that is not there yet"
        ) from error
    try:
        if engine.dialect.name == "sqlite":
            _backup_sqlite(engine, target)
        else:
            _backup_postgresql(engine, target)
    except BaseException:
        target.unlink()
        raise


def _backup_sqlite(engine: Engine, target: Path) -> None:
    try:
        with closing(engine.raw_connection()) as source, closing(sqlite3.connect(target)) as copy:
            connection = source.driver_connection
            assert isinstance(connection, sqlite3.Connection)  # noqa: S101 - what the dialect says
            connection.backup(copy)
            said = copy.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        raise CouldNotTell(f"the backup failed ({error})", "is there room on the disk?") from error
    if said != "ok":
        raise CouldNotTell(f"the backup is damaged: {said}", "`gate db check` looks at the database itself")


def _backup_postgresql(engine: Engine, target: Path) -> None:
    url = engine.url
    address = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    password = {"PGPASSWORD": str(url.password)} if url.password else {}
    command = ["pg_dump", "--format=custom", "--no-password", f"--file={target}", f"--dbname={address}"]
    try:
        done = subprocess.run(
            command, env={**os.environ, **password}, capture_output=True, text=True, check=False,
            timeout=BACKUP_TIMEOUT_S,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise UsageError(
            "pg_dump is not installed here", "install PostgreSQL's client, or let its server make the backups"
        ) from error
    if done.returncode:
        raise CouldNotTell(f"the backup failed: {done.stderr.strip()[-500:]}", "pg_dump says why")


def damages(engine: Engine) -> list[str]:
    """Return what is wrong with the database: another schema, other tables, damaged pages; else nothing."""
    have, need = current(engine), newest()
    if have != need:
        return [f"the schema is {have or 'not the gate’s'}, this program needs {need}"]
    found = []
    with reading(engine) as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
        found += [f"the tables differ from schema {need}: {item}" for item in differences]
        if engine.dialect.name == "sqlite":
            said = connection.execute(text("PRAGMA integrity_check")).scalars().all()
            found += [] if said == ["ok"] else [str(line) for line in said]
    return found
