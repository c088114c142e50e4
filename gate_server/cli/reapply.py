"""`gate reapply`: bring a branch's changes again, after a merge of it was taken back."""

from __future__ import annotations

import getpass
from typing import Any

import click

from gate_server.cli.options import as_json, server, settings_for
from gate_server.cli.output import console, print_json, shown
from gate_server.cli.remote import gate_of
from gate_server.cli.uris import BRANCH, SCHEME, LakeFSURI
from gate_server.reports.wording import short_id
from gate_server.settings import Settings


@click.command("reapply")
@click.argument("uri", metavar="lakefs://REPOSITORY/BRANCH", type=BRANCH)
@click.option("--into", metavar="BRANCH", required=True, help="The branch that was put back.")
@click.option("--no-merge", is_flag=True, help="Make the branch, and leave the merge to somebody else.")
@server
@as_json
def command(uri: LakeFSURI, into: str, no_merge: bool, server: str, as_json: bool) -> None:
    """Bring all changes of BRANCH again, after a merge of it was taken back.

    As in Git, merging BRANCH itself would bring only what is newer than that merge. So its content goes, in
    one commit and without a copy, onto a branch that starts before it; that branch is judged and merged
    through the gate as any other. Then merge the other branch into BRANCH before you go on with it. Without a
    gate (--server) the branch is made, and not merged.

    \b
    Examples:
      gate reapply lakefs://sales/import-7 --into main --server http://gate:8090
      gate reapply lakefs://sales/import-7 --into main --no-merge

    Exit codes: 0 done, 1 the data is bad, 3 nothing was taken back, or could not tell.
    """
    settings = settings_for(server)
    made = _through_gate(settings, uri, into) if settings.url else _here(settings, uri, into)
    merged = None if no_merge or not settings.url else _merge(settings, made)
    if as_json:
        print_json({"reapplied": made, "merge_commit": merged})
        return
    branch = f"{SCHEME}{made['repository']}/{made['branch']}"
    console.print(f"[bold green]✔[/] {shown(branch)}  holds {shown(str(uri))}", end=" ")
    console.print(f"on {short_id(made['base_commit'])}; revert {shown(made['revert'])} had taken it back")
    if merged:
        console.print(f"  merged   {merged}")
        console.print(f"  next     merge {shown(into)} into {shown(uri.ref)} before you go on with it")
    else:
        console.print(f"  next     gate check {shown(branch)} --into {shown(into)}, and merge it")


def _through_gate(settings: Settings, uri: LakeFSURI, into: str) -> dict[str, Any]:
    with gate_of(settings) as gate:
        return gate.reapply(uri.repository, uri.ref, into).model_dump(mode="json")


def _here(settings: Settings, uri: LakeFSURI, into: str) -> dict[str, Any]:
    """Make the branch from this process, with lakectl's settings and the gate's database."""
    from gate_server.lakefs.connect import connect
    from gate_server.model import dump
    from gate_server.parts import make_revert_context
    from gate_server.reverts.reapply import reapply
    from gate_server.store.store import open_store
    from gate_server.telemetry.logs import set_up_logs

    set_up_logs("debug" if settings.log_level == "debug" else "error")
    lakefs = connect(timeout_s=settings.lakefs_timeout_s)
    context = make_revert_context(lakefs, open_store(settings.database), settings)
    found: dict[str, Any] = dump(reapply(context, uri.repository, uri.ref, into, principal=getpass.getuser()))
    return found


def _merge(settings: Settings, made: dict[str, Any]) -> str:
    """Merge through the gate; lakeFS is found by lakectl's settings."""
    from gate_client.lakefs import LakeFS
    from gate_client.merging import merge

    message = f"Merge the changes of {short_id(made['source_commit'])} once more"
    with gate_of(settings) as gate, LakeFS() as lakefs:
        done = merge(gate, lakefs, made["repository"], made["branch"], made["destination"], message=message)
    return done.commit_id
