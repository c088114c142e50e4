"""Runs a hook's Lua with what lakeFS offers to it, and nothing of the machine.

Strings of Lua are bytes; between it and Python they pass as Latin-1 text, one character a byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from typing import Any

from lupa.lua52 import LuaError, LuaMemoryError, LuaRuntime

from local_lakefs.actions.lua_modules import MODULES, Function
from local_lakefs.actions.lua_modules.arguments import Arguments
from local_lakefs.actions.lua_values import CannotConvert, Lua

MEMORY_LIMIT_BYTES = 64 << 20
HOST_MEMORY_LIMIT_BYTES = 1 << 30  # while one of our functions hands something over
_OURS = "=[Go]"  # the name of our code in tracebacks: lakeFS's library is written in Go
_HOOK_FAILURE = ("<HookFailure>", "</HookFailure>")


class ScriptFailed(Exception):
    """The script did not end well; the message is what lakeFS would report."""


def run_script(
    code: bytes,
    variables: dict[str, Any],
    write: Callable[[bytes], None],
    modules: Mapping[str, Mapping[str, Function]],
) -> None:
    """Run a script.

    Parameters
    ----------
    code : bytes
        The script. Byte code is refused.
    variables : dict
        Globals beside Lua's own, as JSON has them.
    write : callable
        Takes what the script prints.
    modules : Mapping
        What can be required beside what every script can.

    Raises
    ------
    ScriptFailed
        It failed, called ``hook.fail``, or ran out of memory.
    """
    runtime = LuaRuntime(
        register_eval=False,
        register_builtins=False,
        attribute_filter=_deny,
        unpack_returned_tuples=True,
        max_memory=MEMORY_LIMIT_BYTES,
        encoding="latin-1",
    )
    lua = Lua(runtime)

    def print_text(given: Arguments) -> None:
        write(given.bytes(1))

    prelude = files("local_lakefs.actions").joinpath("sandbox.lua").read_text(encoding="latin-1")
    limits = [partial(runtime.set_max_memory, size) for size in (HOST_MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES)]
    of_host = runtime.table_from(
        {
            name: runtime.table_from(
                {called: _guarded(function, lua) for called, function in functions.items()}
            )
            for name, functions in {**MODULES, **modules}.items()
        }
    )
    try:
        install = runtime.globals()["load"](prelude, _OURS)
        run, lua.is_array, lua.array = install(*limits, _guarded(print_text, lua), of_host)
        for name, value in variables.items():
            runtime.globals()[name] = lua.push(value)
        outcome = run(code.decode("latin-1"))
    except LuaMemoryError as error:
        raise ScriptFailed("runtime error: not enough memory") from error
    except LuaError as error:  # outside the script's own protected call: nothing of its doing should get here
        raise ScriptFailed(f"runtime error: {_text(str(error))}") from error
    if outcome != "done":
        kind, message, *stack = outcome
        raise ScriptFailed(_failure(kind, _text(str(message)), _text(stack[0]) if stack else ""))


def _guarded(function: Function, lua: Lua) -> Callable[..., Any]:
    """Let no exception of Python pass into Lua, where a script could take hold of it."""

    def call(*arguments: Any) -> tuple[Any, ...]:
        try:
            result = function(Arguments(lua, arguments))
            results = result if isinstance(result, tuple) else (result,)
            return (True, *(lua.push(one) for one in results))
        except CannotConvert as error:
            return False, lua.push(str(error)), error.placed
        except Exception as error:  # whatever it is, the script only gets its text
            return False, lua.push(f"{type(error).__name__}: {error}"), True

    return call


def _failure(kind: str, message: str, stack: str) -> str:
    if kind == "syntax":
        return f"syntax error: {message}"
    _, opened, rest = message.partition(_HOOK_FAILURE[0])
    if opened:
        return rest.partition(_HOOK_FAILURE[1])[0]
    return f"runtime error: {message}" + (f"\n{_stack(stack)}" if stack else "")


def _stack(stack: str) -> str:
    """Show a traceback as lakeFS words it, without the frames of the sandbox."""
    shown = ["stack traceback:"]
    for frame in stack.strip("\n").split("\n")[1:]:
        if not frame.startswith(("\t[C]", "\t[Go]")):
            shown.append(frame)
        elif shown[-1] != "\t[Go]: in ?":
            shown.append("\t[Go]: in ?")
        if frame.endswith("in main chunk"):
            break
    return "\n".join(shown)


def _text(lua_text: str) -> str:
    return lua_text.encode("latin-1", errors="replace").decode(errors="replace")


def _deny(_holder: object, _name: object, _setting: bool) -> None:
    raise AttributeError("not accessible")
