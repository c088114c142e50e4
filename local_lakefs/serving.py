"""Runs the server: gunicorn with one worker process of many threads.

One process, because the object files and SQLite's writers are coordinated inside it; threads, because a
request waits for the hooks of a merge while those call back. The worker loads the application itself
(no preload): SQLite connections must not cross a fork.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

from local_lakefs.service import USERNAME, LocalLakeFS, load_credentials

if TYPE_CHECKING:
    from local_lakefs.gateway import Gateway

THREADS = 64
KEEP_ALIVE_S = 75
NOTICE = "An embedded lakeFS for development and tests: no lakeFS server for production."


@dataclass(frozen=True)
class Options:
    """How to serve.

    ``port`` 0 takes a free one; ``ready_file`` gets JSON once the server listens; with ``end_with_stdin`` the
    server ends when its standard input does, however the process that holds the other end came to an end.
    ``seed`` is a folder of repositories, see ``seeding``; ``import_from`` are folders to import from.
    """

    directory: Path
    host: str = "127.0.0.1"
    port: int = 8000
    allow_lua_http: bool = False
    ready_file: Path | None = None
    end_with_stdin: bool = False
    seed: Path | None = None
    import_from: tuple[Path, ...] = ()


class Application(BaseApplication):  # type: ignore[misc]
    def __init__(self, options: Options) -> None:
        self._options = options
        self._server: LocalLakeFS | None = None
        # Made before the worker starts, so that the worker finds the same keys.
        options.directory.mkdir(parents=True, exist_ok=True)
        self._credentials = load_credentials(options.directory, os.environ)
        super().__init__()

    def load_config(self) -> None:
        settings: dict[str, Any] = {
            "bind": f"{self._options.host}:{self._options.port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": THREADS,
            "worker_connections": 1000,
            "keepalive": KEEP_ALIVE_S,
            "timeout": 0,  # a hook may take as long as its own timeout says
            "graceful_timeout": 3,
            "loglevel": "warning",
            "control_socket_disable": True,
            "limit_request_line": 8190,
            # Names of S3's metadata may hold underscores. Nothing here believes a header of a proxy.
            "header_map": "dangerous",
            "post_worker_init": self._begin,
            "worker_exit": self._close,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Gateway:
        from local_lakefs.api import create_app
        from local_lakefs.gateway import Gateway
        from local_lakefs.seeding import seed

        self._server = LocalLakeFS(
            self._options.directory,
            os.environ,
            allow_lua_http=self._options.allow_lua_http,
            import_from=self._options.import_from,
        )
        if self._options.seed is not None:
            seed(self._server, self._options.seed, USERNAME)
        return Gateway(self._server, create_app(self._server))

    def _close(self, _arbiter: Any, _worker: Any) -> None:
        if self._server is not None:
            self._server.close()

    def _begin(self, worker: Any) -> None:
        if self._options.end_with_stdin:
            threading.Thread(target=_end_with_stdin, args=(worker.ppid,), daemon=True).start()
        self._tell(worker)

    def _tell(self, worker: Any) -> None:
        """Say where the server listens, once requests are answered."""
        host, port = worker.sockets[0].getsockname()[:2]
        url = f"http://{host}:{port}"
        ready = {
            "url": url,
            "access_key_id": self._credentials.access_key_id,
            "secret_access_key": self._credentials.secret_access_key,
            "pid": worker.ppid,
        }
        if self._options.ready_file is not None:
            temporary = self._options.ready_file.with_suffix(".writing")
            temporary.touch(mode=0o600)
            temporary.write_text(json.dumps(ready))
            temporary.rename(self._options.ready_file)
        print(NOTICE)  # noqa: T201 - this is a command's output
        print(f"{url}  access key {ready['access_key_id']}  secret {ready['secret_access_key']}", flush=True)  # noqa: T201


def _end_with_stdin(server_pid: int) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(server_pid, signal.SIGTERM)


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT; does not return."""
    Application(options).run()
