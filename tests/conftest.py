"""What all tests share: a PostgreSQL. Where it does not start, the tests that need it fail; none skips."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import Postgres, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Give a PostgreSQL server of the tests' own."""
    with postgres_server() as server:
        yield server
