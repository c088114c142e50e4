"""`gate init`: a first policy and suite for a repository that is there, after three questions."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML

from gate_server.cli.drafting import rule_of, suite_name, write_new
from gate_server.cli.options import as_json
from gate_server.cli.output import busy, console, print_json, shown
from gate_server.cli.uris import BRANCH, LakeFSURI
from gate_server.errors import BadData, NotFound, UsageError
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.connect import connect
from gate_server.lakefs.overview import heads, repositories
from gate_server.model import Outcome
from gate_server.parts import check_suites, read_policy
from gate_server.policy.schema import BESIDE, MODELINE, schema_text
from gate_server.reports.wording import count, visible
from gate_server.settings import read_settings
from gate_server.setup.found import Found, find_tables, guess_format
from gate_server.setup.history import History, only
from gate_server.setup.sources import find_objects
from gate_server.telemetry.logs import set_up_logs
from gate_server.workers.child import DraftTask
from gate_server.workers.runner import Runner

ON_FAILURE = {
    "block": "refuse the merge",
    "warn": "let it merge, with a warning",
    "off": "nothing yet: only say so in `gate suites test`",
}
LAST = 10
MOST_LISTED = 20
_HEAD = f"""\
{MODELINE}# The gate's policy: which data of which branches is judged by what. `gate suites lint` looks at it,
# `gate suites test` says what it would have blocked. Made by `gate init` from {{uri}}.
"""


@click.command("init")
@click.argument("uri", metavar="[lakefs://REPOSITORY/BRANCH]", type=BRANCH, required=False)
@click.option("--data", default="", metavar="PATH", help="An object, or a folder (with a slash at its end).")
@click.option("--on-failure", type=click.Choice(list(ON_FAILURE)), help="What bad data means for a merge.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="expectations",
    show_default=True,
    help="Where gate.yaml and suites/ go; nothing there is overwritten.",
)
@as_json
def command(uri: LakeFSURI | None, data: str, on_failure: str | None, folder: Path, as_json: bool) -> None:
    """Write a first policy, with a suite drafted from your data, after three questions.

    Which repository and branch, which data, and what a failure means. Options answer them beforehand; where
    nobody is asked (in a pipe, with --json), they have to. Then it says what the policy would have done to
    the last commits.

    \b
    Examples:
      gate init
      gate init lakefs://sales/main --data orders/ --on-failure warn
    """
    file = folder / "gate.yaml"
    if file.exists():
        raise UsageError(f"{file} is there already", "give another --dir; `gate suites draft` adds a suite")
    asks = sys.stdin.isatty() and not as_json
    settings = read_settings()
    set_up_logs("debug" if settings.log_level == "debug" else "error")
    lakefs = connect(timeout_s=settings.lakefs_timeout_s)
    uri = uri or _choose_branch(lakefs, asks)
    table = _choose_data(lakefs, uri, data, asks)
    enforcement = on_failure or _choose_enforcement(asks)

    name = suite_name(table.path)
    runner = Runner(lakefs, settings.lakefs_timeout_s, cache=settings.cache)
    objects = find_objects(lakefs, uri.repository, uri.ref, table.path)
    with busy(f"drafting a suite from {table.path}", quiet=as_json):
        draft = runner.draft(uri.repository, DraftTask(name, objects, table.format))
    if draft.problem is not None:
        raise BadData(f"{draft.problem.path or table.path}: {draft.problem.text}", draft.problem.hint)
    at = replace(uri, path=table.path)
    rule = rule_of(at, name, draft, is_folder=table.path.endswith("/"))
    rule |= {"branches": [uri.ref], "enforcement": enforcement}
    suite = folder / "suites" / f"{name}.json"
    _write(file, suite, uri, rule, draft.suite)
    tried = _try(file, runner, lakefs, uri, name, quiet=as_json)
    then = [f"GATE_POLICY={file} gate serve" if str(folder) != "expectations" else "gate serve"]
    then.append(f"gate install {uri}")
    if as_json:
        print_json({"policy": str(file), "suite": str(suite), "rule": rule, "tried": tried, "next": then})
        return
    expected = f"{count(len(draft.suite['expectations']), 'expectation')} from {count(draft.rows, 'row')}"
    console.print(f"[green]✔[/] {shown(str(suite))}: {expected}")
    console.print(f"[green]✔[/] {shown(str(file))}: on failure {enforcement}, {ON_FAILURE[enforcement]}")
    commits = count(tried["commits"], "commit")
    unknown = f" ({tried['unknown']} could not be told)" if tried["unknown"] else ""
    console.print(f"It would have blocked {tried['blocked']} of the last {commits} of such data{unknown}.")
    console.print("Read both, then:")
    for line in then:
        click.echo(f"  {line}")


def _choose_branch(lakefs: LakeFS, asks: bool) -> LakeFSURI:
    names = repositories(lakefs)
    if not names:
        raise NotFound(f"lakeFS at {lakefs.endpoint_url} shows this key no repository", "make one first")
    if not asks:
        raise UsageError(
            "which branch?", f"give lakefs://REPOSITORY/BRANCH; there are {', '.join(names[:10])}"
        )
    repository = names[_choice("Which repository?", names)]
    branches = list(heads(lakefs, repository))
    main = branches.index("main") + 1 if "main" in branches else 1
    return LakeFSURI(repository, branches[_choice("Which branch is to be guarded?", branches, default=main)])


def _choose_data(lakefs: LakeFS, uri: LakeFSURI, data: str, asks: bool) -> Found:
    commit = Commits(lakefs).head(uri.repository, uri.ref)
    if data:
        objects = find_objects(lakefs, uri.repository, uri.ref, data)
        path = data if objects[0].path == data else data.rstrip("/") + "/"
        fmt = guess_format(lakefs, uri.repository, commit, objects[0].path)
        if fmt is None:
            raise UsageError(
                f"{objects[0].path} is none of csv, tsv, parquet, orc, arrow by its name and first bytes",
                "`gate suites draft --format` is told what it is",
            )
        return Found(path, len(objects), fmt)
    with busy(f"looking at {uri}", quiet=not asks):
        tables = find_tables(lakefs, uri.repository, commit)
    if not tables:
        raise NotFound(
            f"{uri} holds no data that a suite could be drafted from", "csv, tsv, parquet, orc, arrow"
        )
    if not asks:
        there = ", ".join(table.path for table in tables[:10])
        raise UsageError("which data?", f"give --data PATH; there are {there}")
    return tables[_choice("Which data?", [table.told for table in tables], [table.path for table in tables])]


def _choose_enforcement(asks: bool) -> str:
    if not asks:
        raise UsageError("what does a failure mean?", f"give --on-failure {'|'.join(ON_FAILURE)}")
    return list(ON_FAILURE)[
        _choice("What is a failure to mean?", list(ON_FAILURE.values()), list(ON_FAILURE), default=2)
    ]


def _choice(question: str, choices: Sequence[str], names: Sequence[str] = (), default: int = 1) -> int:
    """Return the place of what a person chose, by its number or its name (itself, unless in `names`)."""
    names = names or choices
    click.echo(question)
    shown_first = choices[:MOST_LISTED]
    for number, choice in enumerate(shown_first, 1):
        click.echo(f"  {number}  {visible(choice)}")
    if more := len(choices) - len(shown_first):
        click.echo(f"  and {more:,} more: give its name")

    def place(answer: str) -> int:
        if answer in names:  # a branch may be named 2
            return names.index(answer)
        if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(choices):
            return int(answer) - 1
        near = get_close_matches(answer, names, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise click.BadParameter(visible(f"there is no {answer}{meant}"))

    chosen: int = click.prompt("Number or name", default=str(default), value_proc=place)
    return chosen


def _write(file: Path, suite: Path, uri: LakeFSURI, rule: dict[str, Any], content: Any) -> None:
    try:
        suite.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{suite.parent} cannot be made ({error.strerror})") from error
    write_new(suite, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    try:
        if not (schema := file.parent / BESIDE).exists():
            schema.write_text(schema_text(), encoding="utf-8")
        with file.open("x", encoding="utf-8") as out:
            out.write(_HEAD.format(uri=uri))
            YAML().dump({"version": 1, "rules": [rule]}, out)
    except OSError as error:
        suite.unlink()
        raise UsageError(f"{file} cannot be written ({error.strerror})") from error


def _try(
    file: Path, runner: Runner, lakefs: LakeFS, uri: LakeFSURI, suite: str, *, quiet: bool
) -> dict[str, int]:
    """Return what the policy would have done to the last commits."""
    policy = only(read_policy(file), suite, uri.repository, uri.ref)
    check_suites(policy, runner)
    with busy(f"judging the last commits of {uri}", quiet=quiet):
        trials = list(History(lakefs, runner.evaluate).trials(policy, uri.repository, uri.ref, LAST))
    outcomes = [trial.verdict.outcome for trial in trials]
    return {
        "commits": len(trials),
        "blocked": outcomes.count(Outcome.FAIL),
        "unknown": outcomes.count(Outcome.ERROR),
    }
