"""Every command that the documents show is one that there is, with options that it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from gate_server.cli.main import COMMANDS, cli

ROOT = Path(__file__).parents[3]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "examples" / "notebooks" / "README.md",
    *sorted(path for path in (ROOT / "docs").glob("*.md") if path.name != "decisions.md"),
]
FENCED = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
# A call of the program, up to what ends it in a shell.
CALL = re.compile(r"(?:^|[\s(/;])gate((?: +(?:'[^']*'|\"[^\"]*\"|[^\s|&;#<>]+))+)")
TARGET = re.compile(r"(?:^|[\s;])make +([a-z][a-z0-9-]*)(?=$|[\s`;])")
SHELL = ("", "sh", "yaml", "text")


def shown(page: Path) -> Iterator[str]:
    """Yield what a page shows as code, lines that go on joined."""
    text = page.read_text()
    for _, language, block in FENCED.findall(text):
        if language in SHELL:
            yield from re.sub(r"\\\n\s*", "", block).splitlines()
    for code in INLINE.findall(FENCED.sub("", text)):
        if code.startswith(("gate ", "make ")):
            yield code


def calls(page: Path) -> Iterator[list[str]]:
    """Yield the words of each call of the program, quoted ones as one."""
    for line in shown(page):
        for found in CALL.findall(line.partition(" # ")[0]):
            words = re.findall(r"'[^']*'|\"[^\"]*\"|\S+", found)
            if words[0].strip(",.:") in COMMANDS or words[0] in ("--debug", "--version", "--help"):
                yield words


def wrong(words: list[str]) -> str:
    """Return what is wrong with a call, or nothing."""
    command: click.Command = cli
    ctx = click.Context(cli, info_name="gate")
    known = {option for param in cli.get_params(ctx) for option in param.opts}
    for word in words:
        if word.startswith("-"):
            option = word.partition("=")[0].rstrip("`,.:;)")
            if len(option) > 1 and option.strip("-.") and option not in known | {"--help", "-h"}:
                return f"{ctx.command_path} has no {option}"
        elif isinstance(command, click.Group):
            found = command.get_command(ctx, word.strip(",.:"))
            if found is None:
                return (
                    "" if set(word) & set("|.[{") or word.isupper() else f"{ctx.command_path} has no {word}"
                )
            command, ctx = found, click.Context(found, info_name=word, parent=ctx)
            known |= {
                option for param in command.get_params(ctx) for option in (*param.opts, *param.secondary_opts)
            }
    return ""


@cache
def targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_what_is_shown_can_be_called(page: Path) -> None:
    assert [f"gate {' '.join(words)}: {fault}" for words in calls(page) if (fault := wrong(words))] == []
    unknown = {name for line in shown(page) for name in TARGET.findall(line)} - targets()
    assert not unknown


def test_calls_are_found_and_faults_told() -> None:
    assert sum(1 for page in PAGES for _ in calls(page)) > 100
    assert wrong(["check", "lakefs://r/b", "--into", "main"]) == ""
    assert wrong(["check", "lakefs://r/b", "--onto", "main"]) == "gate check has no --onto"
    assert wrong(["suites", "paint"]) == "gate suites has no paint"
