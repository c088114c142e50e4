"""How `gate revert` tells what would change, and what was done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gate_server.cli.output import console, shown
from gate_server.cli.uris import LakeFSURI
from gate_server.reports.wording import count, short_id, size

KINDS = ("added", "changed", "removed")
DONE = ("verified", "unchanged")


def print_plan(uri: LakeFSURI, plan: Mapping[str, Any]) -> None:
    """Print what a revert would change."""

    def line(name: str, text: str) -> None:
        console.print(f"  {name:<8}{shown(text)}")

    def commit(of: Mapping[str, Any]) -> str:
        first = (str(of["message"]).splitlines() or [""])[0]
        return f"{short_id(of['id'])}  {first}".rstrip()

    console.print(f"[bold]{shown(str(uri))}[/]")
    line("from", commit(plan["head"]))
    line("undo" if plan["way"] == "commit" else "to", commit(plan["target"]))
    if plan["way"] != "commit":
        line("over", count(plan["commits"], "commit"))
    for path in plan["paths"]:
        line("only", path)
    at_least = "at least " if plan["cut"] else ""
    line("objects", at_least + _tally(plan))
    line("bytes", at_least + _bytes(plan))
    if len(plan["folders"]) > 1:
        for folder in plan["folders"]:
            line("", f"{folder['folder'] or '(top level)'}: {_tally(folder)}; {_bytes(folder)}")
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


def _tally(of: Mapping[str, Any]) -> str:
    return ", ".join(f"{of[kind]} {kind}" for kind in KINDS)


def _bytes(of: Mapping[str, Any]) -> str:
    return ", ".join(f"{size(of[f'{kind}_bytes'])} {kind}" for kind in KINDS if of[kind]) or "none"


def print_done(uri: LakeFSURI, done: Mapping[str, Any]) -> None:
    """Print what a revert did."""
    good = done["state"] in DONE
    console.print(f"[bold {'green' if good else 'red'}]{'✔' if good else '✘'} {done['state']}[/]  ", end="")
    console.print(shown(done["message"] or str(uri)))
    for note in done["notes"]:
        console.print(f"  note    {shown(note)}")
    if done["commit_id"]:
        console.print(f"  commit  {done['commit_id']}")
    if done["undo"]:
        console.print(f"  undo    {shown(done['undo'])}")
