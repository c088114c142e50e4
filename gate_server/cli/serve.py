"""`gate serve`: look at everything first, say where things are, then run web and worker."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import click

from gate_server.access.tokens import has_active
from gate_server.checks.policies import keep_policy
from gate_server.cli.output import console, shown
from gate_server.cli.ports import is_loopback, usable_port
from gate_server.errors import ConfigError, GateError
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.connect import connect
from gate_server.model import Policy, Role
from gate_server.notices.targets import read_targets
from gate_server.parts import read_policy
from gate_server.processes import serve
from gate_server.reports.wording import count
from gate_server.settings import Settings, read_settings, secret
from gate_server.store.store import Store, open_store

NAMES = {Role.HOOK: "GATE_HOOK_TOKEN", Role.ADMIN: "GATE_API_TOKEN"}
SHORTEST = 16  # characters of a token that others than this machine can guess at


@click.command("serve")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to listen; 0.0.0.0 is everywhere."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8090, show_default=True, help="0: a free one.")
def command(host: str, port: int) -> int:
    """Run the gate: the hook's endpoint, API and pages, and the worker that judges.

    Needs lakectl's settings (LAKECTL_SERVER_ENDPOINT_URL and keys, or ~/.lakectl.yaml) and a policy
    (GATE_POLICY, default expectations/gate.yaml). It does not start with a policy or a suite that is wrong;
    SIGHUP or `gate policy reload` reads them again.
    Without GATE_HOOK_TOKEN and GATE_API_TOKEN, or tokens of `gate tokens` in their place, it makes random
    ones, shows them once, and only listens on loopback. GATE_PUBLIC_URL is the address at which people and
    lakeFS reach it. GATE_TLS_CERT and GATE_TLS_KEY are for TLS; GATE_TRUSTED_PROXIES is the number of
    proxies before the gate.

    \b
    Examples:
      gate serve
      GATE_HOOK_TOKEN_FILE=... GATE_API_TOKEN_FILE=... GATE_PUBLIC_URL=https://gate.example.org \\
        gate serve --host 0.0.0.0
    """
    settings = read_settings()
    _check_tls(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    policy = read_policy(settings.policy, settings.policy_in_repository)
    _check_targets(settings, policy)
    store = open_store(settings.database)
    keep_policy(store.policies, policy, again=True)
    made = _tokens(settings, store, host)
    store.engine.dispose()
    lakefs = connect(timeout_s=settings.lakefs_timeout_s)
    chosen = usable_port(host, port)
    address = f"http{'s' if settings.tls_cert else ''}://{f'[{host}]' if ':' in host else host}:{chosen}"
    public_url = settings.public_url or (address if is_loopback(host) else "")
    _introduce(settings, address, public_url, len(policy.rules), lakefs, made)
    return serve(settings, host, chosen, policy.digest, {**made, "GATE_PUBLIC_URL": public_url})


def _check_tls(settings: Settings) -> None:
    files = settings.tls_cert, settings.tls_key
    if any(files) and not all(file is not None and file.is_file() for file in files):
        raise ConfigError("GATE_TLS_CERT and GATE_TLS_KEY must both be files", "PEM, as gunicorn reads them")


def _check_targets(settings: Settings, policy: Policy) -> None:
    """Look whether all that the policy tells has an address; what a reload brings is given up and listed."""
    targets = read_targets(secret(settings.notice_targets))
    for route in policy.notices:
        for name in route.to:
            if name not in targets:
                raise ConfigError(
                    f"{policy.path}:{route.line}: notices: there is no target {name}",
                    f"give it an address in GATE_NOTICE_TARGETS: a line `{name} ADDRESS`",
                )


def _tokens(settings: Settings, store: Store, host: str) -> dict[str, str]:
    """Return the tokens that had to be made, by their setting's name."""
    given = {Role.HOOK: secret(settings.hook_token), Role.ADMIN: secret(settings.api_token)}
    missing = [role for role, token in given.items() if not token and not has_active(store.tokens, role)]
    if missing and not is_loopback(host):
        raise ConfigError(
            f"{' and '.join(NAMES[role] for role in missing)} must be set to listen on {host}",
            "two different long random texts, such as `openssl rand -hex 32` makes; or tokens of the role "
            f"{' and '.join(missing)}, by `gate tokens create`; or --host 127.0.0.1",
        )
    if given[Role.HOOK] and given[Role.HOOK] == given[Role.ADMIN]:
        raise ConfigError(
            "GATE_HOOK_TOKEN and GATE_API_TOKEN are the same",
            "whoever can write a branch can read the hook's token: give the API another",
        )
    short = [NAMES[role] for role, token in given.items() if 0 < len(token) < SHORTEST]
    if short and not is_loopback(host):
        raise ConfigError(
            f"{' and '.join(short)} must have at least {SHORTEST} characters to listen on {host}",
            "a long random text, such as `openssl rand -hex 32` makes",
        )
    return {NAMES[role]: secrets.token_urlsafe(32) for role in missing}


def _introduce(
    settings: Settings, address: str, public_url: str, rules: int, lakefs: LakeFS, made: Mapping[str, str]
) -> None:
    def line(name: str, text: str) -> None:
        console.print(f"  {name:<12}{shown(text)}")

    try:
        lakefs.reads_tried = 1
        lakefs.get("/user")
        answers = "answers"
    except GateError as error:
        answers = f"checks will be ERROR until it answers: {error.message}"
    console.print("[bold]lakefs-gate[/]")
    line("listens on", address)
    line("reached at", public_url or "GATE_PUBLIC_URL is not set: reports are linked as each caller named us")
    line("lakeFS", f"{lakefs.endpoint_url} ({answers})")
    line("policy", f"{settings.policy} ({count(rules, 'rule')})")
    line("database", settings.database if settings.database.startswith("sqlite") else "GATE_DATABASE_URL")
    for name, token in made.items():
        line(
            name.removeprefix("GATE_").replace("_", " ").lower(),
            f"{token}   ({name}, made for this run only)",
        )
    console.print("On the lakeFS server:", style="bold")
    console.print("  LAKEFSACTION_GATE_TOKEN=<the hook token>   in its environment")
    console.print("  LAKEFS_ACTIONS_LUA_NET_HTTP_ENABLED=true   only for `gate install --lua`")
    console.print("Then: gate install lakefs://REPOSITORY/main", markup=False)
