"""Lengths are those of Python, although not all of them are counted in characters."""

from __future__ import annotations

from itertools import product
from typing import Any

import pyarrow as pa
import pytest

from gate_server.engine.native import passing
from gate_server.engine.questions import interpret
from gate_server.engine.readers.opening import in_memory
from gate_server.engine.readers.scan import Part
from gate_server.engine.readers.table import Table
from gate_server.model import Suite

# Up to six characters, of one to four bytes each.
TEXTS = [None, *(sign * count for sign in ("a", "é", "€", "\U0001f600", "a\U0001f600") for count in range(7))]
BOUNDS = [{"min_value": 0}, {"min_value": 2}, {"max_value": 0}, {"max_value": 10**30}, {"min_value": 10**30}]
BOUNDS += [{"min_value": low, "max_value": high} for low, high in product((0, 1, 2, 5), (1, 3, 4, 8))]


def failing(bounds: dict[str, Any], length: int) -> bool:
    low, high = bounds.get("min_value"), bounds.get("max_value")
    below = low is not None and (length <= low if bounds.get("strict_min") else length < low)
    above = high is not None and (length >= high if bounds.get("strict_max") else length > high)
    return below or above


@pytest.mark.parametrize("strict", [{}, {"strict_min": True}, {"strict_max": True}], ids=str)
def test_lengths_of_all_kinds_of_characters(strict: dict[str, bool]) -> None:
    asked = [
        {"type": "expect_column_value_lengths_to_be_between", "kwargs": {"column": "t", **one, **strict}}
        for one in BOUNDS
        if one.get("min_value", 0) <= one.get("max_value", 10**30)
    ]
    questions, problems = interpret(Suite("s", {"expectations": asked}), {})
    assert not problems
    table = Table(pa.table({"t": pa.array(TEXTS, pa.string())}), (Part("a", 0),))
    found = passing.run(questions, in_memory(table))
    for one in questions:
        places = [
            place
            for place, text in enumerate(TEXTS)
            if text is not None and failing(dict(one.kwargs), len(text))
        ]
        if one not in found.left:
            result = found.results[one.number]
            assert (result.unexpected_count, result.success) == (len(places), not places), one.kwargs
    assert len(found.left) <= 2  # bounds beyond all integers
