"""The files of this project that are made of its code, and their texts."""

from __future__ import annotations

from pathlib import Path

from docs.reference import api, commands, settings
from gate_server.policy.schema import BESIDE, schema_text

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def made() -> dict[Path, str]:
    """Return each file with the text that it has to have."""
    return {
        HERE / "commands.md": commands.page(),
        HERE / "api.md": api.page(),
        HERE / "settings.md": settings.page(),
        ROOT / "expectations" / BESIDE: schema_text(),
    }
