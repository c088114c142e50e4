"""How the demo tells what it does: steps, calls, real answers."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from gate_server.cli.output import console, shown

if TYPE_CHECKING:
    from gate_server.cli.demo_stage import Stage


class Differs(Exception):
    """Something was not as it must be; the message says what."""


class Teller:
    """Prints the story. Green is as good as it gets, red is refused or bad."""

    def __init__(self) -> None:
        self._steps = 0
        console.print("[bold]lakefs-gate[/]: bad data never reaches main, and main goes back in one call")

    def step(self, title: str) -> None:
        """Begin the next step."""
        self._steps += 1
        console.print(f"\n[bold cyan]{self._steps}[/]  [bold]{shown(title)}[/]")

    def fact(self, name: str, text: str) -> None:
        """Print something to know."""
        console.print(f"   {name:<8}{shown(text)}", soft_wrap=True)

    def note(self, text: str) -> None:
        """Print a remark."""
        console.print(f"   {shown(text)}", style="italic")

    def call(self, code: str) -> None:
        """Print a call of the SDK that is made."""
        console.print(f"   [dim]>>>[/] {shown(code)}")

    def good(self, text: str) -> None:
        """Print a good answer."""
        console.print(f"   [green]✔[/] {shown(text)}")

    def bad(self, text: str) -> None:
        """Print an answer that says no, or that something bad happened."""
        console.print(f"   [red]✘[/] {shown(text)}")

    def gate(self, stage: Stage, *arguments: str, expect: int, says: str) -> None:
        """Run a command of the gate, show it and what it printed.

        Raises
        ------
        Differs
            When it ended with another code, or its output lacks `says`.
        """
        console.print(f"   [dim]$[/] [bold]gate {shown(shlex.join(arguments))}[/]")
        done = stage.gate(*arguments)
        output = (done.stdout + done.stderr).rstrip()
        for line in output.splitlines():
            console.print(f"     {shown(line)}", style="green" if expect == 0 else "red")
        command = f"gate {arguments[0]}"
        self.expect(done.returncode == expect, f"`{command}` ended with {done.returncode}, not {expect}")
        self.expect(says in output, f"`{command}` did not say {says!r}")

    def expect(self, holds: bool, otherwise: str) -> None:
        """Go on only when something holds."""
        if not holds:
            raise Differs(otherwise)

    def end(self, text: str) -> None:
        """Print the last line of a story that went as it must."""
        console.print(f"\n[bold green]✔ {shown(text)}[/]")

    def differs(self, what: str) -> None:
        """Print what was not as it must be."""
        console.print(f"\n[bold red]✘ Not as it must be: {shown(what)}[/]")
