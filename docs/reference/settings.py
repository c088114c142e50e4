"""The settings, as the program reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr

from docs.reference.markdown import plain, table
from gate_server.policy.schema import described
from gate_server.settings import PREFIX, Settings

HEAD = """\
# Settings
Made of the program. Each is a variable of the environment, or stands in `gate.toml` of the folder that the gate is started in, there without `GATE_` and in small letters (`wait_s = 50`). The environment wins. `..._FILE` is the path of a file that holds the value, for secrets. An unknown `GATE_` name is an error, as a typo could leave a protection off; the processes read them when they start.

lakeFS's address and keys are lakectl's own: `LAKECTL_SERVER_ENDPOINT_URL`, `LAKECTL_CREDENTIALS_ACCESS_KEY_ID` and `LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY`, or `~/.lakectl.yaml` (`LAKECTL_CONFIG_FILE`). What traces take is in [monitoring](../monitoring.md).

"""
_SIGNS = {Gt: "above", Ge: "at least", Le: "at most"}


def page() -> str:
    """Return the page."""
    told = described(Settings)
    rows = [
        (
            f"`{PREFIX}{name.upper()}`",
            _default(field.default),
            plain(_named(told[name])) + _bounds(field.metadata),
        )
        for name, field in Settings.model_fields.items()
    ]
    return HEAD + table(("setting", "default", ""), rows)


def _named(told: str) -> str:
    """Return a text in which settings have the names that people set."""
    return re.sub(
        r"`(\w+)`",
        lambda found: f"`{PREFIX}{found[1].upper()}`" if found[1] in Settings.model_fields else found[0],
        told,
    )


def _default(value: Any) -> str:
    if value in (None, "", ()):
        return "not set"
    if isinstance(value, Path):
        return f"`{value.as_posix()}`"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, SecretStr):
        raise TypeError("a secret that ships")
    return f"{value:,}" if isinstance(value, int) else f"`{value}`"


def _bounds(metadata: list[Any]) -> str:
    """Return the bounds of a number in words."""
    found = [
        f"{sign} {getattr(one, kind.__name__.lower()):,}"
        for one in metadata
        for kind, sign in _SIGNS.items()
        if isinstance(one, kind)
    ]
    return f" ({', '.join(found)})" if found else ""
