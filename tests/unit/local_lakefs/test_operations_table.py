"""The table of operations in docs/local-lakefs.md says what the router does."""

from __future__ import annotations

import re
from pathlib import Path

from local_lakefs.api import HANDLERS
from local_lakefs.api.registry import operations

PAGE = Path(__file__).parents[3] / "docs" / "local-lakefs.md"
ROW = re.compile(r"^\| `(\w+)` \| `([A-Z]+) (/\S*)` \| (equal|partial|not offered) \| (.*)\|$")


def test_each_operation_is_told_as_it_is() -> None:
    _, _, section = PAGE.read_text(encoding="utf-8").partition("## Every operation of lakeFS's API")
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    matches = [ROW.match(row) for row in rows]
    assert [row for row, match in zip(rows, matches, strict=True) if match is None] == []
    told = {match[1]: (match[2], match[3], match[4], match[5].strip()) for match in matches if match}
    assert len(told) == len(rows)
    assert {name: row[:2] for name, row in told.items()} == {
        item.operation: (item.method, item.path) for item in operations()
    }
    offered = {name for name, row in told.items() if row[2] != "not offered"}
    assert offered == set(HANDLERS)
    assert {name for name, row in told.items() if row[3]} == {
        name for name, row in told.items() if row[2] == "partial"
    }
