"""``encoding/yaml``: YAML in the form in which lakeFS's library (yaml.v3) writes it."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any

from local_lakefs.actions.lua_modules.arguments import Arguments
from local_lakefs.actions.lua_modules.json_text import scientific

INDENT = "    "
# Texts that unquoted would be read as something else, now or by older readers.
_NOT_TEXT = re.compile(
    r"|~|null|Null|NULL|true|True|TRUE|false|False|FALSE|y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF"
    r"|[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN|[-+]?0x[0-9a-fA-F_]+|[-+]?0o[0-7_]+|[-+]?0b[01_]+"
    r"|[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"
    r"|\d{4}-\d{1,2}-\d{1,2}([Tt ].*)?"
)
_UNPRINTABLE = re.compile(r"[^\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_NO_PLAIN = re.compile(r"[,\[\]{}#&*!|>'\"%@`]|[-?:](\s|$)|---|\.\.\.|\s|.*(: |:$| #|\s$)", re.DOTALL)


def _marshal(given: Arguments) -> str:
    value = None if given.value(1) is None and len(given) else given.table(1)
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> list[str]:
    """Write a value as lines; what is within it stands further in."""
    if isinstance(value, dict) and value:
        lines = []
        for key in sorted(value, key=_in_order):
            first, *rest = _lines(value[key])
            if isinstance(value[key], dict | list) and value[key]:
                lines += [f"{_scalar(key)}:", *(line and f"{INDENT}{line}" for line in (first, *rest))]
            else:
                lines += [f"{_scalar(key)}: {first}", *(line and f"{INDENT}{line}" for line in rest)]
        return lines
    if isinstance(value, list) and value:
        lines = []
        for item in value:
            first, *rest = _lines(item)
            lines += [f"- {first}", *(line and f"  {line}" for line in rest)]
        return lines
    if isinstance(value, str) and "\n" in value and not re.search(r" \n| $", value):
        return _literal(value)
    return [_scalar(value)]


def _literal(text: str) -> list[str]:
    """Write a text of several lines; the sign after the bar says what its end is."""
    ending = "-" if not text.endswith("\n") else "+" if text in ("\n",) or text.endswith("\n\n") else ""
    indent = str(len(INDENT)) if text[0] in " \n" else ""
    body = text.removesuffix("\n")
    return [f"|{indent}{ending}", *(body.split("\n") if body else [])]


def _scalar(value: Any) -> str:
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float):
        return _number(value)
    text = str(value)
    if _NOT_TEXT.fullmatch(text) or _UNPRINTABLE.search(text) or "\n" in text:
        return re.sub(r"\\u00(..)", r"\\x\1", json.dumps(text, ensure_ascii=False))
    return "'" + text.replace("'", "''") + "'" if _NO_PLAIN.match(text) else text


def _number(value: float) -> str:
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if value and not 1e-4 <= abs(value) < 1e6:
        return scientific(value, exponent_digits=2)
    return f"{Decimal(repr(value)).normalize():f}"


def _in_order(key: str) -> list[tuple[bool, int, str]]:
    """Sort signs before letters, and numbers within a name by their value."""
    return [
        (part.isalpha(), int(part) if part.isdecimal() else -1, part) for part in re.findall(r"\d+|\D", key)
    ]


def _unmarshal(given: Arguments) -> Any:
    from local_lakefs.actions.lua_modules.yaml_reading import read_yaml  # takes a while to load

    return read_yaml(given.bytes(1))


YAML = {"marshal": _marshal, "unmarshal": _unmarshal}
