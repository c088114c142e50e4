from __future__ import annotations

from typing import Any

import pytest

from local_lakefs.api.registry import operations
from local_lakefs.api.schema import find_problem

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "number": {"type": "integer", "minimum": 0, "maximum": 9},
        "force": {"type": "boolean", "default": False},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        "paths": {"type": "array", "items": {"type": "string", "minLength": 1}},
    },
}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"name": "a"}, None),
        ({"name": "a", "other": [1]}, None),
        ({"name": "a", "force": None}, None),
        ([], "value must be an object"),
        ({}, 'Error at "/name": property "name" is missing'),
        ({"name": None}, 'Error at "/name": Value is not nullable'),
        ({"name": 5}, 'Error at "/name": value must be a string'),
        ({"name": "A"}, 'Error at "/name": string doesn\'t match the regular expression "^[a-z]+$"'),
        ({"name": "a", "number": True}, 'Error at "/number": value must be an integer'),
        ({"name": "a", "number": 1.5}, 'Error at "/number": value must be an integer'),
        ({"name": "a", "number": 10}, 'Error at "/number": number must be at most 9'),
        ({"name": "a", "number": -1}, 'Error at "/number": number must be at least 0'),
        ({"name": "a", "force": 0}, 'Error at "/force": value must be a boolean'),
        ({"name": "a", "kind": "c"}, 'Error at "/kind": value is not one of the allowed values ["a","b"]'),
        ({"name": "a", "metadata": {"k": 1}}, 'Error at "/metadata/k": value must be a string'),
        ({"name": "a", "paths": ["x", ""]}, 'Error at "/paths/1": minimum string length is 1'),
    ],
)
def test_problems(value: object, problem: str | None) -> None:
    assert find_problem(SCHEMA, value) == problem


def test_operations_are_told_once() -> None:
    found = operations()
    assert len({item.operation for item in found}) == len({(item.method, item.path) for item in found})
    assert len(found) > 100
