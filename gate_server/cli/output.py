"""How commands print: rich for people, JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from gate_server.reports.wording import visible

STYLES = {"PASS": "bold green", "WARN": "bold yellow", "FAIL": "bold red", "ERROR": "bold magenta"}
MARKS = {"PASS": "✔", "WARN": "!", "FAIL": "✘", "ERROR": "?"}

# Lines are not broken where nobody watches: tools read them.
console = Console(highlight=False, soft_wrap=True)


@contextmanager
def busy(what: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Show on a terminal that something takes its time; give what changes the words. Nothing in a pipe."""
    watching = Console(stderr=True, highlight=False)
    # FORCE_COLOR, as CI and Jupyter set it, makes rich take a pipe for a terminal.
    if quiet or not (watching.is_terminal and watching.file.isatty()):
        yield lambda _: None
        return
    with watching.status(shown(what)) as status:
        yield lambda words: status.update(shown(words))


def print_json(body: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(body, indent=2, ensure_ascii=False))


def outcome(name: str) -> str:
    """Return an outcome as rich's markup, readable without colour too."""
    style = STYLES.get(name, "bold")
    return f"[{style}]{MARKS.get(name, '·')} {shown(name)}[/]"


def shown(text: str) -> str:
    """Return `text`, which others chose, so that it neither styles nor steers the terminal."""
    return escape(visible(text))
