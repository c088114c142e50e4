"""A script cannot get out of its sandbox, nor stay longer or take more than it may."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from local_lakefs.actions import HooksFailed
from tests.unit.local_lakefs_actions.harness import Hooks, lua_action


def children() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it ended just now
            if "local_lakefs.actions.lua_child" in child.cmdline():
                found.append(child)
    return found


@pytest.mark.parametrize(
    "script",
    [
        "while true do end",
        "while true do pcall(error) end",
        "local function f() return f() end f()",
        # the one search that this interpreter has still takes long enough
        "local s = ('a'):rep(3e6) local t = s:sub(2) .. 'b' while true do s:find(t .. 'b') end",
        "setmetatable({}, {__gc = function() while true do end end}) collectgarbage() while true do end",
        "local t = {} table.sort({1, 2, 3, 4}, function() while true do end end)",
    ],
)
def test_a_script_without_end_is_killed(hooks: Hooks, script: str) -> None:
    with pytest.raises(HooksFailed) as caught:
        hooks.lua("print('begun') " + script, timeout="500ms")
    assert "action failed: script ran longer than 0.5s" in str(caught.value)
    # On a busy machine the time may be over before the first line.
    assert re.match(r"(begun\n)?Error: ", hooks.output(caught.value.run_id))
    assert len(children()) <= 1  # the one that waits for the next hook


def test_a_child_whose_own_alarm_rings_first_is_late_as_well(hooks: Hooks) -> None:
    """It has an alarm of its own, for a server that is gone; on a busy machine that one may be faster."""
    refused: list[str] = []

    def run() -> None:
        try:
            hooks.lua("while true do end", timeout="1h")
        except HooksFailed as error:
            refused.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    while not (running := children()):
        pass
    running[0].send_signal(signal.SIGALRM)
    thread.join(120)
    assert "script ran longer than 3600s" in refused[0]


def test_finalizers_do_not_run_at_the_end(hooks: Hooks) -> None:
    assert hooks.lua("setmetatable({}, {__gc = function() while true do end end}) print(1)") == "1\n"


@pytest.mark.parametrize(
    "script",
    [
        "print(string.rep('x', 1e10))",
        "local s = 'x' while true do s = s .. s end",
        "local t = {} for i = 1, 1e9 do t[i] = ('y'):rep(1e6) .. i end",
        "local t = {} while true do t = {t, {}, {}, {}} end",
    ],
)
def test_memory_is_limited(hooks: Hooks, script: str) -> None:
    with pytest.raises(HooksFailed, match="runtime error: not enough memory"):
        hooks.lua(script)


@pytest.mark.parametrize(
    "use",
    [
        "json.unmarshal('[' .. ('{},'):rep(1e5) .. '{}]')",
        "json.marshal({a = keep[1], b = keep[1], c = keep[1], d = keep[1], e = keep[1], f = keep[1]})",
        "print(keep[1] .. '')",
        "json.marshal('x')",
    ],
)
def test_memory_that_ends_within_a_function_of_the_host(hooks: Hooks, use: str) -> None:
    script = """
    local json = require("encoding/json")
    local keep = {}
    for size = 6, 1, -1 do
      pcall(function() for i = 1, 1e9 do keep[#keep + 1] = ("y"):rep(10 ^ size) .. i end end)
    end
    """
    with pytest.raises(HooksFailed) as caught:
        hooks.lua(f"{script} {use} error('over')", timeout="60s")
    assert "not enough memory" in str(caught.value) or "over" in str(caught.value)
    assert "ran longer" not in str(caught.value)


def test_memory_that_python_takes_for_a_script_is_limited(hooks: Hooks) -> None:
    script = "print(pcall(require('encoding/json').unmarshal, '[' .. ('{},'):rep(10e6) .. '{}]'))"
    try:
        printed = hooks.lua(script)
    except HooksFailed:
        return
    assert printed.startswith("false\t")


@pytest.mark.parametrize("script", ["while true do print(('x'):rep(1000)) end", "print(('x'):rep(2e6))"])
def test_output_is_limited(hooks: Hooks, script: str) -> None:
    with pytest.raises(HooksFailed, match="output larger than 1048576 bytes") as caught:
        hooks.lua(script)
    assert len(hooks.output(caught.value.run_id)) < 1_100_000


@pytest.mark.parametrize(
    "expression",
    [
        "io",
        "os",
        "python",
        "dofile",
        "loadfile",
        "coroutine",
        "package.loadlib",
        "package.searchers",
        "string.dump",
        "debug.getregistry",
        "debug.getupvalue",
        "debug.setmetatable",
        "debug.sethook",
        "debug.getinfo",
        "_G.io",
        "load('return io')()",
        "getmetatable(_G)",
        "getmetatable(print)",
        "package.loaded.io",
        "package.loaded.python",
    ],
)
def test_no_way_out(hooks: Hooks, expression: str) -> None:
    assert hooks.lua(f"print({expression})") == "nil\n"


def test_byte_code_is_refused(hooks: Hooks) -> None:
    assert (
        hooks.lua("print(load('\\27Lua', 'c', 'b'))") == "nil\tattempt to load a binary chunk (mode is 't')\n"
    )
    hooks.objects["code"] = b"\x1bLua\x52\x00"
    with pytest.raises(HooksFailed, match="syntax error: attempt to load a binary chunk"):
        hooks.run(
            "name: ab\non: {pre-merge: }\nhooks: [{id: ab, type: lua, properties: {script_path: code}}]"
        )


def test_nothing_of_python_is_within_reach(make_hooks: Callable[..., Hooks]) -> None:
    """Every value that a script can walk to, errors of the host's functions too, is Lua's own."""
    script = """
    local seen, found = {}, 0
    local function walk(value)
      if type(value) == "userdata" or type(value) == "thread" then error("foreign: " .. tostring(value)) end
      if type(value) == "table" and not seen[value] then
        seen[value], found = true, found + 1
        for k, v in pairs(value) do walk(k) walk(v) end
      end
      if getmetatable(value) then walk(getmetatable(value)) end
    end
    walk(_G)
    local of_host = {print, tostring, array, require, load, error, require("regexp").compile("a").find}
    for _, module in pairs(package.loaded) do
      for _, member in pairs(module) do
        if type(member) == "function" and member ~= walk then of_host[#of_host + 1] = member end
      end
    end
    for _, f in pairs(of_host) do
      for _, argument in pairs({print, "", 5, true, _G, setmetatable({}, {__index = error})}) do
        local results = {pcall(f, argument)}
        for _, result in pairs(results) do walk(result) end
      end
      walk({pcall(f)})
      walk({pcall(f, nil, {}, print)})
    end
    print(found > 10)
    """
    output = make_hooks(lua_http=True).lua(script)
    assert output.endswith("true\n")


def test_the_child_knows_nothing_of_the_environment(
    make_hooks: Callable[..., Hooks], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "s3cret")
    hooks = make_hooks()
    hooks.lua("print(1)")
    [spare] = children()
    assert "s3cret" not in Path(f"/proc/{spare.pid}/environ").read_text()


def test_close_ends_running_hooks_and_leaves_no_child(hooks: Hooks) -> None:
    refused: list[str] = []

    def run() -> None:
        try:
            hooks.lua("while true do end")
        except HooksFailed as error:
            refused.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    while not children():
        pass
    hooks.service.close()
    thread.join(120)
    assert children() == []
    assert "the process of the Lua hook ended before the script did" in refused[0]
    with pytest.raises(HooksFailed, match="the server is ending"):
        hooks.lua("print(1)")


def test_a_killed_server_leaves_no_child(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib\n"
            "from local_lakefs.actions import ActionsService, HookEvent\n"
            "service = ActionsService(pathlib.Path(sys.argv[1]) / 'a.db', {})\n"
            "service.run(HookEvent('pre-merge', 'r', 'main'), lambda: [('a', sys.argv[2].encode())], None)\n",
            str(tmp_path),
            lua_action("while true do end"),
        ]
    )
    try:
        running: list[psutil.Process] = []
        while not running or running[0].cpu_times().user < 0.2:  # it is in its loop
            running = psutil.Process(server.pid).children(recursive=True)
    finally:
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    gone, alive = psutil.wait_procs(running, timeout=120)
    assert (len(gone), alive) == (1, [])
