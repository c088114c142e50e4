"""What expressions of Lua give to a hook, as lines of text."""

from __future__ import annotations

from tests.contract.action_files import FOLDER, action, lua, ready_to_merge
from tests.contract.harness import Lakefs, Repository

# Shows any value as a line of text; what is no printable ASCII as \NUMBER, a table by its sorted keys.
SHOW = r"""
local function show(value)
  if type(value) == "string" then
    local out = {}
    for at = 1, #value do
      local byte = string.byte(value, at)
      out[at] = (byte < 32 or byte > 126) and "\\" .. byte or string.char(byte)
    end
    return '"' .. table.concat(out) .. '"'
  elseif type(value) == "table" then
    local items = {}
    for key in pairs(value) do items[#items + 1] = tostring(key) .. "=" .. show(value[key]) end
    table.sort(items)
    local mark = getmetatable(value)
    return (mark and mark._is_array and "list" or "") .. "{" .. table.concat(items, ", ") .. "}"
  end
  return tostring(value)
end
local function try(expression)
  local chunk = load("local x = " .. expression .. " return x", "it")
  local passed, value = pcall(chunk)
  print((passed and "" or "ERROR ") .. show(value))
end
"""


def quoted(text: str) -> str:
    """Write a text as Lua does."""
    return '"' + "".join(f"\\{byte:03d}" for byte in text.encode()) + '"'


def shown(
    lakefs: Lakefs, expressions: list[str], repo: Repository | None = None, setup: str = ""
) -> list[str]:
    """Return what each expression gives to a hook, all in one merge; `repo` is one with a branch `work`."""
    hook = lua("ask_lua", SHOW + setup + "\n".join(f"try({quoted(one)})" for one in expressions))
    if repo is None:
        repo = ready_to_merge(lakefs, hook)
    else:
        repo.commit_files("work", {FOLDER + "gate.yaml": action("gate", ["pre-merge"], hook)})
    repo.merge("work")
    run_id = repo.runs()[0]["run_id"]
    return repo.output(run_id, "0000_0000").rstrip("\n").split("\n")


def at(message: str) -> str:
    """Return how an error in an expression is shown."""
    return f'ERROR "[string "it"]:1: {message}"'
