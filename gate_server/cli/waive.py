"""`gate waive`: somebody answers for what failed, until an end."""

from __future__ import annotations

import getpass
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from gate_server.cli.options import as_json, server, settings_for
from gate_server.cli.output import console, print_json, shown
from gate_server.cli.remote import gate_of
from gate_server.cli.uris import SCHEME, parse, parse_repository
from gate_server.reports.wording import count, moment
from gate_server.settings import Settings

_DURATION = re.compile(r"(\d{1,4})([hd])")
_UNITS = {"h": "hours", "d": "days"}


class EndType(click.ParamType[datetime]):
    """A point in time: with its zone, or so many hours or days from now."""

    name = "end"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse, or say what is wrong."""
        if found := _DURATION.fullmatch(str(value)):
            return datetime.now(UTC) + timedelta(**{_UNITS[found[2]]: int(found[1])})
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time: give such as 12h, 14d or 2026-12-31T00:00Z", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no time zone: give such as 2026-12-31T00:00Z", param, ctx)
        return moment


class PlaceType(click.ParamType[tuple[str, str]]):
    """A repository, or a branch of it: the branch is empty for each of them."""

    name = "place"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Parse, or say what is wrong."""
        text = str(value)
        try:
            if "/" not in text.removeprefix(SCHEME):
                return parse_repository(text), ""
            found = parse(text)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return found.repository, found.ref


@click.command("waive")
@click.argument("what", metavar="CHECK|RULE")
@click.option(
    "--on", "place", type=PlaceType(), metavar="lakefs://REPOSITORY[/BRANCH]",
    help="With RULE: where; the branch is the one merged into, each without.",
)  # fmt: skip
@click.option("--owner", required=True, help="Who answers for it.")
@click.option("--reason", required=True, help="Why it may be so.")
@click.option("--expires", required=True, type=EndType(), metavar="TIME", help="12h, 14d, 2026-12-31T00:00Z.")
@click.option(
    "--paths", multiple=True, metavar="PATTERN", help="Only these paths; of a CHECK, of those that failed."
)
@server
@as_json
def command(
    what: str,
    place: tuple[str, str] | None,
    owner: str,
    reason: str,
    expires: datetime,
    paths: tuple[str, ...],
    server: str,
    as_json: bool,
) -> None:
    """Answer for bad data until an end: what failed in CHECK, or, with --on, what RULE finds bad.

    What is waived merges as WARN, never as PASS, and each verdict names who answers for it. Of a CHECK it is
    the rules that failed in it, on exactly the paths that failed, for its repository and branch. Merge again:
    nothing is judged anew. It needs an admin's token.

    \b
    Examples:
      gate waive 3f0c9a1b2d4e5f60 --owner ann --reason "supplier repairs it" --expires 7d
      gate waive orders --on lakefs://sales/main --paths 'orders/2019/**' \\
          --owner ann --reason "older than the rule" --expires 2026-12-31T00:00Z
    """
    settings = settings_for(server)
    wanted: dict[str, Any] = {"paths": list(paths), "owner": owner, "reason": reason, "expires": expires}
    if place is None:
        wanted["check"] = what
    else:
        wanted |= {"rule": what, "repository": place[0], "branch": place[1]}
    made = _through_gate(settings, wanted) if settings.url else _here(settings, wanted)
    if as_json:
        print_json({"waivers": made})
        return
    for waiver in made:
        patterns = waiver["paths"]
        covered = patterns[0] if len(patterns) == 1 else count(len(patterns), "path")
        where = f"{waiver['repository']}/{waiver['branch'] or '*'}"
        told = f"{waiver['rule']} on {where}: {covered}"
        until = moment(datetime.fromisoformat(waiver["expires"]))
        console.print(f"[bold yellow]![/] {shown(told)}, until {until}")
        console.print(f"  end it earlier: gate waivers end {shown(waiver['id'])}", style="dim")


def _through_gate(settings: Settings, wanted: dict[str, Any]) -> Sequence[dict[str, Any]]:
    with gate_of(settings) as gate:
        return [waiver.model_dump(mode="json") for waiver in gate.waive(**wanted)]


def _here(settings: Settings, wanted: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """Write into the database that this process shares with the gate."""
    from gate_client.calls import checked
    from gate_client.waiver_wire import WaiverRequest
    from gate_server.checks.waiving import Terms, waive_check, waive_rule, waiver_json
    from gate_server.errors import NotFound
    from gate_server.store.store import open_store

    asked = checked(WaiverRequest, **wanted)
    store, most_days = open_store(settings.database), settings.waiver_days
    terms = Terms(asked.owner, asked.reason, asked.expires, made_by=getpass.getuser())
    if asked.check:
        check = store.checks.get(asked.check)
        if check is None:
            raise NotFound(f"there is no check {asked.check}", "with --on this is taken for a rule's name")
        made = waive_check(store.waivers, check, check.verdict, asked.paths, terms, most_days)
    else:
        place = asked.repository, asked.branch
        made = waive_rule(store.waivers, *place, asked.rule, asked.paths, terms, most_days)
    return [waiver_json(waiver) for waiver in made]
