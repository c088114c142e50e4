"""What is made of the code is as the code says."""

from __future__ import annotations

import pytest

from docs.reference.made import made
from gate_server.cli.main import COMMANDS, main


def test_what_is_made_of_the_code_is_up_to_date() -> None:
    old = [path.name for path, text in made().items() if not path.exists() or path.read_text() != text]
    assert not old, f"{', '.join(old)} is of another day: make reference"


def test_every_command_and_endpoint_is_there() -> None:
    commands, api = (text for path, text in made().items() if path.name in ("commands.md", "api.md"))
    assert [name for name in COMMANDS if f"\n## gate {name}\n" not in commands] == []
    assert "## POST /hooks/lakefs" in api
    assert "role `hook`" in api
    assert "; nobody" not in api


def test_the_command_prints_the_schema_that_lies_beside_the_policy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (schema,) = (text for path, text in made().items() if path.name == "gate.schema.json")
    assert main(["policy", "schema"]) == 0
    assert capsys.readouterr().out == schema
