"""Tokens are tested on both databases, as the store is."""

from tests.unit.store.conftest import database_url, store

__all__ = ["database_url", "store"]
