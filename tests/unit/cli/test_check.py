"""The exit code of `gate check`."""

from __future__ import annotations

import pytest

from gate_server.cli.check import _exit_code
from gate_server.errors import CouldNotTell


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"verdict": "PASS", "allowed": True}, 0),
        ({"verdict": "WARN", "allowed": True}, 0),
        ({"verdict": "FAIL", "allowed": False}, 1),
        ({"verdict": "ERROR", "allowed": False}, 3),
        ({"verdict": "ERROR", "allowed": True}, 3),
    ],
)
def test_exit_codes(body: dict[str, object], code: int) -> None:
    assert _exit_code(body) == code


@pytest.mark.parametrize(
    "body", [{}, {"verdict": "", "allowed": True}, {"verdict": "pass"}, {"verdict": "OK"}]
)
def test_what_is_no_verdict_is_never_a_pass(body: dict[str, object]) -> None:
    with pytest.raises(CouldNotTell):
        _exit_code(body)
