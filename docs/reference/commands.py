"""The commands, as click knows them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from docs.reference.markdown import plain, table
from gate_server.cli.main import cli

HEAD = """\
# Commands
Made of the program: `gate COMMAND --help` says the same. Where a command can go through a running gate, `--server URL` or `GATE_URL` names it and `GATE_API_TOKEN` opens it; else it works here, with lakectl's settings. `lakefs://REPOSITORY/REF` and `lakefs://REPOSITORY/REF/PATH` are lakeFS's own addresses.

| exit code | |
|---|---|
| 0 | pass (also with warnings), done |
| 1 | fail: the data is bad, a revert was refused, a fault was found |
| 2 | usage or settings are wrong; nothing was done |
| 3 | could not tell: lakeFS or the gate away, a conflict, out of time |
| 130 | stopped by Ctrl-C |

With `--json` one document stands on stdout, errors too: `{"error": {"code", "message", "hint"}}`. `NO_COLOR=1` switches colours off; `gate --debug ...` shows tracebacks.
"""


def page() -> str:
    """Return the page."""
    root = click.Context(cli, info_name="gate")
    return HEAD + "".join(f"\n{part}" for part in _below(cli, root))


def _below(group: click.Group, ctx: click.Context) -> Iterator[str]:
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if command is None or command.hidden:
            continue
        here = click.Context(command, info_name=name, parent=ctx)
        yield _section(command, here)
        if isinstance(command, click.Group):
            yield from _below(command, here)


def _section(command: click.Command, ctx: click.Context) -> str:
    level = "##" if ctx.parent and ctx.parent.parent is None else "###"
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    options = [
        record
        for param in command.get_params(ctx)
        if isinstance(param, click.Option) and "--help" not in param.opts and not param.hidden
        if (record := param.get_help_record(ctx))
    ]
    parts = [f"{level} {ctx.command_path}\n"]
    if not isinstance(command, click.Group) or options:
        parts.append(f"```\n{usage}\n```\n")
    parts += _text(inspect.cleandoc(command.help or ""))
    parts.append(table(("option", ""), [(f"`{names}`", plain(told)) for names, told in options]))
    return "\n".join(part for part in parts if part)


def _text(told: str) -> Iterator[str]:
    """Yield the paragraphs; click keeps the lines of those that begin with a backspace."""
    for paragraph in told.split("\n\n"):
        if not paragraph.startswith("\b"):
            yield plain(" ".join(paragraph.split())) + "\n"
            continue
        first, *rest = paragraph.removeprefix("\b\n").splitlines()
        if not first.endswith(":"):
            first, rest = "", [first, *rest]
        code = inspect.cleandoc("\n".join(["", *rest]))
        yield (f"{first}\n\n" if first else "") + f"```\n{code}\n```\n"
