"""The fixture ``lakefs_server``: pytest loads this by itself wherever the package is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_lakefs.testing import RunningServer
from local_lakefs.testing import lakefs_server as running_server


@pytest.fixture
def lakefs_server(tmp_path: Path) -> Iterator[RunningServer]:
    """A fresh embedded lakeFS of the test's own; ``.client`` is a ``lakefs.Client`` for it."""
    with running_server(tmp_path / "lakefs") as server:
        yield server
