"""Checks a request against what lakeFS's API description says, with the words of lakeFS's validator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Request

from local_lakefs.errors import BadRequest

Schema = Mapping[str, Any]

_DATE_TIME = re.compile(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_BOOLEANS = {"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"}
_NAMES = {"string": "a string", "boolean": "a boolean", "integer": "an integer", "number": "a number"} | {
    "array": "an array",
    "object": "an object",
}
_TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "boolean": (bool,), "integer": (int,)} | {
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}


def check_parameters(request: Request, parameters: list[dict[str, Any]]) -> None:
    """Refuse (BadRequest) what is missing, empty or of another type in the query and the headers."""
    for parameter in parameters:
        name, place = parameter["name"], parameter["in"]
        given = request.args.getlist(name) if place == "query" else request.headers.getlist(name)
        problem = _parameter_problem(given, parameter)
        if problem:
            raise BadRequest(f'parameter "{name}" in {place} has an error: {problem}')


def _parameter_problem(given: list[str], parameter: dict[str, Any]) -> str | None:
    schema: Schema = parameter["schema"]
    if not given:
        return "value is required but missing" if parameter.get("required") else None
    if given[0] == "":
        allowed = parameter.get("empty") and schema["type"] == "string"
        return None if allowed else "empty value is not allowed"
    match schema["type"]:
        case "integer":
            try:
                return find_problem(schema, int(given[0]))
            except ValueError:
                return f"value {given[0]}: an invalid integer: invalid syntax"
        case "boolean":
            if given[0] not in _BOOLEANS:
                return f"value {given[0]}: an invalid boolean: invalid syntax"
            return None
        case "array":
            return None
        case _:
            return find_problem(schema, given[0])


def check_body(request: Request, body: dict[str, Any]) -> None:
    """Refuse (BadRequest) a JSON body that is missing, no JSON, or not as described."""
    if not request.get_data():
        if body.get("required"):
            raise BadRequest("request body has an error: value is required but missing")
        return
    if request.mimetype != "application/json":
        given = request.headers.get("Content-Type", "")
        raise BadRequest(f'request body has an error: header Content-Type has unexpected value "{given}"')
    try:
        value = request.get_json()
    except Exception as error:
        raise BadRequest("request body has an error: failed to decode request body: invalid JSON") from error
    problem = find_problem(body["schema"], value)
    if problem:
        named = f" {body['name']}" if "name" in body else ""
        raise BadRequest(f"request body has an error: doesn't match schema{named}: {problem}")


def find_problem(schema: Schema, value: object, place: str = "") -> str | None:
    """Return what is wrong with a value, and where; None when it is as the schema says."""
    problem = _own_problem(schema, value)
    if problem:
        return f'Error at "{place}": {problem}' if place else problem
    if isinstance(value, dict):
        properties: Mapping[str, Schema] = schema.get("properties", {})
        for name in schema.get("required", []):
            if name not in value:
                return f'Error at "{place}/{name}": property "{name}" is missing'
        others: Schema | None = schema.get("additionalProperties")
        for name, item in value.items():
            of_item = properties.get(name, others)
            inner = find_problem(of_item, item, f"{place}/{name}") if of_item else None
            if inner:
                return inner
    elif isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            inner = find_problem(schema["items"], item, f"{place}/{number}")
            if inner:
                return inner
    return None


def _own_problem(schema: Schema, value: object) -> str | None:
    kind = schema.get("type")
    if "enum" in schema and value not in schema["enum"]:
        allowed = ",".join(f'"{item}"' for item in schema["enum"])
        return f"value is not one of the allowed values [{allowed}]"
    if value is None:
        return None if schema.get("nullable") or "default" in schema else "Value is not nullable"
    if kind is not None:
        fits = isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
        if not fits:
            return f"value must be {_NAMES[kind]}"
    if isinstance(value, str):
        return _text_problem(schema, value)
    if isinstance(value, int | float):
        if "maximum" in schema and value > schema["maximum"]:
            return f"number must be at most {schema['maximum']}"
        if "minimum" in schema and value < schema["minimum"]:
            return f"number must be at least {schema['minimum']}"
    if isinstance(value, list) and len(value) < schema.get("minItems", 0):
        return f"minimum number of items is {schema['minItems']}"
    return None


def _text_problem(schema: Schema, value: str) -> str | None:
    if len(value) < schema.get("minLength", 0):
        return f"minimum string length is {schema['minLength']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return f'string doesn\'t match the regular expression "{schema["pattern"]}"'
    if schema.get("format") == "date-time" and not _DATE_TIME.fullmatch(value):
        return 'string doesn\'t match the format "date-time"'
    return None
