"""What importing the client brings along."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "alembic",
    "flask",
    "great_expectations",
    "lakefs",
    "numpy",
    "pandas",
    "polars",
    "prefect",
    "pyarrow",
    "sqlalchemy",
    "structlog",
    "gate_server",
    "local_lakefs",
)


def test_importing_the_client_brings_nothing_of_the_service() -> None:
    code = "import sys, gate_client; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert {"gate_client", "httpx", "pydantic"} <= set(done.stdout.split())
    assert not set(HEAVY) & set(done.stdout.split())
