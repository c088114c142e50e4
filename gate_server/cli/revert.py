"""`gate revert`: preview, confirm, put back, say how to undo it."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Mapping
from typing import Any

import click

from gate_client import NotReverted
from gate_server.cli.options import as_json, server, settings_for
from gate_server.cli.output import console, print_json, shown
from gate_server.cli.remote import gate_of
from gate_server.cli.uris import BRANCH, LakeFSURI
from gate_server.errors import Conflict
from gate_server.reports.wording import count, short_id
from gate_server.settings import Settings

Reverter = Callable[[dict[str, Any]], Mapping[str, Any]]
DONE = ("verified", "unchanged")


@click.command("revert")
@click.argument("uri", metavar="lakefs://REPOSITORY/BRANCH", type=BRANCH)
@click.option("--to", metavar="REF", required=True, help="A commit of the branch: id, short id, tag, main~3.")
@click.option("--reason", default="", help="Why; stands in the commit and in the record.")
@click.option("--expected-head", default="", metavar="ID", help="Refuse unless the branch's head is this.")
@click.option("--keep", multiple=True, metavar="PATH", help="A path (or **-pattern) that stays; repeatable.")
@click.option("--dry-run", is_flag=True, help="Show what would change, change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask in a terminal.")
@server
@as_json
def command(
    uri: LakeFSURI,
    to: str,
    reason: str,
    expected_head: str,
    keep: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    server: str,
    as_json: bool,
) -> int:
    """Put a branch back to the state of an earlier commit, by one new commit. History stays.

    \b
    Examples:
      gate revert lakefs://sales/main --to main~1 --dry-run
      gate revert lakefs://sales/main --to 3f2a9c81 --reason "prices were doubled"

    Exit codes: 0 done (or nothing to do), 1 not done right, 3 refused or could not tell; all of it verified.
    """
    settings = settings_for(server)
    ask = _through_gate(settings) if settings.url else _here(settings)
    wanted = {
        "repository": uri.repository,
        "branch": uri.ref,
        "to": to,
        "reason": reason,
        "expected_head": expected_head,
        "keep": list(keep),
        "dry_run": True,
    }
    answer = ask(wanted)
    plan = answer["plan"]
    if not as_json:
        _print_plan(uri, plan)
    if not dry_run and (plan["unchanged"] or _confirmed(uri, yes)):
        # What was shown is what is done: the head that the preview saw is the one expected.
        answer = ask({**wanted, "dry_run": False, "expected_head": plan["head"]["id"]})
    done = answer["revert"]
    if as_json:
        print_json(answer)
    elif done:
        _print_done(uri, done)
    if done is None or done["state"] in DONE:
        return 0
    return Conflict.exit_code if done["state"] == "refused" else 1


def _confirmed(uri: LakeFSURI, yes: bool) -> bool:
    if not yes and sys.stdin.isatty():
        click.confirm(f"Put {uri} back?", abort=True, err=True)
    return True


def _through_gate(settings: Settings) -> Reverter:
    def ask(wanted: dict[str, Any]) -> Mapping[str, Any]:
        arguments = {name: value for name, value in wanted.items() if name != "dry_run"}
        with gate_of(settings) as gate:
            try:
                answer = gate.plan_revert(**arguments) if wanted["dry_run"] else gate.revert(**arguments)
            except NotReverted as error:
                if error.answer is None:
                    raise
                answer = error.answer
        return answer.model_dump(mode="json", exclude_unset=True)

    return ask


def _here(settings: Settings) -> Reverter:
    """Revert from this process, with lakectl's settings; the same answer as a gate's."""
    from gate_server.app import make_revert_context
    from gate_server.lakefs.connect import connect
    from gate_server.model import dump
    from gate_server.reverts import apply_revert, plan_revert
    from gate_server.store.store import open_store
    from gate_server.telemetry.logs import set_up_logs

    set_up_logs("debug" if settings.log_level == "debug" else "error")
    lakefs = connect(timeout_s=settings.lakefs_timeout_s)
    context = make_revert_context(lakefs, open_store(settings.database), settings)

    def ask(wanted: dict[str, Any]) -> Mapping[str, Any]:
        names = ("repository", "branch", "to", "reason", "expected_head", "keep")
        plan = plan_revert(context, **{name: wanted[name] for name in names})
        if wanted["dry_run"]:
            return {"plan": dump(plan), "revert": None}
        return {"plan": dump(plan), "revert": dump(apply_revert(context, plan, principal=getpass.getuser()))}

    return ask


def _print_plan(uri: LakeFSURI, plan: Mapping[str, Any]) -> None:
    def line(name: str, text: str) -> None:
        console.print(f"  {name:<8}{shown(text)}")

    def commit(of: Mapping[str, Any]) -> str:
        first = (str(of["message"]).splitlines() or [""])[0]
        return f"{short_id(of['id'])}  {first}".rstrip()

    console.print(f"[bold]{shown(str(uri))}[/]")
    line("from", commit(plan["head"]))
    line("to", commit(plan["target"]))
    line("over", count(plan["commits"], "commit"))
    line("objects", f"{plan['added']} added, {plan['changed']} changed, {plan['removed']} removed")
    for kept in plan["keep"]:
        source = {"branch": "stays", "installed": "as installed", "absent": "stays away"}[kept["source"]]
        line("keeps", f"{kept['path']} ({source})")
    if plan["gate_files"]:
        line("gate", plan["gate_files"])
    guard = "installed: refused if the branch moves meanwhile" if plan["guarded"] else (
        "not installed: verified afterwards, `gate install` brings it"
    )  # fmt: skip
    line("guard", guard)
    for note in plan["notes"]:
        line("note", note)


def _print_done(uri: LakeFSURI, done: Mapping[str, Any]) -> None:
    good = done["state"] in DONE
    console.print(f"[bold {'green' if good else 'red'}]{'✔' if good else '✘'} {done['state']}[/]  ", end="")
    console.print(shown(done["message"] or str(uri)))
    for note in done["notes"]:
        console.print(f"  note    {shown(note)}")
    if done["commit_id"]:
        console.print(f"  commit  {done['commit_id']}")
    if done["undo"]:
        console.print(f"  undo    {shown(done['undo'])}")
