"""A range store on disk with ranges of a few entries each, so that a handful of keys makes many ranges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_lakefs.storage import ranges
from local_lakefs.storage.database import Database
from local_lakefs.storage.ranges import RangeStore


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RangeStore]:
    database = Database(Path(tmp_path_factory.mktemp("store")) / "lakefs.db")
    with database.writing() as connection:
        connection.execute(
            "INSERT INTO repositories (id, storage_namespace, default_branch, creation_date, read_only)"
            " VALUES ('r', 'local://r', 'main', 0, 0)"
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "AVERAGE_RANGE_LENGTH", 3)
        yield RangeStore(database, 1)
