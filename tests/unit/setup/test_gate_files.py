"""The files that go into a repository, filled in: valid for lakeFS whatever is chosen."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest
from ruamel.yaml import YAML

from gate_server.errors import UsageError
from gate_server.lakefs.events import TOLD
from gate_server.policy.globs import matches
from gate_server.policy.plan import GATE_FILES
from gate_server.setup.gate_files import (
    ALL_PATHS,
    GUARDS,
    MAX_WAIT_S,
    POST_EVENTS,
    PRE_MERGE,
    gate_files,
    guards_in_force,
)
from gate_server.setup.shipped import shipped

CHOICES = [{"lua": lua, "allow_plain_revert": plain} for lua, plain in product((False, True), repeat=2)]


def parsed(text: str) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(text)
    return document


@pytest.mark.parametrize("choice", CHOICES)
def test_actions_are_valid_and_name_the_branch(choice: dict[str, bool]) -> None:
    files = gate_files("release_1", "https://gate.example/", **choice)
    names = set()
    for path, text in files.items():
        assert "@" not in re.sub(r"(?m)^\s*#.*$", "", text), "a placeholder is left"
        if not path.startswith("_lakefs_actions/"):
            continue
        action = parsed(text)
        names.add(action["name"])
        assert re.fullmatch(r"\w[\w\-. ]+", action["name"])
        assert all(re.fullmatch(r"[_a-zA-Z][\-_a-zA-Z0-9]{1,255}", hook["id"]) for hook in action["hooks"])
        for event, on in action["on"].items():
            expected = ["gate-probe-*"] if event == "pre-create-branch" else ["release_1", "gate-canary-*"]
            assert on["branches"] == (expected if event.startswith("pre-") else ["release_1"])
    assert len(names) == 3, "lakeFS refuses two actions of one name (H2)"
    assert "https://gate.example/hooks/lakefs" in files[PRE_MERGE]


def test_the_lua_client_waits_as_long_as_it_is_told() -> None:
    def waits_s(**choice: int) -> object:
        files = gate_files("main", "http://gate", lua=True, allow_plain_revert=False, **choice)
        return parsed(files[PRE_MERGE])["hooks"][0]["properties"]["args"]["max_wait_s"]

    assert waits_s() == MAX_WAIT_S
    assert waits_s(max_wait_s=5400) == 5400


@pytest.mark.parametrize("choice", CHOICES)
def test_the_gate_hears_of_each_event_that_it_has_an_ear_for(choice: dict[str, bool]) -> None:
    action = parsed(gate_files("main", "http://gate", **choice)[POST_EVENTS])
    assert sorted(action["on"]) == sorted(TOLD)
    (hook,) = action["hooks"]
    assert hook["properties"]["url"] == "http://gate/hooks/lakefs"


@pytest.mark.parametrize("choice", CHOICES)
def test_the_guard_is_the_script_that_is_shipped(choice: dict[str, bool]) -> None:
    guard, ways_around = parsed(gate_files("main", "http://gate", **choice)[GUARDS])["hooks"]
    shipped_text = (shipped("hooks") / "guard_revert.lua").read_text(encoding="utf-8")
    assert guard["properties"]["script"].split() == shipped_text.split()
    for hook in (guard, ways_around):
        assert hook["properties"]["args"] == {"allow_plain_revert": choice["allow_plain_revert"]}
    said = guards_in_force(choice["allow_plain_revert"]).partition(", ")[0]
    assert said in ways_around["properties"]["script"]


@pytest.mark.parametrize("choice", CHOICES)
def test_every_file_is_known_as_the_gates_own(choice: dict[str, bool]) -> None:
    """So that nobody changes it by a merge, a revert keeps it, and an upgrade removes it."""
    files = gate_files("main", "http://gate", **choice)
    assert set(files) <= set(ALL_PATHS)
    assert all(matches(path, GATE_FILES) for path in files)


@pytest.mark.parametrize(
    "address",
    ["", "gate:8090", "ftp://gate", 'http://x"y', "http://x y", "http://x\ny", "http://{{ ENV.X }}"],
)
def test_an_address_that_would_break_the_action_is_refused(address: str) -> None:
    with pytest.raises(UsageError):
        gate_files("main", address, lua=False, allow_plain_revert=False)
