"""`gate audit`: what came to a branch by which way; and whether the record itself is whole."""

from __future__ import annotations

import re
import sys
from typing import Any

import click

from gate_server.cli.options import as_json, server, settings_for
from gate_server.cli.output import console, print_json, shown
from gate_server.cli.remote import gate_of
from gate_server.cli.uris import BRANCH, SCHEME
from gate_server.errors import UsageError
from gate_server.reports.wording import count, short_id
from gate_server.settings import Settings

NOTED = re.compile(r"(\d{1,18}):([0-9a-f]{64})")
MARKS = {"failing": "[bold red]✘[/]", "unverified": "[bold yellow]?[/]"}
OLD_SHOWN = 10  # commits that nobody needs to look at, the newest


@click.command("audit")
@click.argument("what", metavar="lakefs://REPOSITORY/BRANCH | verify | export")
@click.option("--since", default="", metavar="REF", help="From this commit on, which is trusted.")
@click.option("--head", default="", metavar="N:DIGEST", help="With verify: a head that was noted before.")
@server
@as_json
def command(what: str, since: str, head: str, server: str, as_json: bool) -> None:
    """Say of each commit of BRANCH who vouches for it: since the gate was installed, or since --since.

    `verify` looks whether the record (the ledger) is whole: nothing altered, taken out or put in. With a head
    from the gate's log (--head) also whether it is still the same record. `export` writes it as JSON lines.
    Both read the gate's database (GATE_DATABASE_URL).

    \b
    Examples:
      gate audit lakefs://sales/main
      gate audit lakefs://sales/main --since main~20 --json
      gate audit verify --head 1042:9f86d081884c7d65...

    Exit codes: 0 all that the branch holds is verified, 1 not all (verify: the record is broken), 3 could not
    tell.
    """
    settings = settings_for(server)
    if what in ("verify", "export"):
        if since or (head and what == "export"):
            raise UsageError(f"`gate audit {what}` takes no such option", "gate audit --help")
        (_verify if what == "verify" else _export)(settings, head, as_json)
        return
    uri = BRANCH.convert(what, None, None)
    found = _through_gate(settings, uri, since) if settings.url else _here(settings, uri, since)
    if as_json:
        print_json({"audit": found})
    else:
        _print(found)
    sys.exit(0 if found["verified"] else 1)


def _through_gate(settings: Settings, uri: Any, since: str) -> dict[str, Any]:
    with gate_of(settings) as gate:
        found: dict[str, Any] = gate.audit(uri.repository, uri.ref, since).model_dump(mode="json")
        return found


def _here(settings: Settings, uri: Any, since: str) -> dict[str, Any]:
    """Audit from this process, with lakectl's settings and the gate's database."""
    from gate_server.audit.report import audit_json
    from gate_server.audit.walk import audit
    from gate_server.lakefs.connect import connect
    from gate_server.parts import make_revert_context
    from gate_server.store.store import open_store
    from gate_server.telemetry.logs import set_up_logs

    set_up_logs("debug" if settings.log_level == "debug" else "error")
    lakefs = connect(timeout_s=settings.lakefs_timeout_s)
    context = make_revert_context(lakefs, open_store(settings.database), settings)
    return audit_json(audit(context, uri.repository, uri.ref, since=since))


def _print(audit: dict[str, Any]) -> None:
    where = shown(f"{SCHEME}{audit['repository']}/{audit['branch']}")
    held = [commit for commit in audit["commits"] if commit["outstanding"]]
    looked_at = count(len(audit["commits"]), "commit")
    if audit["verified"]:
        console.print(f"[bold green]✔[/] {where}  verified, {looked_at} looked at")
    else:
        console.print(f"[bold red]✘[/] {where}  holds what nobody vouches for")
    for finding in audit["findings"]:
        console.print(f"  [bold red]![/] {shown(finding)}")
    rest = [commit for commit in audit["commits"] if not commit["outstanding"]]
    for commit in [*held, *rest[:OLD_SHOWN]]:
        said = commit["came_by"] or commit["outcome"] or (commit["revert"] and f"revert {commit['revert']}")
        mark = MARKS.get(commit["state"], " ") if commit["outstanding"] else " "
        tail = "" if commit["outstanding"] or commit["state"] not in MARKS else ", taken back since"
        console.print(
            f"  {mark} {short_id(commit['commit'])}  {commit['state']:<17}  {shown(said)}{tail}",
            soft_wrap=True,
        )
    if len(rest) > OLD_SHOWN:
        console.print(f"    and {count(len(rest) - OLD_SHOWN, 'older commit')} (--json has all)")
    if not audit["verified"] and audit["last_good"]:
        console.print(f"  last good  {audit['last_good']}")
        console.print(f"  next       gate revert {where} --to last-good --dry-run")


def _verify(settings: Settings, head: str, as_json: bool) -> None:
    from gate_server.store.ledger import Head
    from gate_server.store.store import open_store

    noted = None
    if head:
        match = NOTED.fullmatch(head)
        if match is None:
            raise UsageError(f"{head!r} is no head of the ledger", "the gate's log has it: NUMBER:DIGEST")
        noted = Head(int(match[1]), match[2])
    ledger = open_store(settings.database).ledger
    findings = ledger.verify(noted)
    now = ledger.head()
    if as_json:
        print_json({"whole": not findings, "head": str(now), "findings": findings})
    elif findings:
        console.print("[bold red]✘[/] the record is broken")
        for finding in findings:
            console.print(f"  {shown(finding)}")
    else:
        held = ", and holds the head that was noted" if noted else ""
        console.print(f"[bold green]✔[/] the record is whole{held}")
        console.print(f"  head  {now}", soft_wrap=True)
    sys.exit(1 if findings else 0)


def _export(settings: Settings, _head: str, _as_json: bool) -> None:
    import json

    from gate_server.store.store import open_store

    for entry in open_store(settings.database).ledger.entries():
        click.echo(json.dumps(entry.to_json(), sort_keys=True, ensure_ascii=True))
