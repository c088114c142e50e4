"""What the pass is said to answer, it answers: nothing of its list goes to Great Expectations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gate_server.engine.native.offered import NATIVE
from gate_server.model import Format

from .cases import CASES, GOOD, TYPES
from .conftest import Judge

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("holds", [True, False])
def test_a_listed_expectation_is_answered_from_the_pass(judge: Judge, holds: bool) -> None:
    listed = [{"type": kind, "kwargs": CASES[kind][not holds]} for kind in NATIVE]
    evaluation = judge(GOOD, *listed, fmt=Format("csv", types=TYPES))
    assert {result.expectation: result.answered_from for result in evaluation.results} == dict.fromkeys(
        NATIVE, "pass"
    )
    assert {result.success for result in evaluation.results} == {holds}


def test_the_list_is_told_in_the_documentation() -> None:
    text = (ROOT / "docs" / "engine.md").read_text()
    section = text.partition("## What the pass answers")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(expect_\w+)` \|", section, re.MULTILINE) == list(NATIVE)
