"""``python -m local_lakefs --dir D --port P``: an embedded lakeFS for development, tests and offline work."""

from __future__ import annotations

import argparse
import ipaddress
import os
from pathlib import Path

KEYS = ("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local_lakefs", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--allow-lua-http", action="store_true", help="let Lua hooks use net/http")
    parser.add_argument(
        "--seed", type=Path, help="a folder for each repository to begin with, its files on main"
    )
    parser.add_argument(
        "--import-from",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="let files under DIR be imported (local:///DIR/...); may be given again",
    )
    parser.add_argument("--ready-file", type=Path, help="written as JSON once the server listens")
    parser.add_argument("--end-with-stdin", action="store_true", help="end when standard input ends")
    arguments = parser.parse_args()
    if not is_loopback(arguments.host) and not all(os.environ.get(name) for name in KEYS):
        parser.error(f"--host {arguments.host} opens it to other machines: set {' and '.join(KEYS)}")
    if arguments.seed is not None and not arguments.seed.is_dir():
        parser.error(f"--seed {arguments.seed}: no such folder")
    from local_lakefs.serving import Options, serve

    serve(
        Options(
            directory=arguments.dir.resolve(),
            host=arguments.host,
            port=arguments.port,
            allow_lua_http=arguments.allow_lua_http,
            import_from=tuple(arguments.import_from),
            seed=arguments.seed.resolve() if arguments.seed else None,
            end_with_stdin=arguments.end_with_stdin,
            ready_file=arguments.ready_file.resolve() if arguments.ready_file else None,
        )
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; a name other than ``localhost`` may be anything."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    main()
