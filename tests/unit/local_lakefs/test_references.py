from __future__ import annotations

import pytest

from local_lakefs.errors import BadRequest
from local_lakefs.versioning.references import Modifier, parse


@pytest.mark.parametrize(
    ("text", "base", "modifiers"),
    [
        ("main", "main", []),
        ("v1.0", "v1.0", []),
        ("main@", "main", [("@", 1)]),
        ("main$", "main", [("$", 1)]),
        ("main~", "main", [("~", 1)]),
        ("main~3", "main", [("~", 3)]),
        ("main^2~1", "main", [("^", 2), ("~", 1)]),
        ("main~~^", "main", [("~", 1), ("~", 1), ("^", 1)]),
        ("0a1b^0", "0a1b", [("^", 0)]),
    ],
)
def test_parsed(text: str, base: str, modifiers: list[tuple[str, int]]) -> None:
    assert parse(text) == (base, [Modifier(*modifier) for modifier in modifiers])


@pytest.mark.parametrize("text", ["", "~1", "@", "^", "main~x", "main@1", "main$x", "main^1x"])
def test_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="ref: invalid value"):
        parse(text)
