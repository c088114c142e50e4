"""Action files: parsing, validation, and which of them an event concerns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from local_lakefs.actions.glob import match_branch
from local_lakefs.actions.model import InvalidAction, several_errors

EVENTS = frozenset(
    {"prepare-commit"}
    | {
        f"{when}-{what}"
        for when in ("pre", "post")
        for what in (
            "commit",
            "merge",
            "revert",
            "cherry-pick",
            "create-tag",
            "delete-tag",
            "create-branch",
            "delete-branch",
        )
    }
)
_NAME = re.compile(r"\w[\w\-. ]+", re.ASCII)
_HOOK_ID = re.compile(r"[_a-zA-Z][\-_a-zA-Z0-9]{1,255}")
# For each type of hook, groups of properties of which one must be given.
_REQUIRED: dict[str, list[list[str]]] = {
    "webhook": [["url"]],
    "airflow": [["url"], ["dag_id"], ["username"], ["password"]],
    "lua": [["script", "script_path"]],
}


@dataclass(frozen=True)
class HookSpec:
    """One hook of an action file, as written. lakeFS tells properties without anything from none at all."""

    id: str
    type: str
    condition: str
    properties: dict[str, Any]
    has_properties: bool


@dataclass(frozen=True)
class Action:
    """One valid action file. ``on`` maps events to branch patterns; no pattern means every branch."""

    name: str
    on: dict[str, list[str]]
    hooks: list[HookSpec]

    def matches(self, event_type: str, branch: str) -> bool:
        """Tell whether the action runs at this event; raises ValueError for a malformed pattern."""
        if event_type not in self.on:
            return False
        patterns = self.on[event_type]
        return not patterns or any(match_branch(pattern, branch) for pattern in patterns)


def load_actions(files: Iterable[tuple[str, bytes]]) -> list[Action]:
    """Parse all action files of a ref.

    Raises
    ------
    InvalidAction
        One of them is not valid, or two share a name: none of them counts then.
    """
    actions: list[Action] = []
    problems: list[str] = []
    for path, content in files:
        try:
            actions.append(parse_action(content))
        except InvalidAction as error:
            problems.append(f"parsing file {path}: {error}")
    if problems:
        raise InvalidAction(several_errors(problems))
    names: set[str] = set()
    for action in actions:
        if action.name in names:
            raise InvalidAction(f"action name '{action.name}' already loaded: invalid action")
        names.add(action.name)
    return actions


def parse_action(content: bytes) -> Action:
    """Parse and validate one file; raises InvalidAction with lakeFS's words for the fault."""
    fields = _mapping(_first_document(content), "actions.Action")
    hooks = [
        _hook_fields(hook)
        for hook in _sequence(fields.get("hooks"), "[]actions.ActionHook")
        if hook is not None
    ]
    action = Action(name=_text(fields.get("name")), on=_events(fields.get("on")), hooks=hooks)
    _validate(action)
    return action


def _validate(action: Action) -> None:
    if not action.name:
        raise InvalidAction("'name' is required: invalid action")
    if not _NAME.fullmatch(action.name):
        raise InvalidAction("'name' is invalid: invalid action")
    if not action.on:
        raise InvalidAction("'on' is required: invalid action")
    for event, branches in action.on.items():
        if event not in EVENTS:
            raise InvalidAction(f"event '{event}' is not supported: invalid action")
        if branches and event.endswith("-tag"):
            raise InvalidAction("'branches' is not supported in tag event types. invalid event parameter")
    ids: set[str] = set()
    for index, hook in enumerate(action.hooks):
        if not _HOOK_ID.fullmatch(hook.id):
            raise InvalidAction(f"hook[{index}] missing ID: invalid action")
        if hook.id in ids:
            raise InvalidAction(f"hook[{index}] duplicate ID '{hook.id}': invalid action")
        ids.add(hook.id)
        if hook.type not in _REQUIRED:
            raise InvalidAction(f"hook[{index}] type '{hook.id}' unknown: invalid action")
        for group in _REQUIRED[hook.type]:
            if not any(key in hook.properties for key in group):
                names = "' or '".join(group)
                problem = (
                    f"'{names}' must be supplied in properties"
                    if hook.has_properties
                    else "missing hook properties"
                )
                raise InvalidAction(f"hook[{index}] type '{hook.type}': {problem}: invalid action")


def _first_document(content: bytes) -> Any:
    try:
        return next(iter(YAML(typ="safe", pure=True).load_all(content)), None)
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise InvalidAction(f"yaml: {line}{error.problem}") from error
    except (YAMLError, ValueError) as error:  # ValueError: what is no text, or no date
        raise InvalidAction(f"yaml: {error}") from error


def _hook_fields(raw: Any) -> HookSpec:
    fields = _mapping(raw, "actions.ActionHook")
    return HookSpec(
        id=_text(fields.get("id")),
        type=_text(fields.get("type")),
        condition=_text(fields.get("if")),
        properties=_mapping(fields.get("properties"), "actions.Properties"),
        has_properties=fields.get("properties") is not None,
    )


def _events(raw: Any) -> dict[str, list[str]]:
    events = _mapping(raw, "map[graveler.EventType]*actions.ActionOn")
    return {
        event: [
            _text(item) for item in _sequence(_mapping(on, "actions.ActionOn").get("branches"), "[]string")
        ]
        for event, on in events.items()
    }


def _mapping(raw: Any, wanted: str) -> dict[str, Any]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise _wrong_kind(raw, wanted)
    return {_text(key): value for key, value in raw.items()}


def _sequence(raw: Any, wanted: str) -> list[Any]:
    if raw is None:
        return []
    if not isinstance(raw, list):
        raise _wrong_kind(raw, wanted)
    return raw


def _text(raw: Any) -> str:
    """Read a scalar as text, as Go does where a field is a string."""
    if raw is None:
        return ""
    if isinstance(raw, dict | list):
        raise _wrong_kind(raw, "string")
    return str(raw).lower() if isinstance(raw, bool) else str(raw)


def _wrong_kind(raw: Any, wanted: str) -> InvalidAction:
    kind = "!!map" if isinstance(raw, dict) else "!!seq" if isinstance(raw, list) else f"!!str `{raw}`"
    return InvalidAction(f"yaml: unmarshal errors: cannot unmarshal {kind} into {wanted}")
