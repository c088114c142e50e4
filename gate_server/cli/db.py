"""`gate db`: the version of the gate's database."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gate_server.cli.options import as_json
from gate_server.cli.output import console, print_json
from gate_server.settings import read_settings
from gate_server.store.database import current, downgrade, newest, open_engine, upgrade
from gate_server.store.upkeep import backup, damages


@click.group("db")
def command() -> None:
    """Upgrade, downgrade, back up or look at the gate's database (GATE_DATABASE_URL).

    `gate serve` fills an empty database by itself; an older one it refuses until it was upgraded.

    \b
    Examples:
      gate db backup gate-before-upgrade.db && gate db upgrade
      gate db check
    """


@command.command("upgrade")
@click.argument("revision", default="head")
def upgrade_command(revision: str) -> None:
    """Bring the schema to REVISION (default: the newest). Back up first."""
    engine = open_engine(read_settings().database)
    upgrade(engine, revision)
    console.print(f"the schema is {current(engine)}")


@command.command("downgrade")
@click.argument("revision")
@click.option("--yes", "-y", is_flag=True, help="Do not ask in a terminal.")
def downgrade_command(revision: str, yes: bool) -> None:
    """Take the schema back to REVISION; `base` removes all tables with all they hold."""
    engine = open_engine(read_settings().database)
    where = engine.url.render_as_string(hide_password=True)
    if not yes and sys.stdin.isatty():
        click.confirm(f"Take {where} back to {revision}? What later versions stored is lost.", abort=True)
    downgrade(engine, revision)
    console.print(f"the schema is {current(engine) or 'empty'}")


@command.command("current")
@as_json
def current_command(as_json: bool) -> int:
    """Show the schema's version; exit 2 where this program needs another."""
    have, need = current(open_engine(read_settings().database)), newest()
    if as_json:
        print_json({"current": have, "needed": need})
    else:
        console.print(f"{have or 'empty'} (this program needs {need})")
    return 0 if have == need else 2


@command.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup_command(file: Path) -> None:
    """Write a backup to FILE, a new one; the gate may run meanwhile.

    SQLite: FILE is a whole database; to go back, stop the gate and put it in the old one's place, without the
    old one's -wal and -shm files. PostgreSQL: needs `pg_dump`; `pg_restore --clean --if-exists` reads it.
    """
    engine = open_engine(read_settings().database)
    backup(engine, file)
    console.print(f"{file}: {file.stat().st_size:,} bytes, schema {current(engine)}", markup=False)


@command.command("check")
@as_json
def check_command(as_json: bool) -> int:
    """Look whether the database is sound and of this program's schema; exit 1 with what is wrong."""
    found = damages(open_engine(read_settings().database))
    if as_json:
        print_json({"ok": not found, "findings": found})
    for line in [] if as_json else found or ["the database is sound"]:
        console.print(line, markup=False)
    return 1 if found else 0
