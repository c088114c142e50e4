"""Where notices go: names for addresses, which are secrets of the gate's settings."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gate_server.errors import ConfigError

_LINE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,99})\s+(?P<address>[A-Za-z][A-Za-z0-9+.-]*://\S+)")


def read_targets(text: str) -> Mapping[str, tuple[str, ...]]:
    """Return the addresses of each target, from lines of ``NAME ADDRESS``; a name may have several.

    Raises
    ------
    ConfigError
        Naming the line that is wrong, and nothing that stands in it: addresses hold passwords.
    """
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        parts = _LINE.fullmatch(stripped)
        if parts is None:
            raise ConfigError(
                f"GATE_NOTICE_TARGETS, line {number}: a name and an address are needed",
                "such as `team-sales slack://...` or `oncall mailtos://...`, as apprise has them",
            )
        found[parts["name"]] = (*found.get(parts["name"], ()), parts["address"])
    return found
