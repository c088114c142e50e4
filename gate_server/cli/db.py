"""`gate db`: the version of the gate's database."""

from __future__ import annotations

import sys

import click

from gate_server.cli.options import as_json
from gate_server.cli.output import console, print_json
from gate_server.settings import read_settings
from gate_server.store.database import current, downgrade, newest, open_engine, upgrade


@click.group("db")
def command() -> None:
    """Upgrade, downgrade or show the version of the gate's database (GATE_DATABASE_URL).

    `gate serve` fills an empty database by itself; an older one it refuses until it was upgraded.
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
