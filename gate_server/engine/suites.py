"""Reads a suite: Great Expectations' own JSON, with the line on which each expectation begins."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NoReturn

from gate_server.errors import ConfigError
from gate_server.model import Suite

SUITE_KEYS = frozenset({"name", "id", "expectations", "meta", "notes", "suite_parameters"})
EXPECTATION_KEYS = frozenset(
    {
        "type",
        "kwargs",
        "meta",
        "notes",
        "description",
        "severity",
        "id",
        "success_on_last_run",
        "expectation_context",
        "rendered_content",
    }
)
# What Great Expectations called them before 1.0.
FORMER_KEYS = {
    "expectation_type": "type",
    "expectation_suite_name": "name",
    "evaluation_parameters": "suite_parameters",
}

_SPACE = re.compile(r"[ \t\n\r]*")


def read_suite(name: str, text: str, path: str) -> Suite:
    """Read the JSON text of a suite.

    Raises
    ------
    ConfigError
        The text is no JSON, or not of the shape of a suite; the message names file and line.
    """
    decoder = json.JSONDecoder(
        object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=_float
    )
    try:
        content, _ = decoder.raw_decode(text, _skip(text, 0))
        json.loads(text)  # also refuses what stands after the suite
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}:{error.lineno}: not valid JSON: {error.msg}") from error
    except _Refused as error:
        raise ConfigError(f"{path}:{_line_of(text, error.key)}: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deeply") from error
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path}:1: a suite is a JSON object", 'start with {"name": ..., "expectations": [...]}'
        )
    _known_keys(content, SUITE_KEYS, f"{path}:1: the suite")
    for key in ("meta", "suite_parameters"):
        if not isinstance(content.get(key) or {}, dict):
            raise ConfigError(f"{path}:1: `{key}` must be a JSON object")
    if not isinstance(content.get("expectations"), list):
        raise ConfigError(f"{path}:1: `expectations` must be a list", "an empty suite is refused as well")
    lines = tuple(_expectation_lines(text, decoder))
    for line, expectation in zip(lines, content["expectations"], strict=True):
        _check_shape(expectation, f"{path}:{line}: the expectation")
    return Suite(name=name, content=content, path=path, lines=lines)


class _Refused(ValueError):
    """Valid JSON that a suite must not hold."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise _Refused(key, f"the key `{key}` stands twice in one object")
        seen[key] = value
    return seen


def _no_constant(text: str) -> NoReturn:
    raise _Refused(text, f"{text} is no JSON number")


def _float(text: str) -> float:
    """Return the number; refuse digits that would be lost, as a bound of 1.09999999999999999 is no 1.1."""
    number = float(text)
    if Decimal(text) != Decimal(repr(number)):
        raise _Refused(text, f"the number {text} cannot be kept exactly, it would be read as {number!r}")
    return number


def _line_of(text: str, spelled: str) -> int:
    """Return the line of the last place that spells a key or number: near enough for a duplicate key."""
    place = text.rfind(json.dumps(spelled))
    if place < 0:
        place = text.rfind(spelled)
    return text.count("\n", 0, max(place, 0)) + 1


def _known_keys(found: dict[str, Any], known: frozenset[str], what: str) -> None:
    for key in found:
        if key in FORMER_KEYS:
            raise ConfigError(
                f"{what} has the key `{key}`, which Great Expectations used before 1.0",
                f"write `{FORMER_KEYS[key]}`",
            )
        if key not in known:
            raise ConfigError(
                f"{what} has the unknown key `{key}`", f"known keys: {', '.join(sorted(known))}"
            )


def _check_shape(expectation: Any, what: str) -> None:
    if not isinstance(expectation, dict):
        raise ConfigError(f"{what} is not a JSON object", 'write {"type": ..., "kwargs": {...}}')
    _known_keys(expectation, EXPECTATION_KEYS, what)
    if not isinstance(expectation.get("type"), str):
        raise ConfigError(f"{what} has no `type`", 'such as "expect_column_values_to_not_be_null"')
    if not isinstance(expectation.get("kwargs", {}), dict):
        raise ConfigError(f"{what}: `kwargs` must be a JSON object")
    if not isinstance(expectation.get("meta") or {}, dict):
        raise ConfigError(f"{what}: `meta` must be a JSON object")


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _expectation_lines(text: str, decoder: json.JSONDecoder) -> Iterator[int]:
    """Yield the line of each element of the top-level list `expectations` (the text is valid JSON)."""
    position = _skip(text, _skip(text, 0) + 1)
    while text[position] != "}":
        key, position = decoder.raw_decode(text, position)
        position = _skip(text, _skip(text, position) + 1)  # the colon
        if key == "expectations":
            position = _skip(text, position + 1)
            while text[position] != "]":
                yield text.count("\n", 0, position) + 1
                _, position = decoder.raw_decode(text, position)
                position = _skip(text, position)
                position = _skip(text, position + 1) if text[position] == "," else position
            position += 1
        else:
            _, position = decoder.raw_decode(text, position)
        position = _skip(text, position)
        position = _skip(text, position + 1) if text[position] == "," else position
