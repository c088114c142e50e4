"""`gate install`: the gate's files into a repository, the branch protected, and the proof."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from gate_server.cli.options import as_json, server, settings_for
from gate_server.cli.output import console, print_json, shown
from gate_server.cli.remote import gate_of
from gate_server.cli.uris import BRANCH, LakeFSURI
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.connect import connect
from gate_server.settings import Settings
from gate_server.setup.gate_files import MAX_WAIT_S
from gate_server.setup.install import Registrar, install

if TYPE_CHECKING:
    from gate_client import GateClient
    from gate_server.store.records import Installations

DEFAULT_URL = "http://127.0.0.1:8090"  # where `gate serve` listens
# A merge answers after its hooks: lakeFS waits for the gate for 60 s (actions/), then says what went wrong.
MERGE_TIMEOUT_S = 75.0


class _ThroughGate:
    """The gate over HTTP, told of what `gate install` is about to do."""

    def __init__(self, gate: GateClient) -> None:
        self._gate = gate

    def register(self, repository: str, base_commit: str, source_commit: str) -> None:
        self._gate.register_merge(repository, base_commit, source_commit)

    def record(self, repository: str, branch: str, files: Mapping[str, str], commit_id: str) -> None:
        self._gate.record_installation(repository, branch, files, commit_id)


class _InDatabase:
    """The database that this process shares with the gate."""

    def __init__(self, installations: Installations) -> None:
        self._installations = installations

    def register(self, repository: str, base_commit: str, source_commit: str) -> None:
        self._installations.register(repository, base_commit, source_commit, getpass.getuser())

    def record(self, repository: str, branch: str, files: Mapping[str, str], commit_id: str) -> None:
        self._installations.record(repository, branch, files, commit_id, getpass.getuser())


@click.command("install")
@click.argument("uri", metavar="lakefs://REPOSITORY/BRANCH", type=BRANCH)
@click.option(
    "--lua", is_flag=True, help="Ask by a Lua hook: waits longer, and says the reason in lakeFS's error."
)
@click.option(
    "--max-wait",
    type=click.IntRange(1),
    default=MAX_WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="With --lua: how long a merge waits for its check.",
)
@click.option("--allow-plain-revert", is_flag=True, help="Let `lakectl branch revert` pass, unguarded.")
@click.option(
    "--public-url",
    default="",
    metavar="URL",
    help="Where lakeFS reaches the gate (default: GATE_PUBLIC_URL).",
)
@server
@as_json
def command(
    uri: LakeFSURI,
    lua: bool,
    max_wait: int,
    allow_plain_revert: bool,
    public_url: str,
    server: str,
    as_json: bool,
) -> int:
    """Put the gate before BRANCH: action files by a merge, protection, guards; then prove it by a canary.

    The gate must be running, and lakeFS must hold its token: LAKEFSACTION_GATE_TOKEN in the lakeFS server's
    environment, equal to the gate's GATE_HOOK_TOKEN. Run again after an upgrade, with the same options; twice
    changes nothing.

    \b
    Examples:
      gate install lakefs://sales/main
      gate install lakefs://sales/main --server http://gate:8090 --public-url http://gate:8090 --lua
      gate install lakefs://sales/main --lua --max-wait 5400
    """
    settings = settings_for(server)
    done = install(
        lakefs := connect(timeout_s=max(settings.lakefs_timeout_s, MERGE_TIMEOUT_S)),
        Commits(lakefs),
        _registrar(settings),
        repository=uri.repository,
        branch=uri.ref,
        gate_url=public_url or settings.public_url or settings.url or DEFAULT_URL,
        lua=lua,
        max_wait_s=max_wait,
        allow_plain_revert=allow_plain_revert,
        tell=lambda text: None if as_json else console.print(f"  [green]✔[/] {shown(text)}"),
    )
    if as_json:
        print_json(asdict(done))
    else:
        console.print(f"[bold green]✔ in force[/]  the gate stands before {shown(str(uri))}")
    return 0


def _registrar(settings: Settings) -> Registrar:
    if settings.url:
        return _ThroughGate(gate_of(settings))
    from gate_server.store.store import open_store

    return _InDatabase(open_store(settings.database).installations)
