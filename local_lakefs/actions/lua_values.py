"""Values between Python and Lua, with lakeFS's rules for what can pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lupa.lua52 import LuaRuntime, lua_type


class CannotConvert(Exception):
    """A value cannot pass.

    Attributes
    ----------
    placed : bool
        Whether Lua puts the line of the script before the message.
    """

    def __init__(self, message: str, *, placed: bool = True) -> None:
        super().__init__(message)
        self.placed = placed


@dataclass
class Lua:
    """An interpreter, with the two things of its sandbox that conversion needs."""

    runtime: LuaRuntime
    is_array: Callable[[Any], bool] = field(default=lambda _table: False)
    array: Callable[[Any], Any] = field(default=lambda table: table)

    def push(self, value: Any) -> Any:
        """Make a Lua value of what JSON and YAML have, or of bytes; lists become marked arrays."""
        if isinstance(value, bytes):
            return value.decode("latin-1")
        if isinstance(value, str):
            whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return whole.encode().decode("latin-1")
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int | float):
            return float(value)
        if isinstance(value, dict):
            return self.runtime.table_from(
                {self.push(key): self.push(item) for key, item in value.items() if item is not None}
            )
        if isinstance(value, list):
            return self._array(value)
        raise CannotConvert(f"contains unsupported type: {type(value).__name__}")

    def pull(self, value: Any) -> Any:
        """Make a JSON value of a Lua table, by lakeFS's rules.

        A table counts as a list only when it is marked by ``array``; otherwise its keys must be texts.
        """
        try:
            return self._pull(value)
        except RecursionError as error:
            raise CannotConvert("pull table, stack exhausted") from error

    def _array(self, items: list[Any]) -> Any:
        table = self.runtime.table()
        for index, item in enumerate(items, start=1):
            if item is not None:
                table[index] = self.push(item)
        return self.array(table)

    def _pull(self, value: Any) -> Any:
        kind = lua_type(value)
        if kind is None:
            if isinstance(value, str):
                return value.encode("latin-1").decode(errors="replace")
            return value if isinstance(value, bool) or value is None else float(value)
        if kind != "table":
            raise CannotConvert(f"pull table, unsupported type {kind}: cannot pull go type into lua")
        if self.is_array(value):
            return self._pull_array(value)
        pulled = {}
        for key, item in value.items():
            if isinstance(key, bool) or not isinstance(key, str | int | float):
                name = "boolean" if isinstance(key, bool) else lua_type(key)
                raise CannotConvert(f"key should be a string ({name}): cannot pull go type into lua")
            if not isinstance(key, str):
                # go-lua turns the number into a text while it walks, and then does not find it
                raise CannotConvert("invalid key to 'next'", placed=False)
            pulled[self._pull(key)] = self._pull(item)
        return pulled

    def _pull_array(self, table: Any) -> list[Any]:
        items: list[Any] = [None] * len(table)
        for key, item in table.items():
            if isinstance(key, bool) or not isinstance(key, int | float) or not 1 <= key <= len(items):
                raise CannotConvert(
                    f"pull array: expected numeric index, got '{key}': cannot pull go type into lua"
                )
            items[int(key) - 1] = self._pull(item)
        return items


def kind_of(value: Any) -> str:
    """Name the type of a value as Lua does."""
    kind: str | None = lua_type(value)
    if kind is not None:
        return kind
    if value is None:
        return "nil"
    return {str: "string", bool: "boolean"}.get(type(value), "number")
