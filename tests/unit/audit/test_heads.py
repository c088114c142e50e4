"""The ledger's head goes to the log, where nobody who owns the database alters it."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from gate_server.audit.heads import TellsHead
from gate_server.store.ledger import append
from gate_server.store.store import open_store


def test_a_new_head_is_told_once(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/gate.db")
    tell, heads = TellsHead(store.ledger), []
    for number in range(3):
        with capture_logs() as lines:
            tell()
            tell()
        assert [line["head"] for line in lines] == heads[-1:]
        with store.engine.begin() as connection:
            append(connection, "verdict", subject=str(number))
        heads.append(str(store.ledger.head()))
    assert [head.partition(":")[0] for head in heads] == ["1", "2", "3"]
