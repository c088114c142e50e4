"""The HTTP API, as the gate describes it at /openapi.json, with the role that each endpoint asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast
from unittest.mock import patch

from flask_openapi3.openapi import OpenAPI

from docs.reference.markdown import plain, table
from gate_server.app import create_app, make_services
from gate_server.door.roles import LEASED, NEEDS, PUBLIC
from gate_server.settings import Settings

HEAD = """\
# HTTP API
Made of the program's own description, which a running gate serves as OpenAPI at `/openapi.json`: take that for generated clients. From Python there is [a client](../python.md).

A token goes into the header `Authorization: Bearer TOKEN`; which role an endpoint asks for stands beside it ([who may do what](../access.md)). Bodies are JSON; a field that is not known is an error. Every error is `{"error": {"code", "message", "hint"}}`:

| status | |
|---|---|
| 400, 413, 415, 422 | not JSON; too large (1 MB); another content type; JSON of another shape |
| 401, 403 | no token, or a wrong one; one whose role or limits do not open this |
| 404 | not there, or outside the token's limits |
| 429 | wait, as `Retry-After` says |
| 503 | could not tell: try again |
"""
_SAID_ABOVE = {"400", "401", "403", "404", "413", "415", "422", "429", "503"}
_LAKEFS = {
    "LAKECTL_CONFIG_FILE": "none",
    "LAKECTL_SERVER_ENDPOINT_URL": "http://localhost:8000",
    "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": "none",
    "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": "none",
}
_BREAK = re.compile(r"(?:<br/?>)+")  # what flask-openapi3 makes of a docstring's lines
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
Schema = Mapping[str, Any]


def page() -> str:
    """Return the page; the gate is put together for it, and asks nobody."""
    with TemporaryDirectory() as folder, patch.dict("os.environ", _LAKEFS):
        policy = Path(folder) / "gate.yaml"
        policy.write_text("version: 1\nrules: []\n")
        app = cast(
            OpenAPI,
            create_app(make_services(Settings(data_dir=Path(folder), database_url="", policy=policy))),
        )
        described, roles = app.api_doc, _roles(app)
    schemas: dict[str, Schema] = described["components"]["schemas"]
    parts = [
        _operation(method.upper(), path, operation, roles[method.upper(), path])
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    ]
    bodies = [_body(name, schemas[name]) for name in sorted(schemas)]
    return "\n".join([HEAD, *parts, "## Bodies\n", *bodies])


def _roles(app: OpenAPI) -> dict[tuple[str, str], str]:
    found = {}
    for rule in app.url_map.iter_rules():
        role = "open to everybody" if rule.endpoint in PUBLIC else ""
        role = role or ("the lease's token" if rule.endpoint in LEASED else "")
        role = role or (f"role `{NEEDS[rule.endpoint].value}`" if rule.endpoint in NEEDS else "nobody")
        for method in rule.methods or ():
            found[method, _PARAMETER.sub(r"{\1}", rule.rule)] = role
    return found


def _operation(method: str, path: str, operation: Schema, role: str) -> str:
    told = plain(_BREAK.sub(" ", operation.get("description", "")))
    parameters = [
        (f"`{one['name']}`", one["in"], _type(one["schema"]), plain(one.get("description", "")))
        for one in operation.get("parameters", ())
    ]
    answers = [
        f"{status} {_content(answer)}"
        for status, answer in sorted(operation["responses"].items())
        if status not in _SAID_ABOVE or _content(answer) not in ("", _link("ErrorBody"))
    ]
    lines = [
        f"## {method} {path}\n",
        f"{plain(operation.get('summary', ''))}; {role}. {told}\n",
        table(("parameter", "in", "type", ""), parameters),
    ]
    if "requestBody" in operation:
        lines.append(f"Body: {_content(operation['requestBody'])}.\n")
    lines.append(f"Answers: {', '.join(answers)}.\n")
    return "\n".join(line for line in lines if line)


def _content(message: Schema) -> str:
    kinds = message.get("content", {})
    found = [
        _type(content["schema"]) if "$ref" in content.get("schema", {}) else f"`{kind}`"
        for kind, content in kinds.items()
        if not content.get("schema", {}).get("$ref", "").endswith("/UnprocessableEntity")
    ]
    return ", ".join(dict.fromkeys(found))


def _body(name: str, schema: Schema) -> str:
    required = schema.get("required", ())
    rows = [
        (
            f"`{field}`",
            _type(one),
            "needed" if field in required else _default(one),
            plain(one.get("description", "")),
        )
        for field, one in schema.get("properties", {}).items()
    ]
    told = plain(schema.get("description", ""))
    fields = table(("field", "type", "default", ""), rows)
    if not fields:
        fields = "No fields.\n" if schema.get("type") == "object" else f"{_type(schema)}\n"
    return "\n".join(part for part in (f"### {name}\n", f"{told}\n" if told else "", fields) if part)


def _default(schema: Schema) -> str:
    return f"`{schema['default']!r}`" if "default" in schema else ""


def _type(schema: Schema) -> str:
    """Return a type in words, with its bounds."""
    if "$ref" in schema:
        return _link(schema["$ref"].rpartition("/")[2])
    for alternatives in ("anyOf", "oneOf", "allOf"):
        if alternatives in schema:
            return " or ".join(dict.fromkeys(_type(one) for one in schema[alternatives]))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{one}`" for one in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"mapping to {_type(schema['additionalProperties'])}"
    return " ".join([str(schema.get("format") or schema.get("type") or "anything"), *_bounds(schema)])


def _bounds(schema: Schema) -> Iterator[str]:
    for key, words in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to")):
        if key in schema:
            yield f"{words} {schema[key]:,g}"
    if schema.get("maxLength", 0) > 0:
        yield f"({schema['maxLength']:,} characters at most)"


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"
