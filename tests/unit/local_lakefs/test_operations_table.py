"""The table of operations in docs/local-lakefs.md says what the router does, and what was held."""

from __future__ import annotations

from local_lakefs.api import HANDLERS
from local_lakefs.api.registry import operations
from tests.contract.answered import WITHOUT_ERROR, rows, unproven


def test_each_operation_is_told_as_it_is() -> None:
    table = rows()
    assert [row for row, match in table if match is None] == []
    told = {match[1]: (match[2], match[3], match[4], match[5].strip()) for _, match in table if match}
    assert len(told) == len(table)
    assert {name: row[:2] for name, row in told.items()} == {
        item.operation: (item.method, item.path) for item in operations()
    }
    offered = {name for name, row in told.items() if row[2] != "not offered"}
    assert offered == set(HANDLERS)
    assert {name for name, row in told.items() if row[3]} == {
        name for name, row in told.items() if row[2] == "partial"
    }


def test_an_operation_is_equal_only_by_a_success_and_an_error_of_each_server() -> None:
    equal = {match[1] for _, match in rows() if match and match[4] == "equal"}
    kinds = ["embedded", "real"]
    everything = {(kind, name, good) for kind in kinds for name in equal for good in (True, False)}
    assert unproven(everything, kinds) == []
    assert set(WITHOUT_ERROR) <= equal
    for missing in sorted(everything):
        told = unproven(everything - {missing}, kinds)
        kind, name, good = missing
        word = "success" if good else "error"
        expected = [f"{name}: no {word} answered by the {kind} server"]
        assert told == ([] if name in WITHOUT_ERROR and not good else expected)
