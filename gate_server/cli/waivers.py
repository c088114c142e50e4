"""`gate waivers`: who answers for what failed; end it earlier. `gate waive` makes them."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click
from rich.table import Table

from gate_server.cli.options import as_json, newest, server, settings_for
from gate_server.cli.output import console, print_json, shown
from gate_server.cli.remote import gate_of
from gate_server.reports.wording import moment


@click.group("waivers")
def command() -> None:
    """Waivers that were made (`gate waive`), beside those that the policy holds."""


@command.command("list")
@newest
@server
@as_json
def list_command(repository: str, limit: int, server: str, as_json: bool) -> None:
    """List waivers, newest first, those that hold no more among them."""
    settings = settings_for(server)
    if settings.url:
        with gate_of(settings) as gate:
            found = [item.model_dump(mode="json") for item in gate.list_waivers(repository, limit=limit)]
    else:
        from gate_server.checks.waiving import waiver_json
        from gate_server.store.store import open_store

        kept = open_store(settings.database).waivers.listed(repository=repository, limit=limit)
        found = [waiver_json(waiver) for waiver in kept]
    if as_json:
        print_json({"waivers": found})
    else:
        _print(found)


@command.command("end")
@click.argument("waiver_id", metavar="ID")
@server
@as_json
def end_command(waiver_id: str, server: str, as_json: bool) -> None:
    """End a waiver: what it covered fails again, from the next answer on."""
    settings = settings_for(server)
    if settings.url:
        with gate_of(settings) as gate:
            ended = gate.end_waiver(waiver_id).model_dump(mode="json")
    else:
        from gate_server.checks.waiving import end_waiver, waiver_json
        from gate_server.store.store import open_store

        ended = waiver_json(end_waiver(open_store(settings.database).waivers, waiver_id, getpass.getuser()))
    if as_json:
        print_json({"waiver": ended})
    else:
        console.print(f"ended {shown(ended['id'])} of {shown(ended['owner'])}")


def _print(waivers: Sequence[Mapping[str, Any]]) -> None:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("id", "rule", "where", "paths", "owner", "reason", "state", "until"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "id")  # an id is copied
    for waiver in waivers:
        first, *more = waiver["paths"]
        table.add_row(
            shown(waiver["id"]),
            shown(waiver["rule"]),
            shown(f"{waiver['repository']}/{waiver['branch'] or '*'}"),
            shown(first) + (f" and {len(more)} more" if more else ""),
            shown(waiver["owner"]),
            shown(waiver["reason"]),
            waiver["state"],
            moment(datetime.fromisoformat(waiver["expires"])),
        )
    console.print(table)
