"""`gate worker`: judge checks of a gate that runs elsewhere; of its queue, or a single one that it lends."""

from __future__ import annotations

import click

from gate_server.cli.options import settings_for
from gate_server.cli.output import console, shown


@click.command("worker")
@click.option(
    "--check", "check_id", metavar="ID", default="",
    help="Judge this one check, which the gate lends over HTTP, and end.",
)  # fmt: skip
@click.option("--server", metavar="URL", default="", help="The gate that lends it (default: GATE_URL).")
def command(check_id: str, server: str) -> int:
    """Run a worker alone: it takes checks from the queue that `gate serve` fills.

    Needs the settings of that gate: the same GATE_DATABASE_URL (PostgreSQL where it is another machine) and
    lakectl's settings; no token, and no policy: each check brings its own. GATE_WORKER_THREADS says how many
    checks it judges at once, GATE_WORKER_METRICS=HOST:PORT where it serves metrics. When it dies, others take
    its checks over after GATE_LEASE_S seconds.

    With --check it judges one check whose rule says `runs: elsewhere`, and needs neither database nor policy:
    lakectl's settings to read with, the gate's address, and GATE_LEASE_TOKEN (or GATE_LEASE_TOKEN_FILE), the
    token of a lease; or GATE_API_TOKEN, of the role worker, to take a lease by.

    \b
    Examples:
      GATE_DATABASE_URL=postgresql+psycopg://gate@db/gate gate worker
      GATE_API_TOKEN_FILE=token gate worker --check 3f0c9a1b2d4e5f60 --server https://gate.example.org

    Exit codes: 0 with --check, what was found is handed in, whatever the verdict; 2 settings or tokens;
    3 it was not handed in.
    """
    settings = settings_for(server)
    if check_id:
        from gate_server.cli.lent_check import judge_lent

        return judge_lent(settings, check_id)
    from gate_server.processes import serve_worker
    from gate_server.store.store import open_store

    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = open_store(settings.database)
    console.print("[bold]lakefs-gate worker[/]")
    console.print(f"  database    {shown(store.engine.url.render_as_string(hide_password=True))}")
    console.print(f"  at once     {settings.worker_threads} checks")
    store.engine.dispose()
    return serve_worker(settings)
