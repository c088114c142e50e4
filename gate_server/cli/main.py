"""`gate`: the commands, loaded when they are called, and what becomes of their errors.

Nothing but click is imported for ``gate --help``: each command's module brings what it needs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

import click

from gate_server.errors import ConfigError, GateError, UsageError
from gate_server.reports.wording import visible

if TYPE_CHECKING:
    from gate_client.errors import GateError as ClientError

    E = TypeVar("E", GateError, ClientError)

# name -> (module, its line in `gate --help`). The line stands here so that help imports no module.
COMMANDS = {
    "demo": ("demo", "See a bad merge refused and main put back, on real processes."),
    "init": ("init", "Write a first policy and suite for a repository, after three questions."),
    "serve": ("serve", "Run the gate: API, pages and worker."),
    "worker": ("worker", "Run a worker alone, for more machines on one PostgreSQL."),
    "check": ("check", "Judge what merging a branch would make of main, without merging."),
    "checks": ("checks", "List what was judged, and what waits."),
    "report": ("report", "Keep a check as a file: HTML, JUnit XML, Great Expectations' JSON or Data Docs."),
    "revert": ("revert", "Put a branch back to an earlier commit, in one new commit."),
    "reapply": ("reapply", "Bring a branch's changes again, after a merge of it was taken back."),
    "audit": ("audit", "Say of each commit of a branch who vouches for it; verify the record."),
    "waive": ("waive", "Answer for bad data until an end: it merges with a warning."),
    "waivers": ("waivers", "List and end waivers."),
    "notices": ("notices", "Try a target of notices, list who was told what."),
    "install": ("install", "Put the gate before a branch of a repository."),
    "doctor": ("doctor", "Say what is wrong with a set-up, and what mends it."),
    "policy": ("policy", "Show or reload the policy of a running gate; print its schema."),
    "suites": ("suites", "List and lint the policy's rules and suites."),
    "local-lakefs": ("local_lakefs", "Run the embedded lakeFS, for trying out and tests."),
    "env": ("env", "Branches to try things on: made, compared with main, thrown away."),
    "tokens": ("tokens", "Make, list and revoke tokens: who may do what."),
    "completion": ("completion", "Print what a shell needs to complete commands by Tab."),
    "db": ("db", "Upgrade, downgrade, back up or look at the gate's database."),
}
# Which extra brings a module that a command did not find.
EXTRA_OF = {"local_lakefs": "local", "lupa": "local"}
OF_US = "gate_server"
INTERRUPTED = 130


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order of a user's way."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"gate_server.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name commands that are near to one that there is not."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=COMMANDS, ctx=ctx
            ) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands' lines without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 pass, 1 fail, 2 usage or settings, 3 could not tell. "
    "`gate COMMAND --help` has examples.",
)
@click.version_option(package_name="lakefs-gate")
@click.option("--debug", is_flag=True, help="Show tracebacks (also GATE_LOG_LEVEL=debug).")
def cli(debug: bool) -> None:
    """A data quality gate and rollback service for lakeFS.

    lakeFS asks the gate before it merges; the gate judges what main would become, and answers yes or no with
    a reason. And it puts main back to an earlier commit in one call. See it: gate demo
    """
    if debug:
        os.environ["GATE_LOG_LEVEL"] = "debug"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `gate` and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    as_json = "--json" in arguments  # known even where the rest of the line does not parse
    try:
        code = cli.main(args=list(arguments), prog_name="gate", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return UsageError.exit_code
    except click.ClickException as error:
        if as_json:
            return _tell(UsageError(error.format_message()), as_json)
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return INTERRUPTED
    except GateError as error:
        return _tell(_with_near_names(error, arguments), as_json)
    except ModuleNotFoundError as error:
        if _is_debug() or error.name is None or error.name.partition(".")[0] == OF_US:
            raise
        return _tell(_missing(error.name.partition(".")[0]), as_json)
    except Exception as error:
        if (of_client := _of_client(error)) is not None:
            return _tell(_with_near_names(of_client, arguments), as_json)
        if _is_debug():
            raise
        defect = GateError(
            f"the gate failed ({type(error).__name__}: {error})", "`gate --debug ...` says where"
        )
        return _tell(defect, as_json)
    return code if isinstance(code, int) else 0


def _of_client(error: Exception) -> ClientError | None:
    """Return an error of the gate's client; looked for late, since the client brings more than click."""
    from gate_client.errors import GateError as ClientError

    return error if isinstance(error, ClientError) else None


def _is_debug() -> bool:
    return os.environ.get("GATE_LOG_LEVEL", "").lower() == "debug"


def _missing(module: str) -> ConfigError:
    extra = EXTRA_OF.get(module, "server")
    return ConfigError(
        f"this command needs the extra `{extra}` (the module {module} is not installed)",
        f"pip install 'lakefs-gate[{extra}]'",
    )


def _with_near_names(error: E, arguments: Sequence[str]) -> E:
    """Say what there is of nearly the name, where lakeFS does not have what the command line names."""
    if error.code == "not_found" and "lakeFS has no" in error.message:
        try:
            from gate_server.cli.nearby import did_you_mean
        except ModuleNotFoundError:  # the base install
            return error
        if found := did_you_mean(arguments):
            error.hint = found
    return error


def _tell(error: GateError | ClientError, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps(error.body(), indent=2))
    else:
        message = "\n".join(visible(line) for line in error.message.splitlines())
        color = False if os.environ.get("NO_COLOR") else None
        click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True, color=color)
        if error.hint:
            click.echo(f"{click.style('hint:', fg='cyan')} {error.hint}", err=True, color=color)
    if _is_debug():
        raise error
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
