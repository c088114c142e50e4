"""A self-hosted Prefect server as docs/prefect.md has it: its databases, and the ways to it."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from tests.e2e.harness import ROOT, free_port
from tests.postgres import Postgres, debians_programs, postgres_server
from tests.prefect.harness import (
    PrefectServer,
    prefect,
    prefect_environment,
    running_prefect,
    until,
)
from tests.prefect.loopback import LOOPBACK, Proxy, certificate, forward_proxy, tls_before
from tests.prefect.reporting import EVENT

DATABASE = "PREFECT_API_DATABASE_CONNECTION_URL"
IN_MEMORY = "sqlite+aiosqlite:///file::memory:?cache=shared&uri=true&check_same_thread=false"
NAME = "prefect.example.com"  # nowhere but at the proxy


def reporting(url: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a flow against a server in a process of its own, whose settings are only those."""
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.run(
        [sys.executable, "-m", "tests.prefect.reporting"],
        cwd=ROOT,
        env={**clean, "PREFECT_API_URL": f"{url}/api", **settings},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def assert_reported(server: PrefectServer, done: subprocess.CompletedProcess[str]) -> None:
    """Hold that the server's API tells of the run, its artifact and its event."""
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = re.findall(r"flow run (\S+)", done.stdout)
    with server.api as api:
        assert api.get(f"/flow_runs/{run}").json()["state"]["type"] == "COMPLETED"
        (artifact,) = server.artifacts(run)
        assert artifact["data"] == "## PASS"
        asked = {
            "filter": {
                "event": {"name": [EVENT]},
                "resource": {"id": [f"lakefs-gate.tests.{run}"]},
            }
        }
        until(lambda: api.post("/events/filter", json=asked).raise_for_status().json()["total"] == 1)


@pytest.fixture(scope="module")
def debians() -> Iterator[Postgres]:
    """Give Debian's PostgreSQL, which has pg_trgm."""
    with postgres_server(debians_programs()) as server:
        yield server


def for_asyncpg(address: str) -> str:
    return address.replace("postgresql+psycopg:", "postgresql+asyncpg:")


def test_on_postgresql(debians: Postgres, tmp_path: Path) -> None:
    """Upgraded and downgraded by hand, upgraded by its start, used, and reset."""
    address = debians.new_database()
    settings = {**prefect_environment(tmp_path, 1), DATABASE: for_asyncpg(address)}

    def rows(statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(address.replace("+psycopg", "")) as connection:
            return connection.execute(statement).fetchall()

    version = "SELECT version_num FROM alembic_version"
    prefect("server", "database", "upgrade", "-y", env=settings)
    newest = rows(version)
    assert rows("SELECT extname FROM pg_extension WHERE extname = 'pg_trgm'")
    prefect("server", "database", "downgrade", "-y", "-r", "-1", env=settings)
    assert rows(version) != newest
    with running_prefect(tmp_path, free_port(), {DATABASE: for_asyncpg(address)}) as server:
        assert rows(version) == newest
        assert_reported(server, reporting(server.url, {}))
    assert rows("SELECT name FROM flow_run")
    prefect("server", "database", "reset", "-y", env=settings)
    assert rows(version) == newest
    assert not rows("SELECT name FROM flow_run")


def test_postgresql_without_pg_trgm_says_so(postgres: Postgres, tmp_path: Path) -> None:
    settings = {**prefect_environment(tmp_path, 1), DATABASE: for_asyncpg(postgres.new_database())}
    with pytest.raises(AssertionError, match="pg_trgm"):
        prefect("server", "database", "upgrade", "-y", env=settings)


def test_on_sqlite_in_a_file(prefect_server: PrefectServer, tmp_path: Path) -> None:
    assert_reported(prefect_server, reporting(prefect_server.url, {}))
    settings = prefect_environment(tmp_path, 1)

    def version() -> object:
        with sqlite3.connect(tmp_path / "prefect.db") as connection:
            return connection.execute("SELECT version_num FROM alembic_version").fetchone()

    prefect("server", "database", "upgrade", "-y", env=settings)
    newest = version()
    prefect("server", "database", "downgrade", "-y", "-r", "-1", env=settings)
    assert version() != newest
    prefect("server", "database", "reset", "-y", env=settings)
    assert version() == newest


def test_in_memory(tmp_path: Path) -> None:
    with running_prefect(tmp_path, free_port(), {DATABASE: IN_MEMORY}) as server:
        assert_reported(server, reporting(server.url, {}))
    assert not list(tmp_path.glob("*.db"))


def test_tls_by_a_certificate_of_ones_own(prefect_server: PrefectServer, tmp_path: Path) -> None:
    shown = certificate(tmp_path)
    port = int(prefect_server.url.rsplit(":", 1)[1])
    with tls_before(port, shown) as secure:
        url = f"https://{LOOPBACK}:{secure}"
        refused = reporting(url, {})
        assert refused.returncode != 0
        assert "certificate verify failed" in refused.stderr
        assert_reported(prefect_server, reporting(url, {"SSL_CERT_FILE": str(shown.file)}))
        assert_reported(prefect_server, reporting(url, {"PREFECT_API_TLS_INSECURE_SKIP_VERIFY": "true"}))


@pytest.fixture
def proxy(prefect_server: PrefectServer) -> Iterator[Proxy]:
    """Give a proxy, the only one that knows where Prefect is."""
    with forward_proxy({NAME: int(prefect_server.url.rsplit(":", 1)[1])}) as running:
        yield running


def test_through_a_proxy(prefect_server: PrefectServer, proxy: Proxy) -> None:
    """Requests by HTTP_PROXY, and the websockets of events too, which CONNECT."""
    assert_reported(prefect_server, reporting(f"http://{NAME}", {"HTTP_PROXY": proxy.url}))
    assert proxy.asked[NAME]
    assert proxy.connected[NAME]


def test_through_a_proxy_by_tls(prefect_server: PrefectServer, tmp_path: Path) -> None:
    shown = certificate(tmp_path, NAME)
    port = int(prefect_server.url.rsplit(":", 1)[1])
    with tls_before(port, shown) as secure, forward_proxy({NAME: secure}) as proxy:
        settings = {"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": str(shown.file)}
        assert_reported(prefect_server, reporting(f"https://{NAME}", settings))
    assert proxy.connected[NAME]


def test_past_a_proxy(prefect_server: PrefectServer, proxy: Proxy) -> None:
    settings = {"HTTP_PROXY": proxy.url, "HTTPS_PROXY": proxy.url, "NO_PROXY": LOOPBACK}
    assert_reported(prefect_server, reporting(prefect_server.url, settings))
    assert not proxy.asked
    assert not proxy.connected
