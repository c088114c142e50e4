"""Modules for Lua of the embedded server alone: what it does not offer, and its limits."""

from __future__ import annotations

import re

import pytest

from local_lakefs.actions import HooksFailed
from local_lakefs.actions.endpoint import Call
from tests.unit.local_lakefs_actions.harness import Hooks


@pytest.mark.parametrize(
    "use",
    [
        'require("aws").s3_client("key", "secret", "region")',
        'require("azure").blob_client("account", "key")',
        'require("gcloud").gs_client("credentials")',
        'require("formats").delta_client("key", "secret")',
        'require("databricks").client("host", "token")',
        'require("crypto/aes").encryptCBC("key", "text")',
        'require("lakefs/catalogexport/glue_exporter").export_glue()',
        'require("lakefs/catalogexport/hive").extract_partition_pager()',
    ],
)
def test_what_is_not_offered_refuses(hooks: Hooks, use: str) -> None:
    found = re.fullmatch(r'require\("(.*?)"\)\.(\w+)\(.*', use)
    assert found
    module, function = found.groups()
    with pytest.raises(HooksFailed) as caught:
        hooks.lua(use)
    assert f"{module}.{function} is not offered by the embedded lakeFS" in str(caught.value)


def test_what_is_not_offered_can_be_loaded(hooks: Hooks) -> None:
    """Scripts load far above what they use, or not at all in this case."""
    assert hooks.lua('local aws = require("aws") print(type(aws))') == "table\n"


def test_calls_of_a_script_go_to_the_endpoint(hooks: Hooks) -> None:
    asked: list[Call] = []

    def answer(call: Call) -> tuple[int, bytes]:
        asked.append(call)
        return 200, b"\x00\xff\r\n" * 100_000

    hooks.service.endpoint = answer
    script = """
    local code, body = require("lakefs").get_object("demo", "main", "a/b")
    print(code, #body, body:byte(2))
    """
    assert hooks.lua(script) == "200\t400000\t255\n"
    path = ["repositories", "demo", "refs", "main", "objects"]
    assert asked == [Call("GET", path, {"path": "a/b"}, None)]


def test_a_call_that_nobody_answers_refuses(hooks: Hooks) -> None:
    """Not even `pcall` makes a pass of it."""
    with pytest.raises(
        HooksFailed, match="no endpoint configured, cannot request repositories/demo/refs/main"
    ):
        hooks.lua('pcall(require("lakefs").get_object, "demo", "main", "a")')


def test_an_expression_that_would_hang_others(hooks: Hooks) -> None:
    script = 'print(require("regexp").match("(a*)*b", ("a"):rep(10000)))'
    assert hooks.lua(script, timeout="60s") == "false\n"


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\\n"
        + "".join(f"{chr(98 + at)}: &{chr(98 + at)} [{f'*{chr(97 + at)}, ' * 9}]\\n" for at in range(12)),
        "a: &a [*a]",
        "[" * 2000,
    ],
    ids=["a bomb", "part of itself", "deep"],
)
def test_yaml_that_takes_too_much(hooks: Hooks, text: str) -> None:
    script = f'print((pcall(require("encoding/yaml").unmarshal, "{text}")))'
    assert hooks.lua(script, timeout="60s") == "false\n"
