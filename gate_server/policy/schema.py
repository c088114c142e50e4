"""gate.yaml as a JSON Schema, made of the types that it is read into: for editors, while one writes.

It says what the form is. What hangs on other places (a suite's file, names that are taken, patterns) only
`load_policy` sees; and quoted numbers, which that takes, are marked.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, Literal, cast

from pydantic import TypeAdapter

from gate_server.model import Ahead, Format, Limits, Policy, Require, Route, Rule, Waiver, Watch
from gate_server.policy.load import MAY_DEFAULT, TOP_LEVEL
from gate_server.policy.nodes import may_be_alone

LISTS: Mapping[str, type] = {"rules": Rule, "waivers": Waiver, "watch": Watch, "notices": Route}
# How an editor finds it, beside the policy: the policy's first line, and the file.
BESIDE = "gate.schema.json"
MODELINE = f"# yaml-language-server: $schema={BESIDE}\n"
KINDS = (*LISTS.values(), Ahead, Format, Limits, Require)
_REF = "#/$defs/"
_FIELD = re.compile(r"^(\w+(?:, \w+)*)\n((?: {4}.*\n?|\n)+)", re.MULTILINE)


def policy_schema() -> dict[str, Any]:
    """Return the schema (draft 7, which every editor knows)."""
    mode: Literal["validation"] = "validation"
    _, made = TypeAdapter.json_schemas([(kind, mode, TypeAdapter(kind)) for kind in KINDS])
    defs: dict[str, Any] = made["$defs"]
    for kind in KINDS:
        _as_written(kind, defs[kind.__name__])
    rule = defs["Rule"]
    rule |= {
        "anyOf": [{"required": ["suite"]}, {"required": ["require"]}],
        "allOf": [
            {
                "if": {"required": ["suite"], "properties": {"suite": {"minLength": 1}}},
                "then": {"required": ["format"]},
            },
            {
                "if": {"required": ["scope"], "properties": {"scope": {"const": "dataset"}}},
                "then": {"required": ["dataset"], "properties": {"dataset": {"pattern": "/$"}}},
                "else": {"properties": {"dataset": {"maxLength": 0}}},
            },
        ],
    }
    defaults = {name: rule["properties"][name] for name in MAY_DEFAULT}
    choices = {name: TypeAdapter(kind).json_schema() for name, kind in _choices()}
    told = described(Policy)
    properties: dict[str, dict[str, Any]] = {
        "version": {"const": 1},
        **{name: {"type": "array", "items": {"$ref": _REF + of.__name__}} for name, of in LISTS.items()},
        **choices,
        "ahead": {"$ref": _REF + "Ahead"},
        "defaults": {"type": ["object", "null"], "properties": defaults, "additionalProperties": False},
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "The policy of lakefs-gate",
        "type": "object",
        "required": ["version", "rules"],
        "properties": {name: _told(properties[name], told.get(name, "")) for name in TOP_LEVEL},
        "additionalProperties": False,
        "$defs": defs,
    }


def schema_text() -> str:
    """Return the schema as the file beside a policy."""
    return json.dumps(policy_schema(), indent=2, ensure_ascii=False) + "\n"


def described(kind: type) -> dict[str, str]:
    """Return what a class's docstring says of each of its fields, as Markdown.

    It is numpy's form: a name, or several and commas, and below it the text, indented.
    """
    _, _, parameters = inspect.cleandoc(kind.__doc__ or "").partition("Parameters\n----------\n")
    return {
        name: " ".join(text.split()).replace("``", "`")
        for names, text in _FIELD.findall(parameters + "\n")
        for name in names.split(", ")
    }


def _choices() -> Iterator[tuple[str, Any]]:
    hints = inspect.get_annotations(Policy, eval_str=True)
    for name in ("judge", "unmatched", "on_unverified_fail"):
        yield name, hints[name]


def _as_written(kind: type, schema: dict[str, Any]) -> None:
    """Make the schema of a type that of its mapping in the file."""
    properties = cast("dict[str, Any]", schema["properties"])
    properties.pop("line", None)
    schema["description"] = inspect.cleandoc(kind.__doc__ or "").partition("\n")[0]
    told = described(kind)
    for name in properties:
        properties[name].pop("title", None)
        if may_be_alone(kind, name):
            one = properties[name]
            properties[name] = {"anyOf": [one["items"], {key: one[key] for key in one if key != "default"}]}
            if "default" in one:
                properties[name]["default"] = one["default"]
        properties[name] = _told(properties[name], told.get(name, ""))
    for item in fields(kind):
        if item.name in properties and properties[item.name].get("default") == {}:
            del properties[item.name]["default"]


def _told(schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"description": text, **schema} if text else schema
