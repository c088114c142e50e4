"""`gate notices`: who is told what; try a target."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.table import Table

from gate_server.cli.options import as_json, newest, server, settings_for
from gate_server.cli.output import console, print_json, shown
from gate_server.cli.remote import gate_of
from gate_server.errors import CouldNotTell, NotFound
from gate_server.reports.wording import moment
from gate_server.settings import read_settings, secret


@click.group("notices")
def command() -> None:
    """Notices: the policy's `notices:` says who is told of what, GATE_NOTICE_TARGETS where that is."""


@command.command("list")
@newest
@server
@as_json
def list_command(repository: str, limit: int, server: str, as_json: bool) -> None:
    """List notices, newest first, with what came of each; `given_up` are those that nobody took."""
    settings = settings_for(server)
    if settings.url:
        with gate_of(settings) as gate:
            found = [item.model_dump(mode="json") for item in gate.list_notices(repository, limit=limit)]
    else:
        from gate_server.notices.messages import notice_json
        from gate_server.store.store import open_store

        kept = open_store(settings.database).notices.listed(repository=repository, limit=limit)
        found = [notice_json(notice) for notice in kept]
    if as_json:
        print_json({"notices": found})
    else:
        _print(found)


@command.command("test")
@click.argument("target")
@as_json
def test_command(target: str, as_json: bool) -> None:
    """Send a notice to TARGET now, from here, and say what came of it. Needs GATE_NOTICE_TARGETS.

    \b
    Examples:
      GATE_NOTICE_TARGETS_FILE=targets gate notices test oncall

    Exit codes: 0 it was taken, 2 there is no such target, 3 it was not taken.
    """
    from gate_server.model.notices import Notice
    from gate_server.notices.sending import send
    from gate_server.notices.targets import read_targets

    settings = read_settings()
    targets = read_targets(secret(settings.notice_targets))
    if target not in targets:
        known = ", ".join(sorted(targets)) or "none"
        raise NotFound(f"there is no target {target}", f"GATE_NOTICE_TARGETS has {known}")
    at = datetime.now(UTC)
    notice = Notice(
        secrets.token_hex(8), target, "test", "", "", "", "", "lakefs-gate: a test",
        "This target can be told. Nothing happened.", "info", "sending", 1, "", at, at,
    )  # fmt: skip
    (told,) = send(targets[target], [notice], settings.notice_timeout_s)
    if not told.sent:
        raise CouldNotTell(
            f"{target} {told.reason}", "look at its line in GATE_NOTICE_TARGETS, and at the target"
        )
    if as_json:
        print_json({"notice": {"id": notice.id, "target": target, "state": "sent"}})
    else:
        console.print(f"{shown(target)} took it (notice {notice.id})")


def _print(notices: Sequence[Mapping[str, Any]]) -> None:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("when", "to", "state", "what", ""):
        table.add_column(heading, overflow="fold")
    for notice in notices:
        why = f"{notice['reason']} ({notice['attempts']} attempts)" if notice["reason"] else ""
        when = moment(datetime.fromisoformat(notice["created_at"]))
        table.add_row(when, shown(notice["target"]), notice["state"], shown(notice["title"]), shown(why))
    console.print(table)
