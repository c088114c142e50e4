"""Branches that must not stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gate_server.errors import GateError, LakeFSError
from gate_server.lakefs.branches import Branches


@contextmanager
def temporary_branch(branches: Branches, name: str, source: str) -> Iterator[None]:
    """Have a hidden branch `name` at `source` for the block, and delete it whatever happens."""
    branches.create(name, source, hidden=True)
    try:
        yield
    except BaseException as error:
        try:
            branches.delete(name)
        except LakeFSError as left:
            if isinstance(error, GateError):
                error.hint += f"; branch {name} is left, delete it ({left.message})"
        raise
    branches.delete(name)
