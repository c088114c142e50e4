from __future__ import annotations

import pytest

from local_lakefs.errors import LakeFSError
from local_lakefs.versioning.globs import matches


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("main", ["main"], ["main2", "amain"]),
        ("*", ["main", ""], []),
        ("release-*", ["release-", "release-1"], ["release", "a-release-1"]),
        ("v?", ["v1", "vx"], ["v", "v10"]),
        ("[ab]x", ["ax", "bx"], ["cx", "x"]),
        ("[!a-c]x", ["dx"], ["ax", "cx"]),
        ("{main,rel-*}", ["main", "rel-2"], ["dev", "main,rel-2"]),
        ("a.b", ["a.b"], ["axb"]),
        ("a\\*", ["a*"], ["ab"]),
        ("a,b", ["a,b"], ["a", "b"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], others: list[str]) -> None:
    assert [name for name in matching + others if matches(pattern, name)] == matching


@pytest.mark.parametrize("pattern", ["[", "{a", "a{b,c"])
def test_malformed(pattern: str) -> None:
    with pytest.raises(LakeFSError, match="unexpected end"):
        matches(pattern, "a")
