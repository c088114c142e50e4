"""Reads YAML as lakeFS's library (yaml.v3) does: YAML 1.2 but for octal numbers; dates cannot pass."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from local_lakefs.actions.lua_values import CannotConvert

YAML_LIMIT_BYTES = 1 << 20  # it takes a hundred times that
NODES_LIMIT = 400_000  # what scalars, lists and maps there may be, anchors resolved


class _Constructor(SafeConstructor):
    """Reads octal numbers in the old way too, and takes what has an unknown tag for what it is without."""

    def construct_yaml_int(self, node: Any) -> int:
        text = str(self.construct_scalar(node)).replace("_", "")
        if re.fullmatch(r"[-+]?0[0-7]+", text):
            return int(text, 8)
        number: int = super().construct_yaml_int(node)
        return number

    def construct_undefined(self, node: Any) -> Any:
        if node.id == "scalar":
            return self.construct_scalar(node)
        if node.id == "sequence":
            return self.construct_sequence(node, deep=True)
        return self.construct_mapping(node, deep=True)


_Constructor.add_constructor("tag:yaml.org,2002:int", _Constructor.construct_yaml_int)
_Constructor.add_constructor(None, _Constructor.construct_undefined)


def read_yaml(text: bytes) -> Any:
    """Read the first document; raises CannotConvert."""
    if len(text) > YAML_LIMIT_BYTES:
        raise CannotConvert(f"YAML larger than {YAML_LIMIT_BYTES} bytes")
    try:
        reader = YAML(typ="safe", pure=True)
        reader.Constructor = _Constructor
        value = next(iter(reader.load_all(text.decode(errors="replace"))), None)
    except DuplicateKeyError as error:
        raise CannotConvert(f"yaml: unmarshal errors:\n  {error.problem}") from error
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise CannotConvert(f"yaml: {line}{error.problem}") from error
    except RecursionError as error:
        raise CannotConvert("yaml: exceeded max depth") from error
    except (YAMLError, ValueError) as error:
        raise CannotConvert(f"yaml: {error}") from error
    return _ForLua().give(value)


class _ForLua:
    """Gives what Lua can have. Anchors may make much of little: what they stand for is copied and counted."""

    def __init__(self) -> None:
        self._room = NODES_LIMIT

    def give(self, value: Any) -> Any:
        self._room -= 1
        if self._room < 0:
            raise CannotConvert("yaml: document contains excessive aliasing")
        if isinstance(value, dict):
            if None in value:
                raise CannotConvert("table index is nil", placed=False)
            if any(isinstance(key, tuple | date) for key in value):
                raise CannotConvert("yaml: invalid map key")
            return {key: self.give(item) for key, item in value.items()}
        if isinstance(value, list | set):
            return [self.give(item) for item in value]
        if isinstance(value, date):
            raise CannotConvert("contains unsupported type: time.Time")
        return value
