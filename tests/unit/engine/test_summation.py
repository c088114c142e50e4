"""What doubles add up to depends on their order: where that matters, Great Expectations answers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from .parity import asked_of, by_great_expectations, by_the_pass

_RANDOM = np.random.default_rng(8).normal(3, 100, 100_000)
TABLE = pa.table(
    {"doubles": _RANDOM, "cancelling": [1e300, 1.0, -1e300, *[0.5] * 99_997], "whole": range(100_000)}
)
KINDS = ["sum", "mean", "stdev"]


def _asked(kind: str, column: str, **bounds: Any) -> dict[str, Any]:
    return {"type": f"expect_column_{kind}_to_be_between", "kwargs": {"column": column, **bounds}}


def test_twelve_digits_are_shared() -> None:
    asked = asked_of(*(_asked(kind, "doubles", min_value=-1e9) for kind in KINDS))
    found, wanted = by_the_pass(TABLE, asked), by_great_expectations(TABLE, asked)
    assert set(found) == set(wanted)
    for number, result in found.items():
        mine, theirs = result.detail["observed_value"], wanted[number].detail["observed_value"]
        assert math.isclose(mine, theirs, rel_tol=1e-12)


@pytest.mark.parametrize("key", ["min_value", "max_value"])
@pytest.mark.parametrize("away", [0, 1, -1])
def test_a_bound_within_the_rounding_is_for_great_expectations(key: str, away: int) -> None:
    free = asked_of(*(_asked(kind, "doubles", min_value=-1e9) for kind in KINDS))
    values = [one.detail["observed_value"] for one in by_great_expectations(TABLE, free).values()]
    bounds = [value + away * math.ulp(value) for value in values]
    asked = asked_of(*(_asked(kind, "doubles", **{key: at}) for kind, at in zip(KINDS, bounds, strict=True)))
    assert len(asked) == len(KINDS)
    assert by_the_pass(TABLE, asked) == {}


def test_what_cancels_out_is_for_great_expectations() -> None:
    asked = asked_of(*(_asked(kind, "cancelling", min_value=-1e9) for kind in KINDS))
    assert by_the_pass(TABLE, asked) == {}


def test_whole_numbers_add_up_exactly() -> None:
    at = {"sum": 4_999_950_000, "mean": 49_999.5}
    asked = asked_of(*(_asked(kind, "whole", min_value=value, max_value=value) for kind, value in at.items()))
    found = by_the_pass(TABLE, asked)
    assert found == by_great_expectations(TABLE, asked)
    assert [result.success for result in found.values()] == [True, True]
