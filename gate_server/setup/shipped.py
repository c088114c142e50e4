"""The folders that users copy, found in a checkout and in an installed distribution alike."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from gate_server.errors import ConfigError

PACKAGE = Path(__file__).resolve().parent.parent


def shipped(folder: Literal["actions", "hooks", "expectations"]) -> Path:
    """Return the path of a folder that comes with the gate.

    Raises
    ------
    ConfigError
        When the distribution lacks it.
    """
    for path in (PACKAGE / "shipped" / folder, PACKAGE.parent / folder):
        if path.is_dir():
            return path
    raise ConfigError(f"this installation of the gate lacks its folder {folder}", "install lakefs-gate again")
