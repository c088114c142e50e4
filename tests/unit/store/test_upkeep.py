"""Backups that can be gone back to, and what `gate db check` finds."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text

from gate_server.errors import CouldNotTell, UsageError
from gate_server.store import database
from gate_server.store.store import Store, open_store
from gate_server.store.upkeep import backup, damages
from tests.postgres import Postgres

PAGES_READ = 6 * 4096  # the schema and its version


@pytest.fixture
def filled(store: Store) -> Store:
    store.installations.record("repo", "main", {"a": "1"}, "c1")
    return store


@pytest.fixture
def with_pg_dump(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(postgres.programs), prepend=":")


def restored(store: Store, file: Path, postgres: Postgres) -> Store:
    """Open what a backup holds, as the docs say."""
    if store.engine.dialect.name == "sqlite":
        return open_store(f"sqlite:///{shutil.copy(file, file.with_suffix('.db'))}")
    url = postgres.new_database()
    address = url.replace("postgresql+psycopg", "postgresql")
    subprocess.run(["pg_restore", "--clean", "--if-exists", f"--dbname={address}", file], check=True)
    return open_store(url)


@pytest.mark.usefixtures("with_pg_dump")
def test_a_backup_holds_all_as_of_its_moment(filled: Store, postgres: Postgres, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    backup(filled.engine, file)
    filled.installations.record("repo", "main", {"a": "2"}, "c2")
    assert file.stat().st_mode & 0o077 == 0
    again = restored(filled, file, postgres)
    assert again.installations.files("repo", "main") == {"a": "1"}
    assert damages(again.engine) == []
    again.engine.dispose()


def test_a_backup_overwrites_nothing(filled: Store, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_text("mine")
    with pytest.raises(UsageError, match="cannot be made"):
        backup(filled.engine, file)
    assert file.read_text() == "mine"


def test_a_backup_that_fails_leaves_no_file(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup"
    if filled.engine.dialect.name == "sqlite":
        filled.engine.dispose()
        path = Path(str(filled.engine.url.database))
        damaged = bytearray(path.read_bytes())
        damaged[PAGES_READ:] = b"x" * (len(damaged) - PAGES_READ)
        path.write_bytes(damaged)
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises((UsageError, CouldNotTell)):
        backup(filled.engine, file)
    assert not file.exists()


def test_nothing_to_save_is_said(database_url: str, tmp_path: Path) -> None:
    engine = database.open_engine(database_url)
    with pytest.raises(UsageError, match="empty"):
        backup(engine, tmp_path / "backup")
    engine.dispose()


def test_a_sound_database_is_sound_and_another_is_not(filled: Store) -> None:
    assert damages(filled.engine) == []
    with filled.engine.begin() as connection:
        connection.execute(text("DROP INDEX ix_checks_known"))
    assert "ix_checks_known" in str(damages(filled.engine))
    database.downgrade(filled.engine, "0002")
    assert "this program needs" in str(damages(filled.engine))
