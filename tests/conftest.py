"""What all tests share: a PostgreSQL. Where it does not start, the tests that need it fail; none skips."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import Postgres, postgres_server

# A slow machine is no failure: neither one example's time nor that of making them is a test.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Give a PostgreSQL server of the tests' own."""
    with postgres_server() as server:
        yield server
