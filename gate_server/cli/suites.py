"""`gate suites`: what is judged, and whether it can be."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from gate_server.cli.drafting import draft_command, test_command
from gate_server.cli.options import as_json
from gate_server.cli.output import console, print_json, shown
from gate_server.parts import check_suites, read_policy
from gate_server.policy.document import PolicyErrors
from gate_server.settings import Settings, read_settings
from gate_server.telemetry.logs import set_up_logs
from gate_server.workers.runner import Runner

policy_option = click.option(
    "--policy",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The policy (default: GATE_POLICY, else expectations/gate.yaml).",
)


@click.group("suites")
def command() -> None:
    """The policy's rules and the suites that they ask for."""
    set_up_logs("error")  # what children leave to be told goes to stderr


@command.command("list")
@policy_option
@as_json
def list_command(policy: Path | None, as_json: bool) -> None:
    """List the rules: which paths, which suite, and what a failure does."""
    found = read_policy(_settings(policy).policy)
    rules = [
        {
            "rule": rule.name,
            "repositories": list(rule.repositories),
            "branches": list(rule.branches),
            "paths": list(rule.paths),
            "suite": rule.suite,
            "expectations": len(suite.lines) if (suite := found.suite_of(rule)) else 0,
            "format": rule.format.type if rule.suite else "",
            "enforcement": rule.enforcement.value,
            "line": rule.line,
        }
        for rule in found.rules
    ]
    if as_json:
        print_json({"policy": found.path, "digest": found.digest, "rules": rules})
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("rule", "into", "paths", "suite", "enforcement"):
        table.add_column(heading, overflow="fold")
    for rule in found.rules:
        into = [f"{name}/{branch}" for name in rule.repositories for branch in rule.branches]
        suite = found.suite_of(rule)
        asked = f"{rule.suite} ({len(suite.lines)})" if suite else "requires"
        table.add_row(
            *(shown(text) for text in (rule.name, ", ".join(into), ", ".join(rule.paths), asked)),
            rule.enforcement.value,
        )
    console.print(table)


@command.command("lint")
@policy_option
@as_json
def lint_command(policy: Path | None, as_json: bool) -> int:
    """Say what is wrong in the policy and its suites: file, line and the valid choices; then exit 2.

    `gate serve` looks at the same and does not start with findings.
    """
    path = _settings(policy).policy
    rules, findings = 0, []
    try:
        found = read_policy(path)
        rules = len(found.rules)
        check_suites(found, Runner(None))
    except PolicyErrors as error:
        findings = list(error.findings)
    if as_json:
        print_json({"policy": str(path), "ok": not findings, "rules": rules, "findings": findings})
    elif findings:
        for finding in findings:
            console.print(finding, markup=False)
    else:
        console.print(f"[green]✔[/] {path}: {rules} rules and their suites are fine")
    return PolicyErrors.exit_code if findings else 0


command.add_command(draft_command)
command.add_command(test_command)


def _settings(policy: Path | None) -> Settings:
    return read_settings(policy=policy) if policy else read_settings()
