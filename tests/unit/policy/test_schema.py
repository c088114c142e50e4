"""gate.yaml's JSON Schema and the loader say the same of a policy's form."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from gate_server.engine.suites import read_suite
from gate_server.model import COMPARES
from gate_server.policy.document import PolicyErrors
from gate_server.policy.load import load_policy
from gate_server.policy.schema import policy_schema

ROOT = Path(__file__).parents[3]
SCHEMA = policy_schema()
SUITE = {"name": "s", "expectations": [{"type": COMPARES, "kwargs": {"min_value": 1}}]}
RULE = {"name": "orders", "paths": ["orders/**"], "suite": "s", "format": {"type": "csv"}, "owner": "ann"}
# A mapping of each kind that is in order, and where it stands.
SOUND: dict[str, tuple[dict[str, Any], str]] = {
    "Rule": (RULE, "rules"),
    "Waiver": (
        {"rule": "orders", "owner": "ann", "reason": "known", "expires": "2026-12-31T00:00:00Z"},
        "waivers",
    ),
    "Watch": ({"name": "whole"}, "watch"),
    "Route": ({"to": ["oncall"]}, "notices"),
    "Ahead": ({}, "ahead"),
    "Format": ({"type": "csv"}, "format"),
    "Limits": ({}, "limits"),
    "Require": ({}, "require"),
}
BLOCK = re.compile(r"^ *```yaml\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def policy(**parts: Any) -> dict[str, Any]:
    return {"version": 1, "rules": [RULE], **parts}


def loads(document: Any) -> bool:
    """Whether the loader takes it, with a suite for every rule."""

    def give(name: str) -> bytes:
        return (json.dumps(document) if name == "p/gate.yaml" else json.dumps(SUITE)).encode()

    try:
        load_policy("p/gate.yaml", give, read_suite)
    except PolicyErrors:
        return False
    return True


def fits(document: Any) -> bool:
    return bool(Draft7Validator(SCHEMA).is_valid(document))


def with_part(kind: str, key: str, value: Any) -> dict[str, Any]:
    sound, where = SOUND[kind]
    changed = {**sound, key: value}
    if where in RULE or where in ("limits", "require"):
        return policy(rules=[{**RULE, where: changed}])
    return policy(**{where: changed if where == "ahead" else [changed]})


def each_part() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for kind in SOUND:
        for key, schema in SCHEMA["$defs"][kind]["properties"].items():
            yield kind, key, schema


def values(schema: dict[str, Any]) -> Iterator[Any]:
    """Yield what a part may be, at its bounds and beyond them, and what it may not."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    yield from ([schema["default"]] if "default" in schema else [])
    yield from schema.get("enum", ())
    for key in ("minimum", "maximum", "exclusiveMinimum"):
        if key in schema:
            yield from (schema[key], schema[key] - 1, schema[key] + 1)
    yield from ({"no": "such"}, ["/", ["x"]], [], "no such", None)


def yaml(text: str) -> Any:
    """Return YAML as JSON has it."""
    return json.loads(
        json.dumps(YAML(typ="safe").load(io.StringIO(text)), default=lambda day: day.isoformat())
    )


def shown() -> Iterator[tuple[str, Any]]:
    """Yield each policy, or part of one, that the project holds up as an example."""
    for path in sorted([ROOT / "expectations/gate.yaml", *ROOT.glob("examples/**/gate.yaml")]):
        yield path.name, yaml(path.read_text())
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for text in BLOCK.findall(path.read_text()):
            block = yaml(dedent(text))
            if isinstance(block, list):
                yield path.name, policy(rules=block)
            elif set(block) & set(SCHEMA["properties"]):
                yield path.name, policy(**block)


@pytest.mark.parametrize("document", [pytest.param(text, id=name) for name, text in shown()])
def test_what_is_held_up_as_an_example_is_in_order(document: Any) -> None:
    assert [error.message for error in Draft7Validator(SCHEMA).iter_errors(document)] == []
    assert loads(document)


def test_there_are_examples() -> None:
    assert {"gate.yaml", "README.md", "policy.md", "notices.md", "audit.md"} <= {name for name, _ in shown()}


@pytest.mark.parametrize(
    ("kind", "key", "schema"), [pytest.param(*part, id=f"{part[0]}.{part[1]}") for part in each_part()]
)
def test_both_say_the_same_of_every_part(kind: str, key: str, schema: dict[str, Any]) -> None:
    answers = [
        (value, fits(with_part(kind, key, value)), loads(with_part(kind, key, value)))
        for value in values(schema)
    ]
    # A text may be a name of nothing, or a pattern that is none: that is not form.
    assert [value for value, fit, load in answers if load and not fit] == []
    assert any(not fit for _, fit, _ in answers), "nothing is refused"
    assert [
        value for value, fit, load in answers if fit and not load and not isinstance(value, str | list)
    ] == []


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"version": 2, "rules": []},
        {"version": 1},
        policy(rule=[]),
        policy(rules=None),
        policy(rules=[{**RULE, "line": 3}]),
        policy(rules=[{**RULE, "enforcment": "warn"}]),
        policy(rules=[{**RULE, "enforcement": "blok"}]),
        policy(rules=[{**RULE, "paths": []}]),
        policy(rules=[{"name": "r", "paths": "a", "suite": "s"}]),
        policy(rules=[{"name": "r", "paths": "a"}]),
        policy(rules=[{**RULE, "scope": "dataset"}]),
        policy(rules=[{**RULE, "scope": "dataset", "dataset": "no-slash"}]),
        policy(rules=[{**RULE, "dataset": "t/"}]),
        policy(rules=[{**RULE, "limits": {"time_s": 0}}]),
        policy(rules=[{**RULE, "format": {"type": "xml"}}]),
        policy(rules=[{**RULE, "require": {"formats": ["xml"]}}]),
        policy(defaults={"paths": "a"}),
        policy(defaults=[]),
        policy(judge="main"),
        policy(unmatched="maybe"),
        policy(on_unverified_fail="block"),
        policy(waivers=[{"rule": "orders", "owner": "ann", "reason": "known"}]),
        policy(watch={"name": "w"}),
        policy(watch=[{"name": "w", "every": "1 hour"}]),
        policy(notices=[{"to": "oncall", "on": "all"}]),
        policy(ahead=None),
    ],
)
def test_what_is_wrong_in_form_is_refused_by_both(document: Any) -> None:
    assert not fits(document)
    assert not loads(document)


def test_a_single_pattern_needs_no_list() -> None:
    document = policy(
        rules=[{**RULE, "branches": "main", "paths": "a/**", "repositories": "r", "required": "b"}],
        watch=[{"name": "w", "rules": "orders"}],
        notices=[{"to": "oncall", "on": "fail", "owners": "ann"}],
        defaults=None,
    )
    assert fits(document)
    assert loads(document)
