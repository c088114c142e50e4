from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from local_lakefs.versioning.listing import objects_page

paths = st.lists(st.text("ab/", min_size=1, max_size=5), unique=True, max_size=20)


@given(
    paths,
    st.sampled_from(["", "a", "a/", "b/"]),
    st.sampled_from(["", "/", "a/"]),
    st.integers(1, 4),
)
def test_pages_against_the_model(found: list[str], prefix: str, delimiter: str, amount: int) -> None:
    expected: list[str] = []
    for path in sorted(found):
        if not path.startswith(prefix):
            continue
        rest = path[len(prefix) :]
        head, cut, _ = rest.partition(delimiter) if delimiter else (rest, "", "")
        line = prefix + head + cut
        if line not in expected:
            expected.append(line)

    def source(start: str) -> Iterator[tuple[str, str]]:
        return ((path, path) for path in sorted(found) if path >= start)

    listed: list[str] = []
    has_more = True
    while has_more:
        after = listed[-1] if listed else ""
        page, has_more = objects_page(source, prefix, after, delimiter, amount)
        assert len(page) <= amount
        assert len(page) == amount or not has_more
        assert [item.value for item in page if item.value is not None] == [
            item.path for item in page if item.value is not None
        ]
        listed += [item.path for item in page]
    assert listed == expected
