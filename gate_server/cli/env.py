"""`gate env`: branches to try things on, with an owner and an end."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
from rich.table import Table

from gate_client.differences import Difference, ObjectDifference, difference
from gate_client.environments import (
    DEFAULT_DAYS,
    PREFIX,
    Environment,
    create,
    delete,
    listed,
    prune,
)
from gate_client.lakefs import LakeFS
from gate_client.tables import Shape
from gate_server.cli.options import as_json
from gate_server.cli.output import console, print_json, shown
from gate_server.cli.uris import BRANCH, REPOSITORY, LakeFSURI
from gate_server.reports.wording import count, moment


@click.group("env")
def command() -> None:
    """Environments: a branch of its own, with an owner and an end, compared with main and thrown away.

    A branch is made in milliseconds and copies nothing. Whose it is and until when stands in the metadata of
    its first commit. lakeFS is found by lakectl's settings.

    \b
    Examples:
      gate env create lakefs://sales/main test --days 3
      gate env diff lakefs://sales/env-test
      gate env delete lakefs://sales/env-test
    """


@command.command("create")
@click.argument("uri", metavar="lakefs://REPOSITORY/BRANCH", type=BRANCH)
@click.argument("name")
@click.option("--owner", default="", help="Who is to be asked about it (default: you).")
@click.option(
    "--days",
    default=DEFAULT_DAYS,
    show_default=True,
    help="After how many `gate env prune` may throw it away.",
)
@as_json
def create_command(uri: LakeFSURI, name: str, owner: str, days: float, as_json: bool) -> None:
    """Make the branch env-NAME from what BRANCH has committed."""
    with _lakefs() as lakefs:
        made = create(
            lakefs, uri.repository, name, owner=owner or getpass.getuser(), source=uri.ref, days=days
        )
    if as_json:
        print_json(_as_json(made))
    else:
        console.print(f"[bold green]✔[/] {shown(made.uri)}  {_until(made)}")


@command.command("list")
@click.argument("repository", metavar="lakefs://REPOSITORY", type=REPOSITORY)
@as_json
def list_command(repository: str, as_json: bool) -> None:
    """List the environments of a repository."""
    with _lakefs() as lakefs:
        found = list(listed(lakefs, repository))
    if as_json:
        print_json({"environments": [_as_json(item) for item in found]})
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("branch", "owner", "ends"):
        table.add_column(heading, overflow="fold")
    for item in found:
        table.add_row(shown(item.branch), shown(item.owner) or "nobody knows", _until(item))
    console.print(table)


@command.command("diff")
@click.argument("uri", metavar="lakefs://REPOSITORY/BRANCH", type=BRANCH)
@click.option("--against", metavar="BRANCH", default="main", show_default=True)
@click.option("--no-rows", is_flag=True, help="Read no object: which differ, not what is in them.")
@as_json
def diff_command(uri: LakeFSURI, against: str, no_rows: bool, as_json: bool) -> None:
    """Compare BRANCH, with what is not committed, with main: objects, rows, columns.

    Rows of a CSV are its records, a header included. Works for any branch. What came to main since the two
    met is left out.
    """
    with _lakefs() as lakefs:
        found = difference(lakefs, uri.repository, uri.ref, against, with_rows=not no_rows)
    if as_json:
        print_json(asdict(found))
    else:
        _print(uri, found)


@command.command("delete")
@click.argument("uri", metavar="lakefs://REPOSITORY/BRANCH", type=BRANCH)
@as_json
def delete_command(uri: LakeFSURI, as_json: bool) -> None:
    """Throw an environment away, with all that is on it. Refuses branches that are none."""
    with _lakefs() as lakefs:
        gone = delete(lakefs, uri.repository, uri.ref)
    _print_gone([gone], as_json)


@command.command("prune")
@click.argument("repository", metavar="lakefs://REPOSITORY", type=REPOSITORY)
@as_json
def prune_command(repository: str, as_json: bool) -> None:
    """Throw away the environments whose time is over, such as once a day."""
    with _lakefs() as lakefs:
        gone = prune(lakefs, repository)
    _print_gone(gone, as_json)


def _lakefs() -> LakeFS:
    """Return the lakeFS of lakectl's settings; without the extra `server`, of its environment alone."""
    try:
        from gate_server.lakefs.connect import lakectl_settings
    except ModuleNotFoundError:
        return LakeFS()
    found = lakectl_settings()
    return LakeFS(found["endpoint_url"], found["access_key_id"], found["secret_access_key"])


def _print_gone(gone: Sequence[Environment], as_json: bool) -> None:
    if as_json:
        print_json({"deleted": [_as_json(item) for item in gone]})
        return
    for item in gone:
        console.print(f"deleted {shown(item.uri)} of {shown(item.owner)}, was at {item.head}")
    if not gone:
        console.print(f"no {PREFIX}* branch is over")


def _as_json(found: Environment) -> dict[str, Any]:
    expires_at = found.expires_at.isoformat() if found.expires_at else None
    return {**asdict(found), "expires_at": expires_at, "uri": found.uri, "over": found.is_over()}


def _until(found: Environment) -> str:
    if found.expires_at is None:
        return "never: its first commit does not say"
    when = moment(found.expires_at.astimezone(UTC))
    return f"was over {when}" if found.is_over(datetime.now(UTC)) else f"until {when}"


def _print(uri: LakeFSURI, found: Difference) -> None:
    console.print(f"[bold]{shown(str(uri))}[/] against {shown(found.against)}, where they met")
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("", "object", "rows", "columns", ""):
        table.add_column(heading, overflow="fold")
    for item in found.objects:
        table.add_row(
            item.change,
            shown(item.path),
            _both(item.before, item.after, "rows"),
            _columns(item),
            shown("; ".join(note for note in (item.note, *_notes(item)) if note)),
        )
    console.print(table if found.objects else "nothing differs")
    if found.uncommitted:
        console.print(f"{count(found.uncommitted, 'change')} not committed: a merge leaves them out")


def _both(before: Shape | None, after: Shape | None, what: str) -> str:
    was, now = (("" if shape is None else getattr(shape, what)) for shape in (before, after))
    texts = [f"{value:,}" if isinstance(value, int) else value or "?" for value in (was, now) if value != ""]
    return " → ".join(dict.fromkeys(texts))


def _columns(item: ObjectDifference) -> str:
    changed = [f"+{name}" for name in item.columns_added] + [f"-{name}" for name in item.columns_removed]
    return " ".join([_both(item.before, item.after, "columns"), *(shown(text) for text in changed)])


def _notes(item: ObjectDifference) -> list[str]:
    return list(dict.fromkeys(shape.note for shape in (item.before, item.after) if shape))
