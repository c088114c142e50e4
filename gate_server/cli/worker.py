"""`gate worker`: judge checks of a gate that runs elsewhere."""

from __future__ import annotations

import click

from gate_server.cli.output import console, shown
from gate_server.processes import serve_worker
from gate_server.settings import read_settings
from gate_server.store.store import open_store


@click.command("worker")
def command() -> int:
    """Run a worker alone: it takes checks from the queue that `gate serve` fills.

    Needs the settings of that gate: the same GATE_DATABASE_URL (PostgreSQL where it is another machine) and
    lakectl's settings; no token, and no policy: each check brings its own. GATE_WORKER_THREADS says how many
    checks it judges at once, GATE_WORKER_METRICS=HOST:PORT where it serves metrics. When it dies, others take
    its checks over after GATE_LEASE_S seconds.

    \b
    Examples:
      GATE_DATABASE_URL=postgresql+psycopg://gate@db/gate gate worker
    """
    settings = read_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = open_store(settings.database)
    console.print("[bold]lakefs-gate worker[/]")
    console.print(f"  database    {shown(store.engine.url.render_as_string(hide_password=True))}")
    console.print(f"  at once     {settings.worker_threads} checks")
    store.engine.dispose()
    return serve_worker(settings)
