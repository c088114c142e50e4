"""Branches that must not stay."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

from gate_server.errors import GateError, LakeFSError
from gate_server.lakefs.branches import Branches
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.left_branches import delete_left
from gate_server.store.times import now

PREFIX = "gate-"
NAME = re.compile(PREFIX + r"(?:canary|doctor|install|probe|proof)-([0-9a-f]{8})-[0-9a-f]{16}")
# An installation and a doctor's look last a minute; one that is disturbed could not tell, and says so.
ABANDONED_AFTER_S = 3600.0


def temporary_name(purpose: Literal["canary", "doctor", "install", "probe", "proof"]) -> str:
    """Return a name that nobody has; when it was made stands in it, for `delete_left_branches`."""
    return f"{PREFIX}{purpose}-{int(now().timestamp()):08x}-{secrets.token_hex(8)}"


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


def delete_left_branches(lakefs: LakeFS, repositories: Iterable[str]) -> list[str]:
    """Delete what was left by installations and doctors that were killed; return it, as lakeFS URIs."""
    made_before_s = now().timestamp() - ABANDONED_AFTER_S
    return delete_left(lakefs, repositories, NAME, prefix=PREFIX, made_before_s=made_before_s)
