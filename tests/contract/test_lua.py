"""Lua hooks: what a script is given, what it can do, how it refuses."""

import json
import time
from typing import Any

import pytest

from tests.contract.action_files import FOLDER, action, lua, ready_to_merge, refusal
from tests.contract.harness import Json, Lakefs, Repository, refused
from tests.contract.webhooks import Receiver

MARSHAL = "print(require('encoding/json').marshal({}))"


def printed(lakefs: Lakefs, script: str, **properties: Any) -> str:
    """Return what a script prints that lets a merge through."""
    repo = ready_to_merge(lakefs, lua("ask_lua", script, **properties))
    repo.merge("work")
    return repo.output(repo.runs()[0]["run_id"], "0000_0000").strip()


def failed(lakefs: Lakefs, script: str, **properties: Any) -> str:
    """Return the reason with which a script refuses a merge."""
    repo = ready_to_merge(lakefs, lua("ask_lua", script, **properties))
    before = repo.head()
    message = refused(repo.try_merge("work"), 412)
    assert repo.head() == before
    [run] = repo.runs()
    start, end = refusal("pre-merge", "ask_lua", "|", run_id=run["run_id"]).split("|")
    assert message.startswith(f"update branch main: {start}")
    assert message.endswith(end)
    return message.removeprefix(f"update branch main: {start}").removesuffix(end)


@pytest.mark.behaviour("H11", "K2")
def test_fail_puts_its_text_into_the_error(lakefs: Lakefs) -> None:
    text = "bad data, see http://gate.example/checks/1"
    assert failed(lakefs, f"require('hook').fail('{text}')") == text


@pytest.mark.behaviour("H11")
def test_an_error_refuses(lakefs: Lakefs) -> None:
    assert "boom" in failed(lakefs, "error('boom')")
    assert "attempt to index" in failed(lakefs, "local x = nil; x.y = 1")
    assert failed(lakefs, "this is no Lua").startswith("syntax error")
    assert "module 'nope' not found" in failed(lakefs, "require('nope')")


@pytest.mark.behaviour("H11")
def test_fail_inside_pcall_is_an_error_like_any_other(lakefs: Lakefs) -> None:
    script = "local ok = pcall(function() require('hook').fail('no') end) print(ok)"
    assert printed(lakefs, script) == "false"


@pytest.mark.behaviour("H11")
def test_script_path_is_read_from_the_source_commit(lakefs: Lakefs) -> None:
    hook = lua("ask_lua", script_path="scripts/ask.lua")
    repo = ready_to_merge(lakefs, hook, files={"scripts/ask.lua": "print('of main')"})
    repo.commit_files("work", {"scripts/ask.lua": "require('hook').fail('of work')"})
    assert "action failed: of work" in refused(repo.try_merge("work"), 412)


@pytest.mark.behaviour("H11")
def test_script_path_that_is_not_there(lakefs: Lakefs) -> None:
    repo = ready_to_merge(lakefs, lua("ask_lua", script_path="scripts/ask.lua"))
    message = refused(repo.try_merge("work"), 412)
    assert "could not load script_path scripts/ask.lua: HTTP 404: invalid action" in message


@pytest.mark.behaviour("H6", "H11")
def test_action_of_a_merge(lakefs: Lakefs) -> None:
    repo = ready_to_merge(lakefs, lua("ask_lua", MARSHAL.format("action")))
    before = repo.head()
    merge = repo.get_commit(repo.merge("work", message="the message", metadata={"k": "v"}))
    [run] = repo.runs()
    found = json.loads(repo.output(run["run_id"], "0000_0000"))
    assert found["commit"].pop("creation_date").endswith("Z")
    assert found == {
        "event_type": "pre-merge",
        "action_name": "gate",
        "hook_id": "ask_lua",
        "run_id": run["run_id"],
        "pre_run_id": "",
        "repository_id": repo.name,
        "storage_namespace": f"local://{repo.name}",
        "branch_id": "main",
        "source_ref": repo.head("work"),
        "merge_source": "work",
        "commit_id": merge["id"],
        "tag_id": "",
        "commit": {
            "message": "the message",
            "meta_range_id": merge["meta_range_id"],
            "metadata": {".lakefs.merge.strategy": "default", "k": "v"},
            "parents": [before, repo.head("work")],
            "version": 1,
        },
    }


@pytest.mark.behaviour("H10", "H11")
def test_args(lakefs: Lakefs) -> None:
    value = "{{ ENV.LAKEFSACTION_CONTRACT }}"
    args = {
        "token": f"Bearer {value}",
        "nested": {"token": value, "list": [value, {"token": value}]},
        "other": "[{{ ENV.OTHER_SECRET }}]",
        "number": 3,
        "fraction": 1.5,
        "yes": True,
    }
    assert json.loads(printed(lakefs, MARSHAL.format("args"), args=args)) == {
        "token": "Bearer contract-value",
        "nested": {"token": "contract-value", "list": ["contract-value", {"token": "contract-value"}]},
        "other": "[]",
        "number": 3,
        "fraction": 1.5,
        "yes": True,
    }


@pytest.mark.behaviour("H10", "H11")
def test_args_with_a_variable_that_is_not_set(lakefs: Lakefs) -> None:
    args = {"token": "{{ ENV.LAKEFSACTION_NOT_SET }}"}
    repo = ready_to_merge(lakefs, lua("ask_lua", "print(1)", args=args))
    assert "LAKEFSACTION_NOT_SET not found: missing env var" in refused(repo.try_merge("work"), 500)


@pytest.mark.behaviour("H11")
def test_print_separates_by_tabs(lakefs: Lakefs) -> None:
    assert printed(lakefs, "print('a', 1, true, nil)") == "a\t1\ttrue\tnil"


@pytest.mark.behaviour("H11")
def test_json(lakefs: Lakefs) -> None:
    script = """
        local json = require("encoding/json")
        local value = json.unmarshal('{"list": [1, 2, {"none": null}], "number": 1.5, "yes": true}')
        print(value.list[1], #value.list, value.list[3].none, value.number, value.yes)
        print(json.marshal({a = {b = 1.5, c = 'x"y', d = true}}))
        print(json.marshal(nil))
        print(json.marshal(value.list))
        print(pcall(json.unmarshal, "{bad"))
    """
    lines = printed(lakefs, script).splitlines()
    assert lines[0] == "1\t3\tnil\t1.5\ttrue"
    assert lines[1:5] == [
        '{"a":{"b":1.5,"c":"x\\"y","d":true}}',
        "",
        "null",
        "",
    ]  # it ends its text with a line's end
    assert json.loads(lines[5])[:2] == [1, 2]
    assert lines[7].startswith("false\t")


@pytest.mark.behaviour("H11")
def test_an_array_literal_cannot_be_marshalled(lakefs: Lakefs) -> None:
    assert "invalid key to 'next'" in failed(lakefs, MARSHAL.format("{1, 2, 3}"))


@pytest.mark.behaviour("H11")
def test_what_is_not_there(lakefs: Lakefs) -> None:
    script = "print(os, io, dofile, loadfile, loadstring, coroutine, string.dump, string.gsub, string.match)"
    assert set(printed(lakefs, script).split("\t")) == {"nil"}


@pytest.mark.behaviour("H11")
def test_what_is_there(lakefs: Lakefs) -> None:
    names = (
        "pairs ipairs next select type tostring tonumber pcall xpcall error assert load require setmetatable"
    )
    script = f"""
        for name in pairs({{{", ".join(f"{name} = 1" for name in names.split())}}}) do
            if type(_G[name]) ~= "function" then print(name) end
        end
        print(string.format("%05d %s", 7, "x"), string.sub("abc", 2), math.floor(1.5))
        print(string.find("abc", "b", 1, true))
        print(table.concat({{"a", "b"}}, ","), #table.pack(1, 2), username ~= nil, _VERSION)
    """
    lines = printed(lakefs, script).splitlines()
    assert lines == ["00007 x\tbc\t1", "2\t2", "a,b\t2\ttrue\tLua 5.2"]


@pytest.mark.behaviour("H11")
def test_time(lakefs: Lakefs) -> None:
    script = """
        local time = require("time")
        local before = time.now()
        time.sleep(50 * 1e6)
        print(string.format("%.0f", before), time.since(before) >= 50 * 1e6, time.now() > before)
        print(pcall(time.sleep, "soon"))
    """
    lines = printed(lakefs, script).splitlines()
    now_ns, *slept = lines[0].split("\t")
    assert abs(int(now_ns) / 1e9 - time.time()) < 3600, "nanoseconds since 1970"
    assert slept == ["true", "true"]
    assert lines[1].startswith("false\t")


REQUEST = """
    local code, body, headers, status = require("net/http").request{{
        url = "{url}", method = "POST", body = '{{"q":1}}', headers = {{["X-Mine"] = "mine"}}}}
    print(code, body, status, headers["X-Yours"])
"""


@pytest.mark.behaviour("H11")
def test_request(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint(status=201, body=b'{"allowed": true}', headers={"x-yours": "yours"})
    assert printed(lakefs, REQUEST.format(url=endpoint.url)) == '201\t{"allowed": true}\t201 Created\tyours'
    [request] = endpoint.received
    assert (request.method, request.event, request.headers["x-mine"]) == ("POST", {"q": 1}, "mine")


@pytest.mark.behaviour("H11")
def test_request_follows_redirects(lakefs: Lakefs, webhooks: Receiver) -> None:
    page = webhooks.endpoint(body=b"page")
    endpoint = webhooks.endpoint(status=302, headers={"location": page.url})
    assert printed(lakefs, REQUEST.format(url=endpoint.url)).startswith("200\tpage\t")
    assert page.received[0].method == "GET"


@pytest.mark.behaviour("H11")
def test_request_by_address_alone(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint(body=b"answer")
    script = """
        local http = require("net/http")
        print(http.request(args.url))
        print(http.request(args.url, "sent"))
    """
    printed(lakefs, script, args={"url": endpoint.url})
    assert [(request.method, request.content) for request in endpoint.received] == [
        ("GET", b""),
        ("POST", b"sent"),
    ]


@pytest.mark.behaviour("H11")
def test_request_to_nobody_is_an_error(lakefs: Lakefs) -> None:
    address = "http://127.0.0.1:1/"
    assert address in failed(lakefs, f"require('net/http').request('{address}')")
    caught = printed(lakefs, f"print(pcall(require('net/http').request, '{address}'))")
    assert caught.startswith("false\t")


GUARD = """
    local metadata = action.commit.metadata
    local fail = require("hook").fail
    if metadata["gate.expected_head"] == nil then fail("a revert without expectation") end
    if action.commit.parents[1] ~= metadata["gate.expected_head"] then fail("main moved") end
    if action.commit.meta_range_id ~= metadata["gate.expected_result"] then fail("another result") end
"""


@pytest.fixture
def guarded(lakefs: Lakefs) -> tuple[Repository, Json]:
    """Return a repository whose reverts are guarded, and its good commit; `back` undoes what followed."""
    guard = action("guard", ["pre-revert"], lua("guard", GUARD), branches=["main"])
    repo = lakefs.create_repository(files={FOLDER + "guard.yaml": guard, "a": "good"})
    good = repo.get_commit("main")
    repo.commit_files("main", {"a": "bad"})
    repo.create_branch("back", good["id"])
    repo.merge("main", "back")
    return repo, good


def expecting(head: str, result: str) -> Json:
    return {"commit_overrides": {"metadata": {"gate.expected_head": head, "gate.expected_result": result}}}


@pytest.mark.behaviour("H6")
def test_guard_lets_the_expected_through(guarded: tuple[Repository, Json]) -> None:
    repo, good = guarded
    commit = repo.revert("main", "back", 1, **expecting(repo.head(), good["meta_range_id"]))
    assert commit["meta_range_id"] == good["meta_range_id"]


@pytest.mark.behaviour("H6", "R4")
def test_guard_refuses_when_main_moved(guarded: tuple[Repository, Json]) -> None:
    repo, good = guarded
    expected = expecting(repo.head(), good["meta_range_id"])
    moved = repo.commit_files("main", {"late": "late"})["id"]
    message = refused(repo.try_revert("main", "back", 1, **expected), 412)
    assert message.startswith("update branch: pre-revert hook aborted, run id '")
    assert message.endswith("failed on action 'guard' hook 'guard': action failed: main moved\n\n")
    assert repo.head() == moved


@pytest.mark.behaviour("H6")
def test_guard_refuses_other_results_and_plain_reverts(guarded: tuple[Repository, Json]) -> None:
    repo, _ = guarded
    before = repo.head()
    message = refused(repo.try_revert("main", "back", 1, **expecting(before, "0" * 64)), 412)
    assert "action failed: another result" in message
    assert "without expectation" in refused(repo.try_revert("main", "back", 1), 412)
    assert repo.head() == before
    repo.create_branch("other")
    repo.revert("other", "back", 1)  # guarded is main alone
