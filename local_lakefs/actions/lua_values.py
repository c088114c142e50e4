"""Values between Python and Lua, with lakeFS's rules for what can pass, and JSON by them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lupa.lua52 import LuaRuntime, lua_type

JSON_LIMIT_BYTES = 16 << 20  # to read; as tables it takes many times that


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
        """Make a Lua value of a JSON value; lists become marked arrays."""
        if isinstance(value, str):
            whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return whole.encode().decode("latin-1")
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int | float):
            return float(value)
        if isinstance(value, dict):
            return self.runtime.table_from(
                {self.push(str(key)): self.push(item) for key, item in value.items() if item is not None}
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
            return value.encode("latin-1").decode(errors="replace") if isinstance(value, str) else value
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


def table_argument(lua: Lua, value: Any) -> Any:
    """Read a function's argument that must be a table."""
    if lua_type(value) != "table":
        kind = lua_type(value) or {str: "string", bool: "boolean"}.get(type(value), "number")
        raise CannotConvert(f"need a table at index 1, got {kind}: cannot pull go type into lua")
    return lua.pull(value)


def marshal(lua: Lua, *arguments: Any) -> str:
    """Answer for ``encoding/json``'s ``marshal(table, {prefix=, indent=})``: JSON and a line end."""
    if not arguments:
        raise CannotConvert("need a table at index 1, got no value: cannot pull go type into lua")
    value = None if arguments[0] is None else table_argument(lua, arguments[0])
    options = table_argument(lua, arguments[1]) if len(arguments) > 1 and arguments[1] is not None else {}
    indent, prefix = str(options.get("indent", "")), str(options.get("prefix", ""))
    pretty = bool(indent or prefix)
    text = json.dumps(
        _go_numbers(value),
        ensure_ascii=False,
        sort_keys=True,
        indent=indent if pretty else None,
        separators=(",", ": " if pretty else ":"),
    )
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return (text.replace("\n", f"\n{prefix}") + "\n").encode().decode("latin-1")


def unmarshal(lua: Lua, *arguments: Any) -> Any:
    """Answer for ``encoding/json``'s ``unmarshal(text)``."""
    payload = arguments[0] if arguments else None
    if isinstance(payload, int | float) and not isinstance(payload, bool):
        payload = f"{payload:.14g}"
    if not isinstance(payload, str):
        kind = lua_type(payload) or ("boolean" if isinstance(payload, bool) else "nil")
        raise CannotConvert(f"bad argument #1 to '?' (string expected, got {kind})")
    if len(payload) > JSON_LIMIT_BYTES:
        raise CannotConvert(f"JSON larger than {JSON_LIMIT_BYTES} bytes")
    text = payload.encode("latin-1").decode(errors="replace")
    try:
        return lua.push(json.loads(text, parse_constant=_no_constant))
    except RecursionError as error:
        raise CannotConvert("exceeded max depth") from error
    except ValueError as error:
        empty = not text.strip() or "Unterminated" in str(error)
        raise CannotConvert("unexpected end of JSON input" if empty else f"invalid JSON: {error}") from error


def _go_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _go_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_go_numbers(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            shown = "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
            raise CannotConvert(f"json: unsupported value: {shown}")
        return int(value) if value.is_integer() and abs(value) < 1e21 else value
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"invalid character '{name[0]}' looking for beginning of value")
