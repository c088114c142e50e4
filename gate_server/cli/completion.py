"""`gate completion`: what a shell reads so that Tab completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "fish", "zsh")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion of `gate` for SHELL.

    \b
    Examples:
      eval "$(gate completion bash)"       in ~/.bashrc (bash 4.4 or later)
      eval "$(gate completion zsh)"        in ~/.zshrc, after compinit
      gate completion fish > ~/.config/fish/completions/gate.fish
    """
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - the three are click's own
    click.echo(found(context.find_root().command, {}, "gate", "_GATE_COMPLETE").source())
