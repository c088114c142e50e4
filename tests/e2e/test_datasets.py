"""Scenario: a table of many files grows by one each night; the gate reads that one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_lakefs.testing import RunningServer
from tests.e2e.harness import Gate, World, running_gate

RULES = """\
version: 1
rules:
  - {name: days, paths: [days/**], suite: days, format: {type: csv, types: {id: integer, qty: integer}},
     scope: dataset, dataset: days/}
  - {name: keys, paths: [weeks/**], suite: keys, format: {type: jsonl}, scope: dataset, dataset: weeks/}
  - {name: sums, paths: [weeks/**], suite: sums, format: {type: jsonl}, scope: dataset, dataset: weeks/}
"""
SUITE = [
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
    {"type": "expect_column_sum_to_be_between", "kwargs": {"column": "qty", "max_value": 100}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "qty"}},
]


def day(number: int, qty: str = "1") -> bytes:
    return f"id,qty\n{number}1,{qty}\n{number}2,2\n".encode()


@pytest.fixture(scope="module")
def gate(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Give a gate that judges a table of many files."""
    folder = Path(tmp_path_factory.mktemp("datasets"))
    (folder / "suites").mkdir()
    (folder / "gate.yaml").write_text(RULES)
    for name, asked in (("days", SUITE), ("keys", SUITE[:1]), ("sums", SUITE[1:])):
        (folder / "suites" / f"{name}.json").write_text(json.dumps({"expectations": asked}))
    with running_gate(server.environment, folder / "data", GATE_POLICY=str(folder / "gate.yaml")) as running:
        yield running


def evaluated(gate: Gate, check: str) -> dict[str, Any]:
    (found,) = gate.api.get(f"/api/v1/checks/{check}").json()["validations"]
    return dict(found["meta"]["gate"])


def test_only_the_new_file_is_read_and_the_whole_table_is_judged(world: World, gate: Gate) -> None:
    world.commit(world.main, {f"days/{number}.csv": day(number) for number in range(1, 4)})
    world.branch("first", "main", **{"days/4.csv": day(4)})
    first = gate.ask(world.name, "first")
    assert first["verdict"] == "PASS"
    whole = evaluated(gate, first["check"])
    assert (whole["rows"], whole["objects_read"], whole["objects_known"]) == (8, 4, 0)

    world.branch("second", "main", **{"days/5.csv": day(5)})
    second = evaluated(gate, gate.ask(world.name, "second")["check"])
    assert (second["rows"], second["objects_read"], second["objects_known"]) == (8, 1, 3)

    world.branch("null", "main", **{"days/6.csv": day(6, "")})
    refused = gate.ask(world.name, "null")
    assert refused["verdict"] == "FAIL"
    assert "`qty`: 1 of 8 values are null, first in line 2 of days/6.csv" in refused["summary"]
    assert evaluated(gate, refused["check"])["objects_read"] == 1

    world.branch("sum", "main", **{"days/6.csv": day(6, "92")})
    refused = gate.ask(world.name, "sum")
    assert refused["verdict"] == "FAIL"
    assert "the sum of `qty` is 103" in refused["summary"]
    assert evaluated(gate, refused["check"])["objects_read"] == 1


def test_a_key_that_another_file_holds_is_found(world: World, gate: Gate) -> None:
    world.commit(world.main, {f"days/{number}.csv": day(number) for number in range(1, 4)})
    world.branch("fresh", "main", **{"days/4.csv": day(4)})
    assert gate.ask(world.name, "fresh")["verdict"] == "PASS"
    world.branch("twice", "main", **{"days/5.csv": b"id,qty\n11,1\n51,2\n"})
    refused = gate.ask(world.name, "twice")
    assert refused["verdict"] == "FAIL"
    assert "`id`: 2 of 8 values are not unique" in refused["summary"]


def test_two_rules_read_the_new_file_once(world: World, gate: Gate) -> None:
    def week(number: int, qty: str = "1") -> bytes:
        return f'{{"id":{number}1,"qty":{qty}}}\n{{"id":{number}2,"qty":2}}\n'.encode()

    world.commit(world.main, {f"weeks/{number}.jsonl": week(number) for number in range(1, 4)})
    world.branch("first", "main", **{"weeks/4.jsonl": week(4)})
    assert gate.ask(world.name, "first")["verdict"] == "PASS"
    world.branch("null", "main", **{"weeks/5.jsonl": week(5, "null")})
    refused = gate.ask(world.name, "null")
    assert refused["verdict"] == "FAIL"
    assert "`qty`: 1 of 8 values are null, first in line 1 of weeks/5.jsonl" in refused["summary"]
    validations = gate.api.get(f"/api/v1/checks/{refused['check']}").json()["validations"]
    found = [one["meta"]["gate"] for one in validations]
    assert [one["objects_known"] for one in found] == [3, 3]
    assert sum(one["objects_read"] for one in found) == 1
    assert sum(one["bytes_read"] for one in found) == len(week(5, "null"))
