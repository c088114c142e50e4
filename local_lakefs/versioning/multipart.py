"""Uploads in parts that are under way: what they will become, and which parts have come."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_lakefs.errors import NotFound
from local_lakefs.storage.entries import Metadata, dump

if TYPE_CHECKING:
    from local_lakefs.versioning.repositories import Repository


@dataclass(frozen=True)
class Upload:
    """An upload in parts, and what its object will be."""

    id: str
    path: str
    content_type: str
    metadata: Metadata

    def part_address(self, number: int) -> str:
        """Return where a part lies, relative to the storage namespace."""
        return f"{self.id}-{number:05d}"


def create(repository: Repository, path: str, content_type: str, metadata: Metadata) -> Upload:
    upload = Upload(secrets.token_hex(16), path, content_type, metadata)
    with repository.database.writing() as connection:
        connection.execute(
            "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?)",
            (repository.uid, upload.id, path, content_type, dump(metadata), int(time.time())),
        )
    return upload


def get(repository: Repository, upload_id: str) -> Upload:
    """Return an upload that is under way; raises NotFound."""
    row = repository.database.one(
        "SELECT * FROM uploads WHERE repository = ? AND id = ?", (repository.uid, upload_id)
    )
    if row is None:
        raise NotFound("not found")
    metadata = json.loads(row["metadata"])
    return Upload(row["id"], row["path"], row["content_type"], metadata)


def add_part(repository: Repository, upload: Upload, number: int) -> None:
    """Remember that a part has come; raises NotFound when the upload has ended meanwhile."""
    with repository.database.writing() as connection:
        get(repository, upload.id)
        connection.execute(
            "INSERT OR REPLACE INTO upload_parts VALUES (?, ?, ?)", (repository.uid, upload.id, number)
        )


def parts(repository: Repository, upload: Upload) -> list[int]:
    """Return the numbers of the parts that have come, in the order in which they make the whole."""
    rows = repository.database.all(
        "SELECT number FROM upload_parts WHERE repository = ? AND upload = ? ORDER BY number",
        (repository.uid, upload.id),
    )
    return [row["number"] for row in rows]


def delete(repository: Repository, upload: Upload) -> None:
    """Forget an upload and its parts."""
    with repository.database.writing() as connection:
        connection.execute("DELETE FROM uploads WHERE repository = ? AND id = ?", (repository.uid, upload.id))
