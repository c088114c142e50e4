"""`gate doctor`: what is wrong with a set-up, and what mends it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from gate_server.cli.options import as_json
from gate_server.cli.output import console, print_json, shown
from gate_server.cli.uris import BRANCH, LakeFSURI
from gate_server.errors import GateError, NotFound
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.connect import connect
from gate_server.parts import read_policy
from gate_server.settings import read_settings
from gate_server.setup.doctor import Finding, Ground, Place, diagnose
from gate_server.setup.doctor.finding import counted, exit_code
from gate_server.setup.doctor.of_lakefs import FIRST_ANSWER_S
from gate_server.telemetry.logs import set_up_logs
from gate_server.workers.child import LintTask
from gate_server.workers.runner import Runner

MARKS = {"fine": "[green]✔[/]", "could not look": "[magenta]?[/]", "nothing to look at": "[dim]·[/]"}
FOUND = {"fault": "[bold red]✘[/]", "advice": "[bold yellow]![/]"}


@click.command("doctor")
@click.argument("uris", metavar="[lakefs://REPOSITORY/BRANCH]...", type=BRANCH, nargs=-1)
@click.option("--read-only", is_flag=True, help="Make no branches to try things on; look only.")
@as_json
def command(uris: tuple[LakeFSURI, ...], read_only: bool, as_json: bool) -> int:
    """Look at lakeFS, the guarded branches and the gate: what is wrong, where, and what mends it.

    Run it where the gate runs, with its settings. Without a branch it looks at each that the gate was
    installed on. It tries a merge, a revert and a cherry-pick that have to be refused, on hidden branches
    that it makes and deletes. docs/doctor.md lists all it knows, by id.

    \b
    Examples:
      gate doctor
      gate doctor lakefs://sales/main --json

    Exit codes: 0 nothing is wrong (there may be advice); 1 a fault; 2 usage or settings; 3 no fault, but
    something could not be looked at.
    """
    settings = read_settings()
    set_up_logs("debug" if settings.log_level == "debug" else "error")
    ground = Ground(
        settings,
        lambda timeout_s: connect(timeout_s=timeout_s),
        lambda: read_policy(settings.policy, settings.policy_in_repository),
        lambda uses: Runner(None).lint([LintTask(*use) for use in uses]),
        tries=not read_only,
    )
    _refuse_wrong_names(uris)
    findings = []
    for finding in diagnose(ground, [Place(uri.repository, uri.ref) for uri in uris] or None):
        findings.append(finding)
        if not as_json:
            _print(finding)
    code, counts = exit_code(findings), counted(findings)
    if as_json:
        print_json({"ok": code == 0, "findings": [finding.body() for finding in findings]})
        return code
    told = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
    console.print(f"[bold]{told}[/]")
    if not any(finding.id.startswith("D2") for finding in findings):
        console.print(
            "no branch was looked at: none is known to be guarded; name one, lakefs://REPOSITORY/BRANCH"
        )
    return code


def _refuse_wrong_names(uris: Sequence[LakeFSURI]) -> None:
    """Raise `NotFound` for a branch that lakeFS does not have; all else that is wrong is a finding."""
    for uri in uris:
        try:
            lakefs = connect(timeout_s=FIRST_ANSWER_S)
            lakefs.reads_tried = 1
            Commits(lakefs).head(uri.repository, uri.ref)
        except NotFound:
            raise
        except GateError:
            return


def _print(finding: Finding) -> None:
    mark = FOUND[finding.level] if finding.state == "found" else MARKS[finding.state]
    if finding.state == "found":
        console.print(f"{mark} {finding.id} {shown(finding.title)}")
        console.print(f"       {shown(finding.where)}: {shown(finding.saw)}")
        console.print(f"       [cyan]fix[/]  {shown(finding.fix)}")
        return
    state = "" if finding.state == "fine" else f"{finding.state}: "
    console.print(f"{mark} {finding.id} {shown(finding.where)}: {state}{shown(finding.saw)}")
