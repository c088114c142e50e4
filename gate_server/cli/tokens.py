"""`gate tokens`: make, list and revoke tokens, in the database or through a gate."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import click
from rich.table import Table

from gate_server.cli.options import as_json, server, settings_for
from gate_server.cli.output import console, print_json, shown
from gate_server.cli.remote import gate_of
from gate_server.model import DEFAULT_DAYS, Role, Scope
from gate_server.reports.wording import moment
from gate_server.settings import Settings

if TYPE_CHECKING:
    from gate_server.store.tokens import Tokens


class _Keeper(Protocol):
    """Whoever keeps the tokens."""

    def create(self, wanted: Mapping[str, Any]) -> Mapping[str, Any]: ...
    def list(self) -> Mapping[str, Any]: ...
    def revoke(self, token_id: str) -> Mapping[str, Any]: ...


class _Gate:
    """The gate over HTTP; needs an admin's token without limits."""

    def __init__(self, settings: Settings) -> None:
        self._gate = gate_of(settings)

    def create(self, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._gate.create_token(**wanted).model_dump(mode="json")

    def list(self) -> Mapping[str, Any]:
        return {"tokens": [token.model_dump(mode="json") for token in self._gate.list_tokens()]}

    def revoke(self, token_id: str) -> Mapping[str, Any]:
        return {"token": self._gate.revoke_token(token_id).model_dump(mode="json")}


class _Database:
    """The database that this process shares with the gate."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def create(self, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
        from gate_server.access.tokens import make_token, token_json

        token, text = make_token(
            self._tokens,
            wanted["name"],
            [Role(role) for role in wanted["roles"]],
            Scope(tuple(wanted["repositories"]), tuple(wanted["branches"])),
            created_by=getpass.getuser(),
            days=wanted["days"],
        )
        return {"token": token_json(token), "text": text}

    def list(self) -> Mapping[str, Any]:
        from gate_server.access.tokens import token_json

        return {"tokens": [token_json(token) for token in self._tokens.listed()]}

    def revoke(self, token_id: str) -> Mapping[str, Any]:
        from gate_server.access.tokens import revoke_token, token_json

        return {"token": token_json(revoke_token(self._tokens, token_id, getpass.getuser()))}


@click.group("tokens")
def command() -> None:
    """Tokens: who may do what, where, until when.

    \b
    hook      lakeFS: opens the hook's endpoint and nothing else
    reader    sees checks and reverts, and the pages
    checker   sees, and asks ahead of a merge (gate check)
    reverter  sees, and puts branches back (gate revert)
    sampler   sees, and rows of the data that failed, on the record
    admin     all but the hook: also gate install, and tokens
    """


@command.command("create")
@click.argument("name")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([role.value for role in Role]),
    help="What for; repeatable.",
)
@click.option(
    "--repository", "repositories", multiple=True, metavar="PATTERN", help="Only these; repeatable."
)
@click.option("--branch", "branches", multiple=True, metavar="PATTERN", help="Only into these; repeatable.")
@click.option(
    "--days",
    type=click.IntRange(0, 3650),
    default=None,
    help=f"Until it expires, 0 for never (default: {DEFAULT_DAYS}; a hook's never).",
)
@server
@as_json
def create_command(
    name: str,
    roles: tuple[str, ...],
    repositories: tuple[str, ...],
    branches: tuple[str, ...],
    days: int | None,
    server: str,
    as_json: bool,
) -> None:
    """Make a token for NAME and show it, once: nobody can show it again.

    Checks and reverts are recorded under NAME. To replace a token, make another of the same name, hand it
    out, then revoke the old one: both work meanwhile.

    \b
    Examples:
      gate tokens create lakefs --role hook
      gate tokens create ci --role checker --repository sales --branch main
      gate tokens create ann --role reverter --role checker --days 30 --server https://gate.example.org
    """
    wanted = {
        "name": name,
        "roles": list(roles),
        "repositories": list(repositories),
        "branches": list(branches),
        "days": days,
    }
    made = _keeper(settings_for(server)).create(wanted)
    if as_json:
        print_json(made)
        return
    console.print(made["text"], markup=False)
    token = made["token"]
    until = _moment(token["expires_at"]) or "it is revoked"
    click.echo(f"shown this once; for {name} ({', '.join(roles)}), until {until}", err=True)


@command.command("list")
@server
@as_json
def list_command(server: str, as_json: bool) -> None:
    """List all tokens, newest first, without their texts."""
    listed = _keeper(settings_for(server)).list()
    if as_json:
        print_json(listed)
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("id", "name", "roles", "only", "state", "expires", "last used"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "id")  # an id is copied
    for token in listed["tokens"]:
        only = [*token["scope"]["repositories"], *(f"branch {name}" for name in token["scope"]["branches"])]
        table.add_row(
            shown(token["id"]),
            shown(token["name"]),
            ", ".join(token["roles"]),
            shown(", ".join(only)),
            token["state"],
            _moment(token["expires_at"]) or "never",
            _moment(token["last_used_at"]) or "never",
        )
    console.print(table)


@command.command("revoke")
@click.argument("token_id", metavar="ID")
@server
@as_json
def revoke_command(token_id: str, server: str, as_json: bool) -> None:
    """End the token with this ID (`gate tokens list`), and the sessions made from it, at once."""
    done = _keeper(settings_for(server)).revoke(token_id)
    if as_json:
        print_json(done)
    else:
        console.print(f"revoked {shown(done['token']['id'])} of {shown(done['token']['name'])}")


def _moment(written: str | None) -> str:
    return moment(datetime.fromisoformat(written)) if written else ""


def _keeper(settings: Settings) -> _Keeper:
    if settings.url:
        return _Gate(settings)
    from gate_server.store.store import open_store

    return _Database(open_store(settings.database).tokens)
