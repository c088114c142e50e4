"""Starts the embedded server as a process of its own, for tests and the demo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 60


@dataclass
class RunningServer:
    """A server that listens. ``url`` has no trailing slash and no ``/api/v1``."""

    url: str
    access_key_id: str
    secret_access_key: str
    pid: int
    directory: Path

    @cached_property
    def client(self) -> Any:
        """A ``lakefs.Client`` for it."""
        import lakefs

        make: Any = lakefs.Client  # untyped
        return make(host=self.url, username=self.access_key_id, password=self.secret_access_key)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to find the server."""
        return {
            "LAKECTL_SERVER_ENDPOINT_URL": self.url,
            "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": self.access_key_id,
            "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": self.secret_access_key,
        }


@contextmanager
def lakefs_server(
    directory: Path,
    env: Mapping[str, str] | None = None,
    *,
    allow_lua_http: bool = False,
    port: int = 0,
    seed: Path | None = None,
    import_from: tuple[Path, ...] = (),
) -> Iterator[RunningServer]:
    """Run an embedded lakeFS in ``directory`` until the block ends.

    Parameters
    ----------
    directory : Path
        Where it keeps everything; its output goes to ``server.log`` there.
    env : Mapping, optional
        Variables on top of this process's own; its own keys for another lakeFS are not passed on.
    allow_lua_http : bool
        Whether Lua hooks may use ``net/http``.
    port : int
        0 takes a free one.
    seed : Path, optional
        A folder for each repository to begin with; its files become the first commit of ``main``.
    import_from : tuple of Path
        Folders whose files may be imported (``local:///PATH``).

    Raises
    ------
    RuntimeError
        When it does not come up; with its output.
    """
    directory.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAKECTL_")}
    environment |= env or {}
    with tempfile.TemporaryDirectory() as temporary, (directory / "server.log").open("ab") as log:
        ready_file = Path(temporary) / "ready.json"
        command = [sys.executable, "-m", "local_lakefs", "--dir", str(directory), "--port", str(port)]
        command += ["--ready-file", str(ready_file), "--end-with-stdin"]
        if allow_lua_http:
            command.append("--allow-lua-http")
        if seed is not None:
            command += ["--seed", str(seed)]
        for folder in import_from:
            command += ["--import-from", str(folder)]
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log)
        try:
            _wait(process, ready_file, directory / "server.log")
            ready = json.loads(ready_file.read_text())
            yield RunningServer(
                url=ready["url"],
                access_key_id=ready["access_key_id"],
                secret_access_key=ready["secret_access_key"],
                pid=process.pid,
                directory=directory,
            )
        finally:
            assert process.stdin is not None  # noqa: S101 - for the type checker
            process.stdin.close()
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def _wait(process: subprocess.Popen[bytes], ready_file: Path, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not ready_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the embedded lakeFS did not come up:\n{log.read_text(errors='replace')}")
        time.sleep(0.02)
