"""`gate check`: the judgement of a merge, before it is made."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from typing import Any

import click

from gate_server.cli.options import as_json, server, settings_for
from gate_server.cli.output import busy, console, outcome, print_json, shown
from gate_server.cli.remote import gate_of
from gate_server.cli.uris import BRANCH, LakeFSURI
from gate_server.errors import CouldNotTell
from gate_server.model import Outcome, Verdict
from gate_server.policy.decide import answer
from gate_server.settings import Settings


@click.command("check")
@click.argument("uri", metavar="lakefs://REPOSITORY/BRANCH", type=BRANCH)
@click.option("--into", metavar="BRANCH", required=True, help="The branch that it would be merged into.")
@click.option(
    "--wait", "wait_s", type=click.FloatRange(min=1), default=600.0, show_default=True, metavar="SECONDS",
    help="How long to wait for a gate's verdict; then exit 3.",
)  # fmt: skip
@server
@as_json
def command(uri: LakeFSURI, into: str, wait_s: float, server: str, as_json: bool) -> int:
    """Judge what merging BRANCH would make of another branch. Nothing is merged, no branch is made.

    \b
    Examples:
      gate check lakefs://sales/import-7 --into main
      gate check lakefs://sales/import-7 --into main --server http://gate:8090 --json

    Exit codes: 0 pass (also with warnings), 1 the data is bad, 3 could not tell (a conflict, lakeFS away).
    """
    settings = settings_for(server)
    asked = {"repository": uri.repository, "source": uri.ref, "destination": into}
    with busy(f"judging {uri} → {into}", quiet=as_json):
        body = _through_gate(settings, asked, wait_s) if settings.url else _here(settings, asked)
    if as_json:
        print_json(body)
    else:
        _print(f"{uri} → {into}", body)
    return _exit_code(body)


def _exit_code(body: Mapping[str, Any]) -> int:
    try:
        verdict = Verdict(Outcome(body["verdict"]), body["allowed"] is True)
    except (KeyError, ValueError) as error:
        raise CouldNotTell("the answer holds no verdict") from error
    return answer(verdict)[1]


def _through_gate(settings: Settings, asked: Mapping[str, str], wait_s: float) -> dict[str, Any]:
    with gate_of(settings) as gate:
        judged = gate.judge(asked["repository"], asked["source"], asked["destination"], timeout_s=wait_s)
    return judged.model_dump(mode="json", exclude_unset=True)


def _here(settings: Settings, asked: Mapping[str, str]) -> dict[str, Any]:
    """Judge in this process, with lakectl's settings; the same body as a gate's. Nothing runs elsewhere."""
    from gate_server.app import make_services
    from gate_server.parts import make_judge, make_known_policies
    from gate_server.reports.json import check_json, verdict_json
    from gate_server.store.checks import COMMAND, COMMAND_LEASE_S
    from gate_server.telemetry.logs import set_up_logs
    from gate_server.workers.leases import Leases
    from gate_server.workers.runner import Runner

    set_up_logs("debug" if settings.log_level == "debug" else "error")
    services = make_services(settings)
    worker = f"{COMMAND}{socket.gethostname()}:{os.getpid()}"[:128]
    checks = services.checks
    request = checks.ask_ahead(
        "cli", getpass.getuser(), asked["repository"], asked["source"], asked["destination"], worker=worker
    )
    verdict, check = request.verdict, request.check
    if verdict is None and check is not None:
        leases = Leases(services.store.checks, COMMAND_LEASE_S)
        with leases.beating(), leases.hold(check):  # an interrupted one is handed back
            runner = Runner(
                services.lakefs,
                settings.lakefs_timeout_s,
                services.store.states,
                settings.cache,
                settings.spark,
            )
            policies = make_known_policies(services.store, runner)
            make_judge(services.lakefs, services.store, policies, runner, lends=False).judge(check)
        check = checks.get(check.id)
        verdict = checks.verdict_of(check, request.policy)
    checks.answered(request, verdict)
    if check is None:
        return verdict_json(verdict, None, "")
    return check_json(check, verdict, "", checks.suites_of(check))


def _print(what: str, body: Mapping[str, Any]) -> None:
    console.print(f"{outcome(str(body['verdict']))}  {shown(what)}")
    for reason in body.get("details") or ():
        console.print(f"\n  {outcome(reason['outcome'])}  {shown(reason['message'])}")
        where = ["" if reason["path"] in reason["message"] else reason["path"]]
        where.append(f"rule {reason['rule']}" if reason["rule"] else "")
        where.append(f"waived by {reason['waived_by']}" if reason["waived_by"] else "")
        if any(where):
            console.print(f"          {shown(' · '.join(item for item in where if item))}", style="dim")
        if reason["hint"]:
            console.print(f"          hint: {shown(reason['hint'])}")
    if "details" not in body:
        for line in body["reasons"]:
            console.print(f"  {shown(line)}")
    told = [validation["meta"]["gate"] for validation in body.get("validations") or ()]
    changes = {one["target"]: one.get("schema_changes") or () for one in told}  # an older gate tells none
    for target, some in changes.items():
        if some:
            text = "; ".join(change["message"] for change in some)
            console.print(f"\n  columns of {shown(target)}: {shown(text)}")
    rules = ", ".join(body["rules"])
    console.print(f"\n  rules: {shown(rules) if rules else 'none applies to this branch'}", style="dim")
    if body.get("report"):
        console.print(f"  report: {shown(body['report'])}")
