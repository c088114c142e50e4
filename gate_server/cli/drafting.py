"""`gate suites draft` and `gate suites test`: suites from data, and suites over what was merged."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from gate_server.cli.options import as_json
from gate_server.cli.output import busy, console, outcome, print_json, shown
from gate_server.cli.uris import BRANCH, OBJECT, LakeFSURI
from gate_server.errors import BadData, CouldNotTell, UsageError
from gate_server.lakefs.connect import connect
from gate_server.model import Draft, Outcome
from gate_server.parts import check_suites, read_policy
from gate_server.reports.wording import count, moment
from gate_server.settings import read_settings
from gate_server.setup.history import History, Trial, only
from gate_server.setup.sources import find_format, find_objects, named_format
from gate_server.workers.child import DraftTask
from gate_server.workers.runner import Runner


@click.command("draft")
@click.argument("uri", metavar="lakefs://REPOSITORY/REF/PATH", type=OBJECT)
@click.option("--name", default="", help="The suite's name (default: from the path).")
@click.option("--format", "kind", default="", help="csv, tsv, parquet, ... (default: by its first bytes).")
@click.option("--no-header", is_flag=True, help="The CSV has no header line: the columns are _c0, _c1, ...")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it there, to a new file.")
@as_json
def draft_command(
    uri: LakeFSURI, name: str, kind: str, no_header: bool, out: Path | None, as_json: bool
) -> None:
    """Draft a suite from an object, or a folder as one table, to be read and edited; it holds there.

    Prints the suite, and the rule to go with it. Nothing of it blocks anything until it stands in the policy.

    \b
    Examples:
      gate suites draft lakefs://sales/main/orders/2024.parquet --out expectations/suites/orders.json
      gate suites draft lakefs://sales/main/customers/
    """
    if not uri.path:
        raise UsageError(f"{uri} names no object", "give lakefs://REPOSITORY/REF/PATH")
    settings = read_settings()
    lakefs = connect(timeout_s=settings.lakefs_timeout_s)
    objects = find_objects(lakefs, uri.repository, uri.ref, uri.path)
    fmt = named_format(kind) if kind else find_format(lakefs, uri.repository, objects)
    if no_header:
        fmt = replace(fmt, header=False)
    name = name or suite_name(uri.path)
    runner = Runner(lakefs, settings.lakefs_timeout_s, cache=settings.cache)
    with busy(f"reading {uri}", quiet=as_json):
        draft = runner.draft(uri.repository, DraftTask(name, objects, fmt))
    if draft.problem is not None:
        path = f"{draft.problem.path}: " if draft.problem.path else ""
        raise BadData(path + draft.problem.text, draft.problem.hint)
    rule = rule_of(uri, name, draft, is_folder=objects[0].path != uri.path)
    text = json.dumps(draft.suite, indent=2, ensure_ascii=False) + "\n"
    if out is not None:
        write_new(out, text)
    if as_json:
        print_json({"suite": draft.suite, "rule": rule, "rows": draft.rows, "objects": len(objects)})
        return
    if out is None:
        click.echo(text)
    else:
        found = f"{len(draft.suite['expectations'])} expectations from {count(draft.rows, 'row')}"
        console.print(f"[green]✔[/] {shown(str(out))}: {found}")
    console.print("Its rule, for `rules:` of gate.yaml; try it with `gate suites test`:")
    click.echo("  - " + json.dumps(rule, ensure_ascii=False))


def suite_name(path: str) -> str:
    """Return a name for the suite of what lies at `path`."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", path.rstrip("/").rpartition("/")[2].partition(".")[0])
    return name.strip("_-") or "draft"


def rule_of(uri: LakeFSURI, name: str, draft: Draft, *, is_folder: bool) -> dict[str, Any]:
    """Return the rule that goes with a drafted suite; it is off."""
    fmt = draft.format
    reading: dict[str, Any] = {"type": fmt.type}
    if not fmt.header:
        reading["header"] = False
    if fmt.types:
        reading["types"] = dict(fmt.types)
    rule: dict[str, Any] = {"name": name, "repositories": [uri.repository], "paths": [uri.path]}
    if is_folder:
        folder = uri.path.rstrip("/") + "/"
        rule |= {"paths": [f"{folder}**"], "scope": "dataset", "dataset": folder}
    return {**rule, "suite": name, "format": reading, "enforcement": "off"}


def write_new(out: Path, text: str) -> None:
    """Write a file that is not there yet; raises `UsageError`."""
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{out} is there already", "give another --out, or remove it") from error
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror})") from error


@click.command("test")
@click.argument("suite")
@click.argument("uri", metavar="lakefs://REPOSITORY/BRANCH", type=BRANCH)
@click.option("--last", type=click.IntRange(1, 1000), default=10, show_default=True, help="So many commits.")
@click.option(
    "--policy",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The policy (default: GATE_POLICY, else expectations/gate.yaml).",
)
@as_json
def test_command(suite: str, uri: LakeFSURI, last: int, policy: Path | None, as_json: bool) -> int:
    """Say how often, and on what, the rules with SUITE would have blocked the last commits of a branch.

    Counted are the commits that changed what these rules are for, each judged against its parent as it would
    have been when it came; a rule may be `off`. Exit 1 where one would have been blocked, 3 where one could
    not be told.

    \b
    Example:
      gate suites test orders lakefs://sales/main --last 20
    """
    settings = read_settings(policy=policy) if policy else read_settings()
    chosen = only(read_policy(settings.policy), suite, uri.repository, uri.ref)
    lakefs = connect(timeout_s=settings.lakefs_timeout_s)
    runner = Runner(lakefs, settings.lakefs_timeout_s, cache=settings.cache)
    check_suites(chosen, runner)
    history = History(lakefs, runner.evaluate)
    trials = []
    with busy(f"judging commits of {uri}", quiet=as_json) as told:
        for trial in history.trials(chosen, uri.repository, uri.ref, last):
            trials.append(trial)
            told(f"judging commits of {uri}: {len(trials)} of at most {last}")
            if not as_json:
                _print(trial)
    if not trials:
        raise CouldNotTell(
            f"no commit of {uri} changed what the rules with {suite} are for", "is it the branch?"
        )
    outcomes = [trial.verdict.outcome for trial in trials]
    blocked, unknown = outcomes.count(Outcome.FAIL), outcomes.count(Outcome.ERROR)
    if as_json:
        body = {"suite": suite, "rules": [rule.name for rule in chosen.rules], "blocked": blocked}
        print_json({**body, "unknown": unknown, "commits": [_as_json(trial) for trial in trials]})
    else:
        rest = f"; {unknown} could not be told" if unknown else ""
        console.print(f"{shown(suite)} would have blocked {blocked} of {count(len(trials), 'commit')}{rest}")
    return 1 if blocked else 3 if unknown else 0


def _when(trial: Trial) -> datetime:
    return datetime.fromtimestamp(trial.commit.created_at, UTC)


def _print(trial: Trial) -> None:
    verdict = trial.verdict
    head = f"{outcome(verdict.outcome.value)}  {trial.commit.id[:12]}  {moment(_when(trial))}"
    console.print(f"{head}  {shown(trial.commit.message)}")
    for reason in verdict.reasons[:5]:
        where = f"{reason.path}: " if reason.path else ""
        console.print(f"    {shown(reason.outcome.value)} {shown(where + reason.message)}")
    if len(verdict.reasons) > 5:
        console.print(f"    and {len(verdict.reasons) - 5} more")


def _as_json(trial: Trial) -> dict[str, Any]:
    return {
        "commit": trial.commit.id,
        "created_at": _when(trial).isoformat(),
        "message": trial.commit.message,
        "verdict": trial.verdict.outcome.value,
        "reasons": [
            {
                "verdict": reason.outcome.value,
                "rule": reason.rule,
                "path": reason.path,
                "expectation": reason.expectation,
                "message": reason.message,
            }
            for reason in trial.verdict.reasons
        ],
    }
