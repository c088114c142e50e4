"""`gate revert`: preview, confirm, put back, say how to undo it."""

from __future__ import annotations

import sys

import click

from gate_server.cli.options import as_json, server, settings_for
from gate_server.cli.output import print_json
from gate_server.cli.reverters import reverter_for
from gate_server.cli.told_reverts import DONE, print_done, print_plan
from gate_server.cli.uris import BRANCH, LakeFSURI
from gate_server.errors import Conflict


@click.command("revert")
@click.argument("uri", metavar="[lakefs://REPOSITORY/BRANCH]", type=BRANCH, required=False)
@click.option(
    "--to", metavar="REF|TIME", help="Back to: id, short id, tag, main~3, last-good, 2026-11-20T08:00Z."
)
@click.option("--commit", metavar="REF", help="Undo this one commit or merge; what came later stays.")
@click.option("--undo", metavar="ID", help="Undo an earlier revert, by its id; needs no branch.")
@click.option(
    "--path", multiple=True, metavar="PATH", help="With --to: only this object or folder; repeatable."
)
@click.option("--allow-side", is_flag=True, help="Take also a commit that was never the branch's state.")
@click.option("--reason", default="", help="Why; stands in the commit and in the record.")
@click.option("--expected-head", default="", metavar="ID", help="Refuse unless the branch's head is this.")
@click.option("--keep", multiple=True, metavar="PATH", help="A path (or **-pattern) that stays; repeatable.")
@click.option(
    "--idempotency-key",
    default="",
    metavar="KEY",
    help="The same request with it is done once; not asked about.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask in a terminal.")
@server
@as_json
def command(
    uri: LakeFSURI | None,
    to: str | None,
    commit: str | None,
    undo: str | None,
    path: tuple[str, ...],
    allow_side: bool,
    reason: str,
    expected_head: str,
    keep: tuple[str, ...],
    idempotency_key: str,
    dry_run: bool,
    yes: bool,
    server: str,
    as_json: bool,
) -> int:
    """Put a branch back to an earlier state, or undo one commit of it, by one new commit. History stays.

    \b
    Examples:
      gate revert lakefs://sales/main --to main~1 --dry-run
      gate revert lakefs://sales/main --to 2026-11-20T08:00Z --path data/prices
      gate revert lakefs://sales/main --commit 3f2a9c81 --reason "prices were doubled"
      gate revert --undo 1f2e3d4c5b6a7980

    Exit codes: 0 done (or nothing to do), 1 not done right, 3 refused or could not tell; all of it verified.
    """
    if uri is None and not undo:
        raise click.UsageError("name the branch: lakefs://REPOSITORY/BRANCH")
    if sum(map(bool, (to, commit, undo))) != 1 or (path and not to):
        raise click.UsageError("say one thing: --to (with --path for some paths), --commit or --undo")
    settings = settings_for(server)
    reverter = reverter_for(settings)
    if uri is None and undo:
        uri = LakeFSURI(*reverter.place_of(undo))
    assert uri is not None  # noqa: S101 - for the type checker
    wanted = {
        "repository": uri.repository,
        "branch": uri.ref,
        "to": to or "",
        "commit": commit or "",
        "undo": undo or "",
        "paths": list(path),
        "allow_side": allow_side,
        "reason": reason,
        "expected_head": expected_head,
        "keep": list(keep),
    }
    if idempotency_key and not dry_run:
        # Planned and done in one request: seen from a second try, the branch's head is another one.
        answer = reverter.apply(wanted, idempotency_key)
        if not as_json:
            print_plan(uri, answer["plan"])
    else:
        answer = reverter.plan(wanted)
        plan = answer["plan"]
        if not as_json:
            print_plan(uri, plan)
        if not dry_run and (plan["unchanged"] or _confirmed(uri, yes)):
            # What was shown is what is done: the head that the preview saw is the one expected.
            # A name such as last-good or a branch's may mean another commit by now.
            shown = {"expected_head": plan["head"]["id"]} | ({"to": plan["target"]["id"]} if to else {})
            answer = reverter.apply({**wanted, **shown}, "")
    done = answer["revert"]
    if as_json:
        print_json(answer)
    elif done:
        print_done(uri, done)
    if done is None or done["state"] in DONE:
        return 0
    return Conflict.exit_code if done["state"] == "refused" else 1


def _confirmed(uri: LakeFSURI, yes: bool) -> bool:
    if not yes and sys.stdin.isatty():
        click.confirm(f"Put {uri} back?", abort=True, err=True)
    return True
