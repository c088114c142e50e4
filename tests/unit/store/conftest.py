"""Each test of the store runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gate_server.store.store import Store, open_store


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/gate.db"
    return str(request.getfixturevalue("postgres").new_database())


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """Give a store with the newest schema."""
    opened = open_store(database_url)
    yield opened
    opened.engine.dispose()
