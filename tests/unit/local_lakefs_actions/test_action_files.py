"""Which files are valid, in lakeFS's words, and which branches an action concerns."""

from __future__ import annotations

import pytest

from local_lakefs.actions import HooksFailed, InvalidAction
from local_lakefs.actions.action import load_actions, parse_action
from local_lakefs.actions.glob import match_branch
from tests.unit.local_lakefs_actions.harness import EVENT, Hooks, lua_action

HOOK = "hooks:\n- {id: ab, type: webhook, properties: {url: x}}\n"
ON = "on: {pre-merge: }\n"


# The messages were taken from lakeFS's own parser.
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'name' is required: invalid action"),
        ("name: ~\n" + ON, "'name' is required: invalid action"),
        ("name: a\n" + ON, "'name' is invalid: invalid action"),
        ('name: "ab\\n"\n' + ON, "'name' is invalid: invalid action"),
        ("name: ab\n", "'on' is required: invalid action"),
        ("name: ab\non: {pre-foo: }\n", "event 'pre-foo' is not supported: invalid action"),
        (
            "name: ab\non: {pre-create-tag: {branches: [x]}}\n",
            "'branches' is not supported in tag event types. invalid event parameter",
        ),
        ("name: ab\n" + ON + "hooks: [{id: a, type: lua}]", "hook[0] missing ID: invalid action"),
        ("name: ab\n" + ON + "hooks: [{id: ab, type: foo}]", "hook[0] type 'ab' unknown: invalid action"),
        (
            "name: ab\n" + ON + "hooks: [{id: ab, type: webhook}]",
            "hook[0] type 'webhook': missing hook properties: invalid action",
        ),
        (
            "name: ab\n" + ON + "hooks: [{id: ab, type: lua, properties: {args: {}}}]",
            "hook[0] type 'lua': 'script' or 'script_path' must be supplied in properties: invalid action",
        ),
        (
            "name: ab\n" + ON + HOOK + "- {id: ab, type: lua, properties: {script: x}}",
            "hook[1] duplicate ID 'ab': invalid action",
        ),
    ],
)
def test_invalid_file(text: str, message: str) -> None:
    with pytest.raises(InvalidAction) as caught:
        parse_action(text.encode())
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "- a",
        "on: [a]",
        "name: [x]\n" + ON,
        "name: ab\nname: cd\n" + ON,
        "name: ab\non: {pre-merge: {branches: main}}\n",
        "name: ab\n" + ON + "hooks: x",
        "name: ab\non: {pre-merge: \nhooks: [",
        "name: ab\n  on: x\n b: c",
        "name: \xff\udc80",
    ],
)
def test_not_the_shape_of_an_action(text: str) -> None:
    with pytest.raises(InvalidAction, match=r"^yaml: "):
        parse_action(text.encode(errors="surrogateescape"))


def test_fields_of_a_valid_file() -> None:
    action = parse_action(
        b"name: 123\ndescription: d\non: {pre-merge: {branches: [main, 'dev-*']}, post-commit: }\n"
        b"hooks:\n- id: ab\n  type: webhook\n  if: true\n  properties: {url: x, timeout: 5s}\n"
        b"---\nname: next\n"
    )
    assert (action.name, action.on) == ("123", {"pre-merge": ["main", "dev-*"], "post-commit": []})
    assert [(hook.id, hook.type, hook.condition) for hook in action.hooks] == [("ab", "webhook", "true")]
    assert action.hooks[0].properties == {"url": "x", "timeout": "5s"}
    assert action.matches("pre-merge", "dev-1")
    assert not action.matches("pre-merge", "other")
    assert action.matches("post-commit", "other")
    assert not action.matches("pre-commit", "main")


def test_two_files_with_one_action_name() -> None:
    text = ("name: twice\n" + ON + HOOK).encode()
    with pytest.raises(InvalidAction) as caught:
        load_actions([("a", text), ("b", text)])
    assert str(caught.value) == "action name 'twice' already loaded: invalid action"


def test_an_invalid_file_stops_all_hooks_and_is_named(hooks: Hooks) -> None:
    with pytest.raises(InvalidAction) as caught:
        hooks.run(lua_action("print(1)"), "name: ab")
    assert str(caught.value).startswith("pre-merge hook aborted, run id '")
    assert str(caught.value).endswith(
        "': 1 error occurred:\n\t* parsing file _lakefs_actions/1.yaml: 'on' is required: invalid action\n\n"
    )
    assert hooks.service.runs("demo")["results"] == []


def test_nothing_matches(hooks: Hooks) -> None:
    other = lua_action("error()").replace("pre-merge: ", "pre-merge: {branches: [other]}, pre-commit: ")
    assert hooks.run(other) is None
    assert hooks.run() is None
    assert hooks.service.runs("demo")["results"] == []


def test_airflow_is_refused(hooks: Hooks) -> None:
    properties = "{url: x, dag_id: x, username: x, password: x}"
    with pytest.raises(HooksFailed, match="airflow' are not offered"):
        hooks.run(f"name: ab\n{ON}hooks: [{{id: ab, type: airflow, properties: {properties}}}]", event=EVENT)


@pytest.mark.parametrize(
    ("pattern", "branch", "matches"),
    [
        ("main", "main", True),
        ("main", "main2", False),
        ("*", "anything", True),
        ("*", "", True),
        ("*", "a/b", False),
        ("release-?", "release-1", True),
        ("release-?", "release-", False),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[^a-c]x", "dx", True),
        ("[b-a]", "a", False),
        (r"\*", "*", True),
        (r"\*", "a", False),
        ("a.c", "abc", False),
        ("[]]", "]", None),
        ("[a", "a", None),
        ("a\\", "a", None),
        ("[-a]", "a", None),
    ],
)
def test_branch_patterns(pattern: str, branch: str, matches: bool | None) -> None:
    if matches is None:
        with pytest.raises(ValueError, match="syntax error in pattern"):
            match_branch(pattern, branch)
    else:
        assert match_branch(pattern, branch) is matches


def test_a_malformed_pattern_stops_all_hooks(hooks: Hooks) -> None:
    with pytest.raises(InvalidAction, match="syntax error in pattern"):
        hooks.run(lua_action("print(1)").replace("pre-merge: ", "pre-merge: {branches: ['[']}"))
