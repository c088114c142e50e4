"""Branch protection: patterns of branch names that take no direct writes and commits."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

from local_lakefs.errors import Forbidden, Refused
from local_lakefs.storage.entries import dump
from local_lakefs.versioning.globs import matches

if TYPE_CHECKING:
    from local_lakefs.versioning.repositories import Repository

SETTING = "protected_branches"
WRITE_REFUSED = "cannot write to protected branch"
COMMIT_REFUSED = "cannot commit to protected branch"


def patterns(repository: Repository) -> list[str]:
    row = repository.database.one(
        "SELECT value FROM settings WHERE repository = ? AND name = ?", (repository.uid, SETTING)
    )
    return [] if row is None else list(json.loads(row["value"]))


def checksum(rules: list[str]) -> str:
    """Return what ``If-Match`` must hold to replace these rules; empty when there are none yet."""
    return base64.b64encode(hashlib.sha256(dump(rules).encode()).digest()).decode() if rules else ""


def set_patterns(repository: Repository, rules: list[str], if_match: str | None) -> None:
    """Replace the rules, if ``if_match`` is None or the checksum of the present ones; raises Refused."""
    with repository.database.writing() as connection:
        if if_match is not None and if_match != checksum(patterns(repository)):
            raise Refused("Precondition failed")
        connection.execute(
            "INSERT OR REPLACE INTO settings VALUES (?, ?, ?)",
            (repository.uid, SETTING, dump(sorted(set(rules)))),
        )


def is_protected(repository: Repository, branch_id: str) -> bool:
    return any(matches(pattern, branch_id) for pattern in patterns(repository))


def require_unprotected(repository: Repository, branch_id: str, refusal: str = WRITE_REFUSED) -> None:
    if is_protected(repository, branch_id):
        raise Forbidden(refusal)
