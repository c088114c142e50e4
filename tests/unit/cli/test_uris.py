"""lakeFS URIs: parsed in one place, each wrong part named."""

from __future__ import annotations

import pytest

from gate_server.cli.uris import LakeFSURI, parse


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("lakefs://sales/main", LakeFSURI("sales", "main")),
        ("lakefs://sales/main/", LakeFSURI("sales", "main")),
        ("lakefs://sales-7/main~3", LakeFSURI("sales-7", "main~3")),
        ("lakefs://sales/main@", LakeFSURI("sales", "main@")),
    ],
)
def test_a_ref(text: str, parts: LakeFSURI) -> None:
    assert parse(text) == parts
    assert parse(str(parts)) == parts


def test_an_object_where_one_is_meant() -> None:
    parts = parse("lakefs://sales/main/a//b/", with_path=True)
    assert parts == LakeFSURI("sales", "main", "a//b/")
    assert str(parts) == "lakefs://sales/main/a//b/"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("sales/main", "does not start with lakefs://"),
        ("s3://sales/main", "does not start with lakefs://"),
        ("lakefs://", "'' is no repository's name"),
        ("lakefs://ab/main", "'ab' is no repository's name"),
        ("lakefs://Sales/main", "'Sales' is no repository's name"),
        ("lakefs://sales", "names no branch"),
        ("lakefs://sales/", "names no branch"),
        ("lakefs://sales/feature/x", "a branch's name holds no slash"),
    ],
)
def test_what_is_wrong_is_named(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        parse(text)
