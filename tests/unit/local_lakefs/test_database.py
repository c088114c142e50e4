from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from local_lakefs.storage.database import Database

INSERT = "INSERT INTO tags VALUES (1, ?, 'c')"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(tmp_path / "lakefs.db")
    with made.writing() as connection:
        connection.execute("INSERT INTO repositories VALUES (1, 'r', 'local://r', 'main', 0, 0, '{}')")
    return made


def names(database: Database) -> list[str]:
    return [row["id"] for row in database.all("SELECT id FROM tags ORDER BY id")]


def test_writes_are_synced_and_readers_do_not_wait(database: Database) -> None:
    assert database.one("PRAGMA journal_mode")[0] == "wal"  # type: ignore[index]
    assert database.one("PRAGMA synchronous")[0] == 2  # type: ignore[index] # FULL
    seen: list[list[str]] = []
    with database.writing() as connection:
        connection.execute(INSERT, ("a",))
        reader = threading.Thread(target=lambda: seen.append(names(database)))
        reader.start()
        reader.join()
    assert seen == [[]]
    assert names(database) == ["a"]


def test_an_exception_takes_everything_back(database: Database) -> None:
    def write_twice() -> None:
        with database.writing() as connection:
            connection.execute(INSERT, ("a",))
            connection.execute(INSERT, ("a",))

    with pytest.raises(sqlite3.IntegrityError):
        write_twice()
    assert names(database) == []


def test_writers_queue(database: Database) -> None:
    def write(number: int) -> None:
        for step in range(20):
            with database.writing() as connection:
                connection.execute(INSERT, (f"{number}-{step:02}",))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 80


def test_paths_sort_by_their_bytes(database: Database) -> None:
    odd = ["\x00", "a", "a\x00b", "a/", "é", "\ud7ff", "\ue000", "\U0001f600"]
    with database.writing() as connection:
        connection.executemany(INSERT, [(name,) for name in reversed(odd)])
    assert names(database) == sorted(odd, key=str.encode) == odd


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "lakefs.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(RuntimeError, match="another version: 99"):
        Database(tmp_path / "lakefs.db")
