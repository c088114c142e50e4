"""Durations as Go writes them, such as ``1m30s``."""

from __future__ import annotations

import re

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)"
_WHOLE = re.compile(rf"([+-]?)((?:{_PART})+|0)", re.ASCII)


def parse_duration_s(text: str) -> float:
    """Read a duration into seconds; raises ValueError in Go's words."""
    found = _WHOLE.fullmatch(text)
    if not found:
        raise ValueError(f'time: invalid duration "{text}"')
    total_s = sum(float(number) * _SECONDS[unit] for number, unit in re.findall(_PART, found.group(2)))
    return -total_s if found.group(1) == "-" else total_s


def format_duration(seconds: float) -> str:
    """Write a duration for a log, in milliseconds below one second, else in seconds."""
    return f"{seconds * 1000:.6f}ms" if seconds < 1 else f"{seconds:.9f}s"
