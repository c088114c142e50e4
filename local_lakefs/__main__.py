"""``python -m local_lakefs --dir D --port P``: an embedded lakeFS for development, tests and offline work."""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local_lakefs", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--allow-lua-http", action="store_true", help="let Lua hooks use net/http")
    parser.add_argument("--ready-file", type=Path, help="written as JSON once the server listens")
    parser.add_argument("--end-with-stdin", action="store_true", help="end when standard input ends")
    arguments = parser.parse_args()
    from local_lakefs.serving import Options, serve

    serve(
        Options(
            directory=arguments.dir.resolve(),
            host=arguments.host,
            port=arguments.port,
            allow_lua_http=arguments.allow_lua_http,
            end_with_stdin=arguments.end_with_stdin,
            ready_file=arguments.ready_file.resolve() if arguments.ready_file else None,
        )
    )


if __name__ == "__main__":
    main()
