"""Secrets and cell values that must turn up nowhere: looked for in all that the gates of the tests leave.

Tests put `CELL` into the cells of their data. What `running_gate` starts is looked through at its end: every
file of its folder (logs, SQLite with its freed pages, backups), every column of its database; and, while the
tests run, each of its answers and the output of each command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import MetaData, create_engine, select
from sqlalchemy.exc import SQLAlchemyError

from gate_server.store.ledger import Ledger
from gate_server.store.tables import ledger

CELL = "zq7cell"
HOOK_TOKEN = "hook-token-of-the-tests"
API_TOKEN = "api-token-of-the-tests"
_SECRETS = ("GATE_HOOK_TOKEN", "GATE_API_TOKEN", "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY")


class Canaries:
    """What must turn up nowhere, and where it did."""

    def __init__(self) -> None:
        self.texts = {CELL, HOOK_TOKEN, API_TOKEN}
        self.places: list[str] = []
        self.looked_at: dict[str, int] = {}
        self._gates: list[str] = []

    def watch(self, url: str, environment: Mapping[str, str]) -> None:
        """Look at the answers of a gate, and for its secrets, from now on."""
        self._gates.append(url)
        self.texts |= {environment[name] for name in _SECRETS if len(environment.get(name, "")) > 8}

    def look_at(self, kind: str, place: str, content: bytes | str) -> None:
        """Look through one thing."""
        self.looked_at[kind] = self.looked_at.get(kind, 0) + 1
        data = content.encode(errors="replace") if isinstance(content, str) else content
        pattern = b"|".join(re.escape(text.encode()) for text in sorted(self.texts))
        for found in re.finditer(pattern, data):
            around = data[max(0, found.start() - 80) : found.end() + 40]
            self.places.append(f"{kind} {place}: {around!r}")
            return

    def look_at_answer(self, answer: httpx.Response) -> None:
        """Look through an answer, where a gate gave it."""
        if str(answer.request.url).startswith(tuple(self._gates)):
            told = f"{answer.request.method} {answer.request.url.path}"
            self.look_at("answer", told, f"{answer.headers}\n".encode() + answer.content)

    def look_at_folder(self, folder: Path) -> None:
        """Look through every file that a gate left."""
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.suffix not in (".yaml", ".pem"):
                self.look_at("file", str(file), file.read_bytes())

    def look_at_database(self, url: str) -> None:
        """Look through every row of every table; and whether the ledger's chain is whole."""
        engine = create_engine(url)
        try:
            tables = MetaData()
            tables.reflect(engine)
            if ledger.name in tables.tables:  # kept by every gate, whatever was done to it
                broken = Ledger(engine).verify()
                self.places += [f"the ledger of {engine.url.database}: {finding}" for finding in broken]
            with engine.connect() as connection:
                for table in tables.sorted_tables:
                    rows: Iterable[Any] = connection.execute(select(table))
                    self.look_at("table", table.name, repr([tuple(row) for row in rows]))
        except SQLAlchemyError:  # a test took it away
            pass
        finally:
            engine.dispose()


CANARIES = Canaries()
