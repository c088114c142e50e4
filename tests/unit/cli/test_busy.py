"""What commands show while they work."""

from __future__ import annotations

import pytest

from gate_server.cli.output import busy


def test_nothing_moves_in_a_pipe_even_with_colours_forced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm-256color")):
        monkeypatch.setenv(name, value)
    with busy("looking") as told:
        told("still looking")
    assert capsys.readouterr() == ("", "")
