"""The demo's stage: lakeFS and the gate as processes of their own, in a temporary folder."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from gate_client import GateClient
from gate_server.cli.ports import is_loopback, usable_port
from gate_server.errors import ConfigError, CouldNotTell, UsageError
from gate_server.lakefs.connect import lakectl_settings
from gate_server.setup.shipped import shipped

GATE = [sys.executable, "-m", "gate_server.cli.main"]
OURS = ("GATE_", "LAKECTL_", "LAKEFSACTION_")
LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 25.0


@dataclass(frozen=True)
class Ask:
    """Which lakeFS to play on; the embedded one where none is named."""

    lakefs_url: str = ""
    storage_namespace: str = ""
    public_url: str = ""


@dataclass(frozen=True)
class Stage:
    """What stands. ``client`` is the official SDK's; ``environment`` is what a user of it would have set."""

    lakefs_url: str
    gate_url: str
    keys: Mapping[str, str]
    api_token: str
    storage_namespace: str
    environment: Mapping[str, str]
    folder: Path
    processes: Mapping[str, int]
    client: Any

    @property
    def api(self) -> GateClient:
        """The gate's API."""
        return GateClient(self.gate_url, self.api_token)

    def gate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the gate as a user would."""
        return subprocess.run(
            [*GATE, *arguments],
            env=dict(self.environment),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def set_up(ask: Ask, environ: Mapping[str, str] = os.environ) -> Iterator[Stage]:
    """Start what has to run; end it, by its process's id, and remove the folder when the block ends.

    Raises
    ------
    ConfigError, UsageError
        When something that a lakeFS of one's own needs is not set.
    CouldNotTell
        When a process does not come up; with what it said.
    """
    clean = {name: value for name, value in environ.items() if not name.startswith(OURS)}
    hook_token = environ.get("GATE_HOOK_TOKEN", "")
    if ask.lakefs_url and not hook_token:
        raise ConfigError(
            "GATE_HOOK_TOKEN is not set", "set it to your lakeFS server's LAKEFSACTION_GATE_TOKEN"
        )
    hook_token = hook_token or secrets.token_urlsafe(24)
    api_token = secrets.token_urlsafe(24)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gate-demo-")))

        def start(name: str, arguments: list[str], environment: Mapping[str, str]) -> _Started:
            return stack.enter_context(_process(name, arguments, environment, folder))

        embedded: _Started | None = None
        if ask.lakefs_url:
            keys = lakectl_settings({**environ, "LAKECTL_SERVER_ENDPOINT_URL": ask.lakefs_url})
            lakefs_url, namespace = ask.lakefs_url.rstrip("/"), ask.storage_namespace.rstrip("/")
            host, port = _where_to_listen(ask.public_url)
        else:
            host, port = LOOPBACK, usable_port(LOOPBACK, 0)
            lakefs_port = usable_port(LOOPBACK, 0)
            lakefs_url, namespace = f"http://{LOOPBACK}:{lakefs_port}", "local://demo"
            keys = {
                "access_key_id": f"AKIADEMO{secrets.token_hex(6).upper()}",
                "secret_access_key": secrets.token_urlsafe(30),
            }
            embedded = start(
                "lakeFS",
                ["local-lakefs", "--dir", "lakefs", "--port", str(lakefs_port)],
                {**clean, **_lakectl(lakefs_url, keys), "LAKEFSACTION_GATE_TOKEN": hook_token},
            )
        gate_url = ask.public_url.rstrip("/") or f"http://{host}:{port}"
        user = {**clean, **_lakectl(lakefs_url, keys), "GATE_URL": gate_url, "GATE_API_TOKEN": api_token}
        gate = start(
            "the gate",
            ["serve", "--host", host, "--port", str(port)],
            {
                **user,
                "GATE_HOOK_TOKEN": hook_token,
                "GATE_POLICY": str(shipped("expectations") / "gate.yaml"),
                "GATE_PUBLIC_URL": gate_url,
                "GATE_DATA_DIR": str(folder / "gate"),
            },
        )
        client = _client(lakefs_url, keys)  # the SDK takes a second to import: meanwhile the rest comes up
        if embedded:
            _wait_until(embedded, f"{lakefs_url}/api/v1/healthcheck")
        _wait_until(gate, f"http://{LOOPBACK}:{port}/readyz")
        running = [item for item in (embedded, gate) if item]
        for item in running:  # all are told to end at once; each is then waited for
            stack.callback(item.process.terminate)
        pids = {item.name: item.process.pid for item in running}
        yield Stage(lakefs_url, gate_url, keys, api_token, namespace, user, folder, pids, client)


@dataclass(frozen=True)
class _Started:
    name: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def _process(
    name: str, arguments: list[str], environment: Mapping[str, str], folder: Path
) -> Iterator[_Started]:
    """Run a command of the gate until the block ends."""
    log = folder / f"{arguments[0]}.log"
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches the demo alone, which then ends its processes in order.
        process = subprocess.Popen(
            [*GATE, *arguments],
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield _Started(name, process, log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until_interrupted() -> None:
    """Wait for Ctrl-C. In steps, as a signal that comes just before `signal.pause` does not end it."""
    while True:
        time.sleep(0.5)


def _wait_until(started: _Started, url: str) -> None:
    """Wait until `url` answers with success."""
    deadline = time.monotonic() + START_TIMEOUT_S
    said = "no answer"
    while started.process.poll() is None and time.monotonic() < deadline:
        try:
            answer = httpx.get(url, timeout=5.0, trust_env=False)
            if answer.is_success:
                return
            said = f"{answer.status_code} {answer.text[:500]}"
        except httpx.TransportError as error:
            said = type(error).__name__
        time.sleep(0.05)
    output = started.log.read_text(encoding="utf-8", errors="replace")[-3000:]
    raise CouldNotTell(f"{started.name} did not come up at {url} ({said}); it said:\n{output}")


def _where_to_listen(public_url: str) -> tuple[str, int]:
    """Return host and port to listen on, so that lakeFS reaches the gate at `public_url`."""
    try:
        parts = urlsplit(public_url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        name = parts.hostname or ""
    except (ValueError, KeyError) as error:
        raise UsageError(
            f"{public_url!r} is no address at which lakeFS could reach the gate",
            "such as --public-url http://this-machine:8090",
        ) from error
    host = LOOPBACK if is_loopback(name) else "0.0.0.0"  # noqa: S104 - lakeFS is on another machine
    return host, usable_port(host, port)


def _client(url: str, keys: Mapping[str, str]) -> Any:
    import lakefs

    make: Any = lakefs.Client  # untyped
    return make(host=url, username=keys["access_key_id"], password=keys["secret_access_key"])


def _lakectl(url: str, keys: Mapping[str, str]) -> dict[str, str]:
    return {
        "LAKECTL_SERVER_ENDPOINT_URL": url,
        "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": keys["access_key_id"],
        "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": keys["secret_access_key"],
    }
