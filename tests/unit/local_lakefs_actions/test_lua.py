"""What a Lua hook is given, how it refuses, and how its errors read. The texts are those of lakeFS."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from local_lakefs.actions import HooksFailed, InvalidAction
from tests.unit.local_lakefs_actions.harness import (
    EVENT,
    Answer,
    Hooks,
    Receiver,
    lua_action,
    respond,
)

StartReceiver = Callable[[Answer], Receiver]


def refusal(hooks: Hooks, script: str, **properties: str) -> str:
    """Run a script that is to be refused; give the part of the message that is the script's."""
    with pytest.raises(HooksFailed) as caught:
        hooks.lua(script, **properties)
    found = re.fullmatch(
        r"1 error occurred:\n\t\* hook run id '0000_0000' failed on"
        r" action 'lua action' hook 'the_hook': action failed: (.*)\n\n",
        str(caught.value),
        re.DOTALL,
    )
    assert found
    assert f"Error: action failed: {found.group(1)}\n" in hooks.output(caught.value.run_id)
    return found.group(1)


def test_hook_fail(hooks: Hooks) -> None:
    assert refusal(hooks, "require('hook').fail('no\\n\\twäy')") == "no\n\twäy"


def test_hook_fail_through_pcall_and_functions(hooks: Hooks) -> None:
    script = """
    local hook = require("hook")
    local function check() hook.fail("deep") end
    local passed, problem = pcall(check)
    print(passed, problem)
    error(problem)
    """
    assert refusal(hooks, script) == "deep"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            'error("x")',
            'runtime error: [string "lua"]:1: x\n'
            'stack traceback:\n\t[Go]: in ?\n\t[string "lua"]:1: in main chunk',
        ),
        ('error("x", 0)', "runtime error: x\n"),
        (
            "error({})",
            "runtime error: [string \"lua\"]:1: bad argument #-1 to '?' (string expected, got table)\n",
        ),
        ("assert(false)", 'runtime error: [string "lua"]:1: assertion failed!\n'),
        ('assert(nil, "msg")', 'runtime error: [string "lua"]:1: msg\n'),
        ("x = = 1", 'syntax error: [string "lua"]:1: unexpected symbol near '),
        ('local s = "a" .. nil', 'runtime error: [string "lua"]:1: attempt to concatenate a nil value\n'),
        (
            'require("encoding/json").marshal("x")',
            'runtime error: [string "lua"]:1: need a table at index 1, got string: cannot pull go',
        ),
        ('require("nope")', "runtime error: [string \"lua\"]:1: module 'nope' not found: \n"),
        ('require("net/http")', "runtime error: [string \"lua\"]:1: module 'net/http' not found: \n"),
        ('("a"):gsub("a", "b")', 'runtime error: [string "lua"]:1: attempt to call '),
        ('("a"):find("a+", 1, false)', "runtime error: assertion failure\n"),
    ],
)
def test_errors(hooks: Hooks, script: str, message: str) -> None:
    assert refusal(hooks, script).startswith(message)


def test_globals_of_a_hook(make_hooks: Callable[..., Hooks]) -> None:
    hooks = make_hooks({"LAKEFSACTION_T": "token", "LAKEFS_S": "setting", "OTHER": "hidden"})
    event = replace(EVENT, event_type="pre-revert", pre_run_id="before", username="someone")
    script = """
    local json = require("encoding/json")
    local commit = action.commit
    print(commit.parents[1], #commit.parents, commit.meta_range_id, commit.metadata.key, commit.creation_date)
    action.commit.metadata = nil
    print(json.marshal(action))
    print(json.marshal(args))
    print(username)
    """
    args = (
        "{text: '{{ ENV.LAKEFSACTION_T }}', list: [1, '{{ ENV.LAKEFS_S }}', {a: '{{ ENV.OTHER }}'}],"
        " yes: true, none: ~}"
    )
    run_id = hooks.run(lua_action(script, args=args).replace("pre-merge", "pre-revert"), event=event)
    first, action, _, args_line, _, name = hooks.output(run_id).rstrip("\n").split("\n")
    assert first == "p1\t2\tmr\tvalue\t2023-11-14T22:13:20Z"
    assert json.loads(action) == {
        "action_name": "lua action",
        "hook_id": "the_hook",
        "run_id": run_id,
        "pre_run_id": "before",
        "event_type": "pre-revert",
        "commit_id": EVENT.commit_id,
        "branch_id": "main",
        "source_ref": EVENT.source_ref,
        "tag_id": "",
        "merge_source": "feature",
        "repository_id": "demo",
        "storage_namespace": "",
        "commit": {
            "message": "Merge",
            "meta_range_id": "mr",
            "creation_date": "2023-11-14T22:13:20Z",
            "version": 1,
            "parents": ["p1", "p2"],
        },
    }
    assert json.loads(args_line) == {"text": "token", "list": [1, "setting", {"a": ""}], "yes": True}
    assert name == "someone"


def test_an_event_without_a_commit(hooks: Hooks) -> None:
    event = replace(EVENT, commit={}, commit_message="", commit_metadata={})
    script = "print(require('encoding/json').marshal(action.commit))"
    assert json.loads(hooks.output(hooks.run(lua_action(script), event=event))) == {
        "message": "",
        "meta_range_id": "",
        "creation_date": "0001-01-01T00:00:00Z",
        "version": 0,
        "metadata": {},
        "parents": [],
    }


def test_a_date_among_the_args_is_refused(hooks: Hooks) -> None:
    with pytest.raises(HooksFailed, match=r"contains unsupported type: time\.Time"):
        hooks.lua("print(1)", args="{since: 2001-01-01}")


def test_a_missing_variable_stops_the_operation(hooks: Hooks) -> None:
    with pytest.raises(InvalidAction, match="error parsing args: LAKEFSACTION_X not found: missing env var"):
        hooks.lua("print(1)", args="{a: '{{ ENV.LAKEFSACTION_X }}'}")


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("{script: x, args: [a]}", "'args' should be a map"),
        ("{script: 5}", "value of script is not of type string"),
        ("{script: ''}", "'script' or 'script_path' must be supplied"),
    ],
)
def test_wrong_properties(hooks: Hooks, properties: str, message: str) -> None:
    text = f"name: ab\non: {{pre-merge: }}\nhooks: [{{id: ab, type: lua, properties: {properties}}}]"
    with pytest.raises(InvalidAction, match=message):
        hooks.run(text)


def test_script_path(hooks: Hooks) -> None:
    text = (
        "name: ab\non: {pre-merge: }\nhooks: [{id: ab, type: lua, properties: {script_path: scripts/a.lua}}]"
    )
    hooks.objects["scripts/a.lua"] = "print('ä', 1)".encode()
    assert hooks.output(hooks.run(text)) == "ä\t1\n"
    hooks.objects.clear()
    with pytest.raises(
        HooksFailed, match=r"could not load script_path scripts/a.lua: HTTP 404: invalid action"
    ):
        hooks.run(text)


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("1, 1.5, 1e15, 1e100, 2^53, 0/0, 1/0", "1\t1.5\t1e+15\t1e+100\t9.007199254741e+15\tNaN\t+Inf"),
        ("nil, true, 'x', #'é', ('x'):rep(3)", "nil\ttrue\tx\t2\txxx"),
        ("string.find('hello', 'l+'), ('a+b'):find('+'), ('abc'):find('c', -1)", "nil\t2\t3\t3"),
        ("os, io, coroutine, dofile, loadfile, string.gmatch, string.match, python", "\t".join(["nil"] * 8)),
        ("pcall(require('encoding/json').marshal, {1, 2})", "false\tinvalid key to 'next'"),
        ("setmetatable({}, {__tostring = function() return 'TT' end})", "TT"),
        ("load('return ...', 'c')(7), _VERSION", "7\tLua 5.2"),
    ],
)
def test_what_is_printed(hooks: Hooks, expression: str, printed: str) -> None:
    assert hooks.lua(f"print({expression})") == printed + "\n"


# What marshal writes ends with a line end, and print adds another.
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("{}", "{}"),
        ("nil", "null"),
        ("{b = 1, a = 'x', c = true}", '{"a":"x","b":1,"c":true}'),
        ("array({1, 'x', {a = array({})}})", '[1,"x",{"a":[]}]'),
        ("{n = 1e20, m = 1e21, t = 0.1}", '{"m":1e+21,"n":100000000000000000000,"t":0.1}'),
        ("{a = '<&>é\\1'}", '{"a":"\\u003c\\u0026\\u003eé\\u0001"}'),
        ("{a = {b = 1}}, {indent = '  ', prefix = 'P'}", '{\nP  "a": {\nP    "b": 1\nP  }\nP}'),
    ],
)
def test_json_marshal(hooks: Hooks, value: str, text: str) -> None:
    assert hooks.lua(f"print(require('encoding/json').marshal({value}))") == text + "\n\n"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "need a table at index 1, got no value: cannot pull go type into lua"),
        ("{[true] = 1}", "key should be a string (boolean): cannot pull go type into lua"),
        ("{a = print}", "pull table, unsupported type function: cannot pull go type into lua"),
        ("{a = 0/0}", "json: unsupported value: NaN"),
        ("_G", "pull table, "),
    ],
)
def test_json_that_cannot_be_written(hooks: Hooks, value: str, message: str) -> None:
    arguments = f", {value}" if value else ""
    printed = hooks.lua(f"print(pcall(require('encoding/json').marshal{arguments}))")
    assert printed.startswith(f"false\t{message}")


def test_json_unmarshal(hooks: Hooks) -> None:
    script = """
    local json = require("encoding/json")
    local v = json.unmarshal('{"a": [1, 2, {"b": null}], "c": 1e3, "d": "é\\\\u0041\\\\ud800", "e": false}')
    print(v.a[1], #v.a, v.a[3].b, v.c, v.d, v.e, v.f)
    print(json.marshal(v))
    print(json.unmarshal("null"), json.unmarshal(12))
    """
    first, again, _, last = hooks.lua(script).rstrip("\n").split("\n")
    assert first == "1\t3\tnil\t1000\téA\N{REPLACEMENT CHARACTER}" + "\tfalse\tnil"
    assert again == '{"a":[1,2,{}],"c":1000,"d":"éA\N{REPLACEMENT CHARACTER}","e":false}'
    assert last == "nil\t12"


@pytest.mark.parametrize("text", ["", "{", "nope", '{"a":1} x', "[1,]", "NaN", "[" * 100_000])
def test_what_is_no_json(hooks: Hooks, text: str) -> None:
    hooks.objects["text"] = f"print((pcall(require('encoding/json').unmarshal, '{text}')))".encode()
    path = "name: ab\non: {pre-merge: }\nhooks: [{id: ab, type: lua, properties: {script_path: text}}]"
    assert hooks.output(hooks.run(path)) == "false\n"


@pytest.fixture
def online(make_hooks: Callable[..., Hooks]) -> Hooks:
    return make_hooks({"LAKEFSACTION_URL": "unset"}, lua_http=True)


def test_http_request(online: Hooks, receiver: StartReceiver) -> None:
    gate = receiver(respond(412, '{"allowed": false, "ä": 1}'.encode(), {"X-One": "1"}))
    script = f"""
    local json = require("encoding/json")
    local code, body, headers, status = require("net/http").request({{
      url = "{gate.url}/hooks?x=1", method = "PUT", body = json.marshal({{event = action.event_type}}),
      headers = {{Authorization = "Bearer t", ["X-Many"] = {{a = "1"}}}},
    }})
    print(code, json.unmarshal(body).allowed, body, headers["X-One"], status)
    """
    assert online.lua(script) == '412\tfalse\t{"allowed": false, "ä": 1}\t1\t412 Precondition Failed\n'
    [request] = gate.requests
    assert (request.method, request.path, request.body) == ("PUT", "/hooks?x=1", b'{"event":"pre-merge"}\n')
    assert (request.headers["Authorization"], request.headers["X-Many"]) == ("Bearer t", "1")


def test_http_methods(online: Hooks, receiver: StartReceiver) -> None:
    gate = receiver(respond(200))
    url = gate.url
    online.lua(f"""
    local request = require("net/http").request
    request("{url}/a") request("{url}/b", "body") request{{url="{url}/c"}} request{{url="{url}/d", body=""}}
    """)
    assert [(request.method, request.path) for request in gate.requests] == [
        ("GET", "/a"),
        ("POST", "/b"),
        ("GET", "/c"),
        ("POST", "/d"),
    ]


def test_http_follows_redirects(online: Hooks, receiver: StartReceiver) -> None:
    target = receiver(respond(200, b"a page"))
    gate = receiver(respond(302, headers={"Location": target.url}))
    script = f'print(require("net/http").request{{url = "{gate.url}", body = "x"}})'
    assert online.lua(script).startswith("200\ta page\t")


def test_http_failures_are_errors(online: Hooks) -> None:
    script = """
    local request = require("net/http").request
    print(pcall(request, {}))
    print(pcall(request))
    print(pcall(request, {url = "ftp://x"}))
    request({url = "http://127.0.0.1:1/"})
    """
    problem = refusal(online, script)
    assert problem.startswith(
        'runtime error: [string "lua"]:5: Get "http://127.0.0.1:1/":'
        " dial tcp 127.0.0.1:1: connect: connection refused"
    )
    [run] = online.service.runs("demo")["results"]
    assert online.output(run["run_id"]).startswith(
        "false\tmissing request url\nfalse\tfirst argument can be url or request table\n"
        'false\tGet "ftp://x": unsupported protocol scheme "ftp"\n'
    )
