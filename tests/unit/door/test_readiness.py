"""Readiness: a lakeFS that does not answer holds up one thread, not all."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from gate_server.door.readiness import Readiness
from gate_server.errors import CouldNotTell
from gate_server.lakefs.client import LakeFS
from gate_server.store.store import open_store

PATIENCE_S = 60.0


def test_while_one_looks_nobody_else_waits(tmp_path: Path) -> None:
    asked, answers = threading.Event(), threading.Event()

    def hang(_: httpx.Request) -> httpx.Response:
        asked.set()
        assert answers.wait(PATIENCE_S)
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    store = open_store(f"sqlite:///{tmp_path / 'gate.db'}")
    readiness = Readiness(LakeFS("http://lakefs", "k", "s", transport=httpx.MockTransport(hang)), store)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(readiness.now)
        assert asked.wait(PATIENCE_S)
        try:
            with pytest.raises(CouldNotTell, match="no answer yet"):
                readiness.now()
        finally:
            answers.set()
        found = first.result(PATIENCE_S)
    assert [error.message for error in found.missing] == ["no worker is alive"]
