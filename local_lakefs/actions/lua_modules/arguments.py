"""The arguments of a function that a script calls, read with Lua's rules and go-lua's errors."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from local_lakefs.actions.lua_values import CannotConvert, Lua, kind_of

_DECIMAL = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_LARGEST_INTEGER = 2**63 - 1


@dataclass(frozen=True)
class Arguments:
    """Numbered from 1, as in Lua. ``skipped`` of them do not count: they come from us."""

    lua: Lua
    values: tuple[Any, ...]
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.values) - self.skipped

    def after_first(self) -> Arguments:
        return Arguments(self.lua, self.values, self.skipped + 1)

    def value(self, at: int) -> Any:
        return self.values[self.skipped + at - 1] if at <= len(self) else None

    def bytes(self, at: int) -> bytes:
        """Return a text as Lua has it; a number counts as one."""
        value = self.value(at)
        if isinstance(value, str):
            return value.encode("latin-1")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(at, "string")
        return f"{value:.14g}".encode()

    def text(self, at: int, default: str | None = None) -> str:
        """Return a text; what is no UTF-8 in it is replaced. With a default it may be left out."""
        if default is not None and at > len(self):
            return default
        return self.bytes(at).decode(errors="replace")

    def number(self, at: int) -> float:
        value = self.value(at)
        number = as_number(value)
        if number is None:
            raise self.wrong(at, "number")
        return number

    def integer(self, at: int) -> int:
        number = self.number(at)
        if math.isnan(number) or abs(number) > _LARGEST_INTEGER:
            return -_LARGEST_INTEGER - 1
        return int(number)

    def flag(self, at: int) -> bool:
        """Tell whether Lua takes it for true."""
        return self.value(at) not in (None, False)

    def table(self, at: int) -> Any:
        """Return a table as a dict or list."""
        if kind_of(self.value(at)) != "table":
            kind = kind_of(self.value(at)) if at <= len(self) else "no value"
            raise CannotConvert(f"need a table at index {at}, got {kind}: cannot pull go type into lua")
        return self.lua.pull(self.value(at))

    def wrong(self, at: int, wanted: str) -> CannotConvert:
        got = kind_of(self.value(at)) if at <= len(self) else "no value"
        return CannotConvert(f"bad argument #{at} to '?' ({wanted} expected, got {got})")


def as_number(value: Any) -> float | None:
    """Read a number as Lua does, also one that is written as text; None when it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        if _DECIMAL.fullmatch(value):
            return float(value)
        if value.strip().lower().startswith(("0x", "-0x", "+0x")):
            try:
                return float.fromhex(value.strip())
            except (ValueError, OverflowError):
                return None
    return None
