"""The real gate as processes, for tests over HTTP. See conftest.py for the fixtures."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil

from local_lakefs.testing import RunningServer
from tests.e2e.canaries import API_TOKEN, CANARIES, CELL, HOOK_TOKEN

ROOT = Path(__file__).parents[2]
START_S = 60.0
PATIENCE_S = 60.0
HOOK_ENVIRONMENT = {"LAKEFSACTION_GATE_TOKEN": HOOK_TOKEN}

GATE_COMMAND = [str(Path(sys.executable).parent / "gate")]
GOOD = f"{CELL}1,2,3,4,5\n6,7,8,9,{CELL}10\n".encode()
BAD = f"{CELL}1,2,3,4\n6,7,8,9{CELL}\n".encode()


def free_port() -> int:
    """Return a loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def database_of(environment: Mapping[str, str]) -> str:
    """Return where a gate of this environment has its database."""
    return environment.get("GATE_DATABASE_URL") or f"sqlite:///{environment['GATE_DATA_DIR']}/gate.db"


@dataclass
class Gate:
    """A gate that answers."""

    url: str
    process: subprocess.Popen[bytes]
    environment: dict[str, str]
    log: Path
    api: httpx.Client = field(init=False)
    hooks: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        """Make a client for each token."""
        self.api = self._client(API_TOKEN)
        self.hooks = self._client(HOOK_TOKEN)

    @property
    def database_url(self) -> str:
        """Where its database is."""
        return database_of(self.environment)

    def _client(self, token: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=120)

    def ask(self, repository: str, source: str, destination: str = "main", **more: Any) -> dict[str, Any]:
        """Judge a merge ahead and return the answer."""
        body = {"repository": repository, "source": source, "destination": destination, **more}
        answer = self.api.post("/api/v1/checks", json=body, params={"wait": 60})
        for _ in range(4):
            if answer.json().get("verdict") != "":
                break
            check = answer.json()["check"]
            answer = self.api.get(f"/api/v1/checks/{check}", params={"wait": 60})
        return dict(answer.json())

    def post_event(self, event: Mapping[str, Any]) -> httpx.Response:
        """Post an event as lakeFS does; again while the check still runs, as a user merges again."""
        answer = self.hooks.post("/hooks/lakefs", json=event)
        for _ in range(4):
            if answer.status_code != 503 or answer.json().get("verdict") != "":
                break
            answer = self.hooks.post("/hooks/lakefs", json=event)
        return answer

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a `gate` command through this gate."""
        return run_gate(*arguments, env={**self.environment, "GATE_URL": self.url, **environment})


def run_gate(*arguments: str, env: Mapping[str, str], cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a `gate` command as a user would, without a terminal."""
    done = subprocess.run(
        [*GATE_COMMAND, *arguments],
        env=dict(env),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    CANARIES.look_at("output", f"gate {arguments[0]}", done.stdout + done.stderr)
    return done


def gate_environment(lakefs: Mapping[str, str], data_dir: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a gate: this process's without its own settings, and what is given."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("GATE_", "LAKECTL_"))}
    return {
        **clean,
        **lakefs,
        "GATE_DATA_DIR": str(data_dir),
        "GATE_POLICY": str(ROOT / "expectations" / "gate.yaml"),
        "GATE_HOOK_TOKEN": HOOK_TOKEN,
        "GATE_API_TOKEN": API_TOKEN,
        # What an audit judges by itself would be counted with what a test asks for.
        "GATE_AUDIT_EVERY_S": "86400",
        **settings,
    }


@contextmanager
def running_gate(
    lakefs: Mapping[str, str], data_dir: Path, *, verify: ssl.SSLContext | None = None, **settings: str
) -> Iterator[Gate]:
    """Run `gate serve` on a free port until the block ends; with TLS where `verify` says whom to believe."""
    port = free_port()
    url = f"http{'s' if verify else ''}://127.0.0.1:{port}"
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "gate.log"
    environment = gate_environment(lakefs, data_dir, **{"GATE_PUBLIC_URL": url, **settings})
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*GATE_COMMAND, "serve", "--port", str(port)],
            env=environment,
            cwd=ROOT,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
        )
    try:
        CANARIES.watch(url, environment)
        _wait_until_up(url, process, log, verify or True)
        gate = Gate(url, process, environment, log)
        yield gate
        for client in (gate.api, gate.hooks):
            client.close()  # a gate that ends waits 2 s for those who keep a connection
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        CANARIES.look_at_folder(data_dir)
        CANARIES.look_at_database(database_of(environment))


def _wait_until_up(
    url: str, process: subprocess.Popen[bytes], log: Path, verify: ssl.SSLContext | bool
) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/healthz", timeout=2, verify=verify).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"the gate did not come up:\n{log.read_text(errors='replace')[-4000:]}")


def container_health_check(gate: Gate, **environment: str) -> int:
    """Run the health check of the container image against a gate; return its exit code."""
    command = re.search(r"HEALTHCHECK[^\[]*CMD (\[.*\])", (ROOT / "Dockerfile").read_text())
    assert command
    _, *arguments = json.loads(command[1].replace("8090", gate.url.rpartition(":")[2]))
    done = subprocess.run(
        [sys.executable, *arguments], env={**os.environ, **environment}, check=False, capture_output=True
    )
    return done.returncode


def until(reached: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def worker_of(gate: Gate) -> psutil.Process:
    """Return the worker's process."""
    return _child_of(gate, "worker")


def web_of(gate: Gate) -> psutil.Process:
    """Return the web's process."""
    return _child_of(gate, "web")


def _child_of(gate: Gate, name: str) -> psutil.Process:
    children = psutil.Process(gate.process.pid).children()
    return next(item for item in children if name in item.cmdline())


class World:
    """A repository of its own on a lakeFS, driven by the official SDK."""

    def __init__(self, server: RunningServer, namespace: str = "local://") -> None:
        import lakefs

        self.server = server
        self.name = f"repo-{uuid4().hex[:12]}"
        repository: Any = lakefs.Repository(self.name, client=server.client)
        self.repository = repository.create(storage_namespace=f"{namespace}{self.name}")
        self.main = self.repository.branch("main")

    def uri(self, ref: str = "main") -> str:
        """Return the address of a ref."""
        return f"lakefs://{self.name}/{ref}"

    def branch(self, name: str, source: str = "main", /, **objects: bytes | None) -> Any:
        """Make a branch with a commit of `objects` (``__`` in a name is a slash, ``_dot_`` a dot)."""
        paths = {key.replace("__", "/").replace("_dot_", "."): value for key, value in objects.items()}
        return self.commit(self.repository.branch(name).create(source), paths)

    def commit(self, branch: Any, objects: Mapping[str, bytes | None], message: str = "a commit") -> Any:
        """Put objects on a branch (None deletes) and commit."""
        for path, content in objects.items():
            if content is None:
                branch.object(path).delete()
            else:
                branch.object(path).upload(content)
        branch.commit(message)
        return branch

    def contents(self, ref: str) -> dict[str, bytes]:
        """Return every object of a ref with its bytes."""
        reference: Any = self.repository.ref(ref)
        return {item.path: reference.object(item.path).reader("rb").read() for item in reference.objects()}


def remove(folder: Path) -> None:
    """Remove a folder of a test."""
    shutil.rmtree(folder, ignore_errors=True)
