"""`gate checks`: what was judged, and what waits. `gate check` judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click
from rich.table import Table

from gate_server.cli.options import as_json, newest, server, settings_for
from gate_server.cli.output import console, outcome, print_json, shown
from gate_server.cli.remote import gate_of
from gate_server.reports.wording import moment


@click.group("checks")
def command() -> None:
    """Checks: of merges, of who asked ahead of one, and of what the gate looked at by itself."""


@command.command("list")
@newest
@server
@as_json
def list_command(repository: str, limit: int, server: str, as_json: bool) -> None:
    """List checks, newest first. "ahead" is what nobody asked for yet (the policy's `ahead:`)."""
    settings = settings_for(server)
    if settings.url:
        with gate_of(settings) as gate:
            found = [item.model_dump(mode="json") for item in gate.list_checks(repository, limit=limit)]
    else:
        from gate_server.reports.json import row_json
        from gate_server.store.store import open_store

        kept = open_store(settings.database).checks.listed(repository=repository, limit=limit)
        found = [row_json(check, "") for check in kept]
    if as_json:
        print_json({"checks": found})
    else:
        _print(found)


def _print(checks: Sequence[Mapping[str, Any]]) -> None:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("id", "verdict", "merge", "", "when"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "id")  # an id is copied
    for check in checks:
        merge = f"lakefs://{check['repository']}/{check['source_name']} → {check['destination']}"
        table.add_row(
            shown(check["check"]),
            outcome(check["verdict"] or check["state"]),
            shown(merge),
            "ahead" if check["ahead"] else "",
            moment(datetime.fromisoformat(check["created_at"])),
        )
    console.print(table)
