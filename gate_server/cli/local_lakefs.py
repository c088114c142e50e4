"""`gate local-lakefs`: the embedded lakeFS. Started as a process: the gate does not import it."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from gate_server.cli.ports import usable_port


@click.command("local-lakefs")
@click.option(
    "--dir", "directory", type=click.Path(file_okay=False, path_type=Path), required=True,
    help="Where it keeps everything.",
)  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: a free one.")
@click.option("--allow-lua-http", is_flag=True, help="Let Lua hooks use net/http (for `gate install --lua`).")
@click.option(
    "--seed",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder for each repository to begin with; its files become the first commit of main.",
)
@click.option(
    "--import-from",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Let files under it be imported (local:///PATH).",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Beyond loopback only with keys that are set."
)
def command(
    directory: Path,
    port: int,
    allow_lua_http: bool,
    seed: Path | None,
    import_from: tuple[Path, ...],
    host: str,
) -> None:
    """Run the embedded lakeFS on this machine, for trying out, tests and offline work. Not for production.

    Its keys are LAKECTL_CREDENTIALS_ACCESS_KEY_ID and LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY when these are
    set; else it makes some at its first start, keeps them in the directory and prints them. Any storage
    namespace is accepted.

    \b
    Example:
      LAKEFSACTION_GATE_TOKEN=... gate local-lakefs --dir ~/lakefs --port 8000
    """
    if find_spec("lupa") is None:
        raise ModuleNotFoundError("lupa", name="lupa")
    chosen = usable_port(host, port)
    arguments = [sys.executable, "-m", "local_lakefs", "--dir", str(directory), "--port", str(chosen)]
    arguments += ["--host", host]
    arguments += ["--allow-lua-http"] if allow_lua_http else []
    arguments += [word for folder in import_from for word in ("--import-from", str(folder.resolve()))]
    arguments += ["--seed", str(seed)] if seed is not None else []
    os.execv(sys.executable, arguments)  # noqa: S606 - takes this process's place: signals and exit code are its own
