"""`gate policy`: what a running gate asks by, and its reload."""

from __future__ import annotations

import click

from gate_client import GateClient
from gate_server.cli.options import as_json, server, settings_for
from gate_server.cli.output import console, print_json, shown
from gate_server.cli.remote import gate_of
from gate_server.cli.uris import BRANCH, LakeFSURI
from gate_server.errors import UsageError
from gate_server.reports.wording import moment
from gate_server.settings import Settings


@click.group("policy")
def command() -> None:
    """The policy of a running gate (--server or GATE_URL); its schema. `gate suites` looks at the files."""


@command.command("show")
@server
@as_json
def show_command(server: str, as_json: bool) -> None:
    """Show which policy the gate asks by since when, and what the last reload was refused for."""
    active = _gate(settings_for(server)).policy()
    if as_json:
        print_json(active.model_dump(mode="json"))
        return
    console.print(f"policy  {shown(active.digest)}")
    console.print(f"file    {shown(active.file)}")
    console.print(f"since   {moment(active.since)}")
    console.print(f"rules   {shown(', '.join(active.rules)) or 'none'}")
    if active.in_repository:
        console.print(f"or      {shown(active.in_repository)} of a repository that holds it")
    if active.last_refused:
        console.print(f"[bold red]✘[/] refused {moment(active.last_refused.at)}:")
        for finding in active.last_refused.findings:
            console.print(f"  {shown(finding)}")


@command.command("reload")
@server
@as_json
def reload_command(server: str, as_json: bool) -> None:
    """Have the gate read its policy's file and suites again, for an admin's token.

    What is asked from then on is judged by the new one; checks under way by the one they were asked with. A
    policy or a suite that is wrong changes nothing: exit 2, with all findings. SIGHUP to `gate serve` does
    the same, and tells the log.
    """
    done = _gate(settings_for(server)).reload_policy()
    if as_json:
        print_json(done.model_dump(mode="json"))
    elif done.changed:
        console.print(f"[green]✔[/] {len(done.rules)} rules, {shown(done.digest)}")
    else:
        console.print(f"[green]✔[/] nothing changed, {shown(done.digest)}")


@command.command("announce")
@click.argument("uri", metavar="lakefs://REPOSITORY/BRANCH", type=BRANCH)
@click.option("--into", metavar="BRANCH", required=True, help="The branch that it is to be merged into.")
@server
@as_json
def announce_command(uri: LakeFSURI, into: str, server: str, as_json: bool) -> None:
    """Let exactly this merge change the policy that a repository keeps, for an admin's token.

    The gate refuses every other change of it. The new policy is looked at when the merge is judged: one that
    is wrong is refused. When BRANCH or the other one moves, announce again.

    \b
    Examples:
      gate policy announce lakefs://sales/new-rules --into main
    """
    from gate_server.lakefs.commits import Commits
    from gate_server.lakefs.connect import connect

    settings = settings_for(server)
    gate = _gate(settings)
    commits = Commits(connect(timeout_s=settings.lakefs_timeout_s))
    base, source = commits.head(uri.repository, into), commits.head(uri.repository, uri.ref)
    announced = gate.register_merge(uri.repository, base.id, source.id)
    if as_json:
        print_json(announced.model_dump(mode="json"))
    else:
        console.print(f"[green]✔[/] {source.id[:12]} may be merged into {shown(into)} at {base.id[:12]}")


@command.command("schema")
def schema_command() -> None:
    """Print gate.yaml's JSON Schema, for editors that complete and check while you write.

    `gate init` puts it beside the policy, whose first line names it. It knows the form alone: whether suites,
    columns and patterns are right, `gate suites lint` says.

    \b
    Examples:
      gate policy schema > expectations/gate.schema.json
    """
    from gate_server.policy.schema import schema_text

    click.echo(schema_text(), nl=False)


def _gate(settings: Settings) -> GateClient:
    if not settings.url:
        raise UsageError("which gate?", "--server URL or GATE_URL; its token in GATE_API_TOKEN")
    return gate_of(settings)
