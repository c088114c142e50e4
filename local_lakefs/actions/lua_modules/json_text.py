"""``encoding/json``: JSON as Go writes and reads it."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

from local_lakefs.actions.lua_modules.arguments import Arguments
from local_lakefs.actions.lua_values import CannotConvert

JSON_LIMIT_BYTES = 16 << 20  # to read; as tables it takes many times that


def _marshal(given: Arguments) -> str:
    """Answer for ``marshal(table, {prefix=, indent=})``: JSON and a line end."""
    value = None if given.value(1) is None and len(given) else given.table(1)
    options = given.table(2) if given.value(2) is not None else {}
    indent, prefix = options.get("indent", ""), options.get("prefix", "")
    if not isinstance(indent, str) or not isinstance(prefix, str):
        raise CannotConvert("indent and prefix must be strings")
    text = _written(value, indent, f"\n{prefix}") if indent or prefix else _written(value)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text + "\n"


def _written(value: Any, indent: str = "", line: str = "") -> str:
    """Write a value; `line` begins a new line at the value's depth, empty when all stands on one."""
    inner = line + indent
    if isinstance(value, dict) and value:
        colon = ": " if line else ":"
        items = [
            f"{json.dumps(key, ensure_ascii=False)}{colon}{_written(value[key], indent, line and inner)}"
            for key in sorted(value)
        ]
        return "{" + ",".join((line and inner) + item for item in items) + line + "}"
    if isinstance(value, list) and value:
        items = [_written(item, indent, line and inner) for item in value]
        return "[" + ",".join((line and inner) + item for item in items) + line + "]"
    if isinstance(value, float):
        return _number(value)
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    if not math.isfinite(value):
        shown = "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
        raise CannotConvert(f"json: unsupported value: {shown}")
    if value and not 1e-6 <= abs(value) < 1e21:
        return scientific(value, exponent_digits=1)
    return f"{Decimal(repr(value)).normalize():f}"


def scientific(value: float, *, exponent_digits: int) -> str:
    """Write a number with an exponent, in the fewest digits that mean it."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - it is finite
    first, rest = str(digits[0]), "".join(map(str, digits[1:]))
    exponent += len(digits) - 1
    return (
        f"{'-' if sign else ''}{first}{'.' if rest else ''}{rest}"
        f"e{'-' if exponent < 0 else '+'}{abs(exponent):0{exponent_digits}d}"
    )


def _unmarshal(given: Arguments) -> Any:
    text = given.bytes(1)
    if len(text) > JSON_LIMIT_BYTES:
        raise CannotConvert(f"JSON larger than {JSON_LIMIT_BYTES} bytes")
    return parsed(text)


def parsed(text: bytes) -> Any:
    """Read JSON; raises CannotConvert."""
    try:
        return json.loads(
            text.decode(errors="replace"),
            parse_constant=_no_constant,
            parse_float=_float,
            parse_int=_float,
        )
    except RecursionError as error:
        raise CannotConvert("exceeded max depth") from error
    except ValueError as error:
        empty = not text.strip() or "Unterminated" in str(error)
        raise CannotConvert("unexpected end of JSON input" if empty else f"invalid JSON: {error}") from error


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise CannotConvert(f"json: cannot unmarshal number {text} into Go value of type float64")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"invalid character '{name[0]}' looking for beginning of value")


JSON = {"marshal": _marshal, "unmarshal": _unmarshal}
