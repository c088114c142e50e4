"""A mapping in gate.yaml into a dataclass; what is wrong with it is told with line and valid choices."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from gate_server.model import Format, Limits, Require, Route, Watch, load
from gate_server.policy.document import line_of, plain

_MAY_BE_ALONE = ("repositories", "branches", "paths", "required", "into", "to", "on", "owners")
NESTED: Mapping[str, type] = {"format": Format, "limits": Limits, "require": Require}


def build(
    kind: type[Any],
    name: str,
    node: Any,
    line: int,
    where: str,
    findings: list[str],
    defaults: Mapping[str, Any] | None = None,
) -> Any:
    """Return a mapping of the policy as a `kind`, or None where `findings` now say what is wrong with it.

    Parameters
    ----------
    name, line, where
        The policy's file, and the mapping's place in it.
    defaults
        What holds where the mapping says nothing.
    """
    if not isinstance(node, CommentedMap):
        findings.append(f"{name}:{line}: {where}: a mapping is needed")
        return None
    known = [item.name for item in fields(kind) if item.name != "line"]
    if "line" in node:
        findings.append(f"{name}:{line_of(node, 'line')}: {where}: {unknown('line', known)}")
        return None
    data = {**(defaults or {}), **plain(node)}
    for key, value in data.items():
        if isinstance(value, str) and may_be_alone(kind, key):
            data[key] = [value]
    try:
        return load(kind, {**data, "line": line})
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            findings.append(_explain(name, node, line, where, problem["loc"], problem, kind))
    return None


def may_be_alone(kind: type[Any], key: str) -> bool:
    """Whether a list of `kind` may be written as its only item."""
    return key in _MAY_BE_ALONE or (key == "rules" and kind in (Watch, Route))


def _explain(
    name: str, node: CommentedMap, line: int, where: str, loc: tuple[Any, ...], problem: Any, kind: type[Any]
) -> str:
    at: Any = node
    for step in loc:
        if isinstance(at, CommentedMap | CommentedSeq) and (
            step in at if isinstance(at, CommentedMap) else isinstance(step, int) and step < len(at)
        ):
            line = line_of(at, step)
            at = at[step]
    label = ".".join([where, *map(str, loc)])
    if problem["type"] == "unexpected_keyword_argument":
        owner = NESTED.get(str(loc[-2]), kind) if len(loc) > 1 else kind
        known = [item.name for item in fields(owner) if item.name != "line"]
        return f"{name}:{line}: {where}: {unknown(str(loc[-1]), known)}"
    if problem["type"] in ("missing", "missing_argument"):
        return f"{name}:{line}: {where}: `{'.'.join(map(str, loc))}` is needed"
    return f"{name}:{line}: {label}: {problem['msg']}"


def unknown(key: str, choices: Sequence[str]) -> str:
    """Return that there is no such key, and which there are."""
    near = difflib.get_close_matches(key, choices, 1)
    meant = f"did you mean `{near[0]}`? " if near else ""
    return f"`{key}` is unknown: {meant}valid are {', '.join(choices)}"
