"""What the pass is said to answer, it answers: nothing of its list goes to Great Expectations."""

from __future__ import annotations

import pytest

from gate_server.engine.native.offered import NATIVE
from gate_server.model import Format

from .cases import CASES, GOOD, TYPES
from .conftest import Judge


@pytest.mark.parametrize("holds", [True, False])
def test_a_listed_expectation_is_answered_from_the_pass(judge: Judge, holds: bool) -> None:
    listed = [{"type": kind, "kwargs": CASES[kind][not holds]} for kind in NATIVE]
    evaluation = judge(GOOD, *listed, fmt=Format("csv", types=TYPES))
    assert {result.expectation: result.answered_from for result in evaluation.results} == dict.fromkeys(
        NATIVE, "pass"
    )
    assert {result.success for result in evaluation.results} == {holds}
