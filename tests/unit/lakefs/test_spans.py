"""A listing made of another version's is the listing, whatever changed and wherever the ranges lie."""

from __future__ import annotations

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from gate_server.lakefs.metaranges import KeyRange
from gate_server.lakefs.spans import changed, differing

KEYS = st.text("ab/é\U0001f600", min_size=1, max_size=4)
VERSIONS = st.dictionaries(KEYS, st.integers(0, 2), max_size=30)
PREFIXES = st.text("ab/", max_size=2)


def ranges(version: dict[str, int]) -> list[KeyRange]:
    """Cut a version into ranges as lakeFS does: where the digest of a key says so."""
    found, keys = [], []
    ordered = sorted(version)
    for key in ordered:
        keys.append(key)
        if hashlib.md5(key.encode()).digest()[0] % 3 == 0 or key == ordered[-1]:
            content = json.dumps([(key, version[key]) for key in keys])
            found.append(KeyRange(content, keys[0], keys[-1], len(keys)))
            keys = []
    return found


def below(version: dict[str, int], prefix: str) -> dict[str, int]:
    return {key: version[key] for key in sorted(version) if key.startswith(prefix)}


@given(VERSIONS, VERSIONS, st.sets(KEYS), PREFIXES)
def test_it_is_the_listing(
    before: dict[str, int], changes: dict[str, int], removed: set[str], prefix: str
) -> None:
    after = {key: value for key, value in {**before, **changes}.items() if key not in removed}
    gone, spans = differing(ranges(before), ranges(after), prefix)
    new = {}
    for span in spans:
        listed = {key: value for key, value in below(after, prefix).items() if span.after < key <= span.last}
        assert len(listed) == span.count or not span.lies_below(prefix)
        new |= listed
    found = changed(below(before, prefix), gone, new)
    assert list(found.items()) == list(below(after, prefix).items())


def test_what_did_not_change_is_not_listed() -> None:
    before = {f"k/{number:04d}": 0 for number in range(1000)}
    after = {**before, "k/0500": 1}
    gone, spans = differing(ranges(before), ranges(after), "k/")
    assert len(gone) == len(spans) == 1
    assert spans[0].count == gone[0].count < 50
    assert differing(ranges(before), ranges(before), "k/") == ([], [])
