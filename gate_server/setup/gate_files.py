"""The files that `gate install` puts into a repository, filled in."""

from __future__ import annotations

import re
from textwrap import indent

from gate_server.errors import UsageError
from gate_server.setup.shipped import shipped

PRE_MERGE = "_lakefs_actions/gate_pre_merge.yaml"
POST_EVENTS = "_lakefs_actions/gate_post_events.yaml"
GUARDS = "_lakefs_actions/gate_guards.yaml"
CLIENT_SCRIPT = "_gate/hooks/gate_client.lua"
ALL_PATHS = (PRE_MERGE, GUARDS, POST_EVENTS, CLIENT_SCRIPT)

_ADDRESS = re.compile(r"https?://[^\s\"'\\{}?#]+")
MAX_WAIT_S = 300  # as in actions/gate_pre_merge_lua.yaml
_PLAIN = "allow_plain_revert: "
_WAIT = "max_wait_s: "
_INDENT = " " * 8


def guards_in_force(allow_plain_revert: bool) -> str:
    """Return what the guards say when a branch ``gate-probe-*`` is made (actions/gate_guards.yaml)."""
    return f"gate guards 1 in force, {_PLAIN}{_yaml(allow_plain_revert)}"


def gate_files(
    branch: str, gate_url: str, *, lua: bool, allow_plain_revert: bool, max_wait_s: int = MAX_WAIT_S
) -> dict[str, str]:
    """Return path -> text of the files that put the gate before `branch`.

    Parameters
    ----------
    gate_url
        The address at which lakeFS reaches the gate, without a path of its own endpoints.
    lua
        Ask by the Lua client in place of a webhook.
    max_wait_s
        How long the Lua client asks again.

    Raises
    ------
    UsageError
        When `gate_url` is no http address.
    """
    if not _ADDRESS.fullmatch(gate_url):
        raise UsageError(
            f"{gate_url!r} is no address at which lakeFS could reach the gate",
            "set GATE_PUBLIC_URL, such as http://gate.example.com:8090",
        )
    actions, hooks = shipped("actions"), shipped("hooks")
    guard = indent((hooks / "guard_revert.lua").read_text(encoding="utf-8"), _INDENT).strip()
    filled = {"@BRANCH@": branch, "@GATE_URL@": gate_url.rstrip("/"), "@GUARD_REVERT@": guard}
    filled[f"{_WAIT}{MAX_WAIT_S}"] = f"{_WAIT}{max_wait_s}"
    if allow_plain_revert:
        filled[f"{_PLAIN}{_yaml(False)}"] = f"{_PLAIN}{_yaml(True)}"

    def fill(name: str) -> str:
        text = (actions / name).read_text(encoding="utf-8")
        for placeholder, value in filled.items():
            text = text.replace(placeholder, value)
        return text

    files = {
        PRE_MERGE: fill("gate_pre_merge_lua.yaml" if lua else "gate_pre_merge.yaml"),
        GUARDS: fill("gate_guards.yaml"),
        POST_EVENTS: fill("gate_post_events.yaml"),
    }
    if lua:
        files[CLIENT_SCRIPT] = (hooks / "gate_client.lua").read_text(encoding="utf-8")
    return files


def _yaml(value: bool) -> str:
    return "true" if value else "false"
