"""What `deploy/compose.yaml` starts of ours, as processes on loopback: the same commands and settings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from lakefs.exceptions import ServerException

from local_lakefs.testing import RunningServer
from tests.e2e.canaries import API_TOKEN, HOOK_TOKEN
from tests.e2e.harness import BAD, ROOT, free_port, until
from tests.postgres import Postgres

SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
PROGRAMS = Path(sys.executable).parent
REPOSITORY = "compose-example"


class Machine:
    """The names and ports of the file, as they are on this machine."""

    def __init__(self, server: RunningServer, postgres: Postgres, folder: Path) -> None:
        self.folder = folder
        self.ports = {"8090": free_port(), "9090": free_port()}
        self.values = {
            "GATE_HOOK_TOKEN": HOOK_TOKEN,
            "GATE_API_TOKEN": API_TOKEN,
            "POSTGRES_PASSWORD": "-",
            "LAKEFS_ACCESS_KEY_ID": server.access_key_id,
            "LAKEFS_SECRET_ACCESS_KEY": server.secret_access_key,
        }
        self.places = {
            "postgresql+psycopg://gate:-@postgres/gate": postgres.new_database(),
            "http://lakefs:8000": server.url,
            "http://gate:8090": f"http://127.0.0.1:{self.ports['8090']}",
            "0.0.0.0:9090": f"127.0.0.1:{self.ports['9090']}",
        }

    def environment(self, service: str) -> dict[str, str]:
        """Return what a service has in its environment."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("GATE_", "LAKECTL_"))}
        found = {name: self._filled(value) for name, value in SERVICES[service]["environment"].items()}
        image = {"GATE_DATA_DIR": str(self.folder), "GATE_POLICY": str(ROOT / "expectations" / "gate.yaml")}
        return {**clean, **image, **found, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}

    def command(self, service: str) -> list[str]:
        """Return what a service starts: `gate` is the image's entry point."""
        words = [self.ports.get(word, word) for word in SERVICES[service]["command"]]
        return [str(word).replace("0.0.0.0", "127.0.0.1") for word in words]

    def _filled(self, value: str) -> str:
        value = re.sub(r"\$\{(\w+):\?\}", lambda found: self.values.get(found.group(1), "-"), value)
        value = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
        return self.places.get(value, value)

    @contextmanager
    def running(self, service: str) -> Iterator[None]:
        """Have a service run for the block."""
        with (self.folder / f"{service}.log").open("ab") as log:
            process = subprocess.Popen(
                ["gate", *self.command(service)],
                env=self.environment(service),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                executable=PROGRAMS / "gate",
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="module")
def machine(
    server: RunningServer, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """Give the services, migrated, up and seeded, in compose's own order."""
    found = Machine(server, postgres, tmp_path_factory.mktemp("compose"))
    migrate = [PROGRAMS / "gate", *found.command("migrate")]
    for _ in range(2):  # each `up` does it
        subprocess.run(migrate, env=found.environment("migrate"), check=True, cwd=found.folder)
    with found.running("gate"):
        until(lambda: answers(f"{found.places['http://gate:8090']}/readyz"))
        yield found


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False


def seed(machine: Machine) -> str:
    """Run the seed as compose does, but for the repository's name, and return what it told."""
    program, script, _, _ = machine.command("seed")
    done = subprocess.run(
        [PROGRAMS / program, script, REPOSITORY, f"s3://lakefs/{REPOSITORY}"],
        env=machine.environment("seed"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_after_it_the_seeded_main_is_guarded_and_twice_changes_nothing(
    machine: Machine, server: RunningServer
) -> None:
    import lakefs

    assert f"made {REPOSITORY}" in seed(machine)
    repository = lakefs.Repository(REPOSITORY, client=server.client)
    head = repository.branch("main").get_commit().id
    assert "holds the gate's files already" in seed(machine)
    assert repository.branch("main").get_commit().id == head
    bad = repository.branch("bad").create("main")
    bad.object("lakefs_test_bad.csv").upload(BAD)
    bad.commit("bad")
    with pytest.raises(ServerException, match="412"):
        bad.merge_into("main")


def test_a_worker_joins_and_its_health_is_seen(machine: Machine) -> None:
    with machine.running("worker"):
        address = f"http://127.0.0.1:{machine.ports['9090']}/metrics"
        until(lambda: answers(address))
        ready = f"{machine.places['http://gate:8090']}/readyz"
        until(lambda: httpx.get(ready, timeout=30).json().get("workers") == 2)
        check = SERVICES["worker"]["healthcheck"]["test"]
        text = check[-1].replace("9090", str(machine.ports["9090"]))
        assert check[:3] == ["CMD", "python", "-c"]
        subprocess.run([sys.executable, "-c", text], check=True)
