"""Scenario: an append that ran twice. Right in itself, wrong beside main."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate_server.model import AGE_AT_COMMIT, COMPARES
from local_lakefs.testing import RunningServer
from tests.e2e.harness import Gate, World, running_gate

RULES = """\
version: 1
rules:
  - {name: sales, paths: [sales/*.csv], suite: grows, format: {type: csv}}
  - {name: whole, paths: [parts/**], suite: grows, format: {type: csv}, scope: dataset, dataset: parts/,
     reference: archive/}
  - {name: keyed, paths: [keyed/*.csv], suite: keyed, format: {type: csv}, on_new: pass, on_empty: pass}
  - {name: golden, paths: [golden/*.csv], suite: keyed, format: {type: csv}, reference_ref: golden,
     on_new: fail}
  - {name: log, paths: [log/*.csv], suite: once, format: {type: csv}, reference: log/}
  - {name: fresh, paths: [fresh/*.csv], suite: fresh, format: {type: csv, types: {day: date}}}
"""
KEPT = "expect_compound_columns_to_include_those_of_destination"
ONCE = "expect_table_rows_to_not_repeat_those_of_destination"
SUITES: dict[str, dict[str, Any]] = {
    "grows": {"type": COMPARES, "kwargs": {"min_value": 1, "max_value": 1.5}},
    "keyed": {"type": KEPT, "kwargs": {"column_list": ["id"]}},
    "once": {"type": ONCE},
    "fresh": {"type": AGE_AT_COMMIT, "kwargs": {"column": "day", "max_value": 48}},
}


def rows(count: int, sign: str = "1") -> bytes:
    return b"a,b\n" + f"{sign},2\n".encode() * count


@pytest.fixture(scope="module")
def comparing(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Give a gate whose suites look at the destination."""
    folder = Path(tmp_path_factory.mktemp("comparing"))
    (folder / "suites").mkdir()
    (folder / "gate.yaml").write_text(RULES)
    for name, expectation in SUITES.items():
        (folder / "suites" / f"{name}.json").write_text(json.dumps({"expectations": [expectation]}))
    with running_gate(server.environment, folder / "data", GATE_POLICY=str(folder / "gate.yaml")) as gate:
        yield gate


def test_an_append_that_ran_twice_is_refused(world: World, comparing: Gate) -> None:
    world.commit(world.main, {"sales/a.csv": rows(10)})
    world.branch("first", "main", **{"sales/new.csv": rows(5)})
    assert comparing.ask(world.name, "first")["verdict"] == "WARN"  # nothing to compare with
    twice = world.repository.branch("twice").create("main")
    world.commit(twice, {"sales/a.csv": rows(20)})
    refused = comparing.ask(world.name, "twice")
    assert refused["verdict"] == "FAIL"
    assert "20 rows, 2 times the destination's 10 rows" in refused["summary"]
    once = world.repository.branch("once").create("main")
    world.commit(once, {"sales/a.csv": rows(14)})
    assert comparing.ask(world.name, "once")["verdict"] == "PASS"


def test_the_same_content_before_another_main_is_judged_anew(world: World, comparing: Gate) -> None:
    world.commit(world.main, {"sales/a.csv": rows(10, "3")})
    branch = world.repository.branch("b").create("main")
    world.commit(branch, {"sales/a.csv": rows(14, "3")})
    assert comparing.ask(world.name, "b")["verdict"] == "PASS"
    world.commit(world.main, {"sales/a.csv": rows(4, "3")})
    later = world.repository.branch("c").create("main")
    world.commit(later, {"sales/a.csv": rows(14, "3")})
    assert comparing.ask(world.name, "c")["verdict"] == "FAIL"


def test_a_dataset_is_held_against_another_folder_of_the_destination(world: World, comparing: Gate) -> None:
    world.commit(world.main, {"archive/1.csv": rows(6), "archive/2.csv": rows(4)})
    branch = world.repository.branch("b").create("main")
    world.commit(branch, {"parts/1.csv": rows(7), "parts/2.csv": rows(8)})
    assert comparing.ask(world.name, "b")["verdict"] == "PASS"
    world.commit(branch, {"parts/3.csv": rows(1)})
    refused = comparing.ask(world.name, "b")
    assert (refused["verdict"], "the destination's 10 rows" in refused["summary"]) == ("FAIL", True)


def test_a_main_that_cannot_be_counted_is_no_pass(world: World, comparing: Gate) -> None:
    world.commit(world.main, {"sales/a.csv": b"a,b\n1\n"})
    branch = world.repository.branch("b").create("main")
    world.commit(branch, {"sales/a.csv": rows(10)})
    unknown = comparing.ask(world.name, "b")
    assert (unknown["verdict"], unknown["allowed"]) == ("ERROR", False)
    assert "destination" in unknown["summary"]


def ids(*keys: str) -> bytes:
    return "\n".join(["id,v", *(f"{key},x" for key in keys)]).encode()


def test_a_lost_key_is_refused_with_its_place(world: World, comparing: Gate) -> None:
    branch = world.repository.branch("first").create("main")
    world.commit(branch, {"keyed/a.csv": ids("1", "2", "3")})
    assert comparing.ask(world.name, "first")["verdict"] == "PASS"  # on_new: pass
    branch.merge_into("main")
    world.commit(branch, {"keyed/a.csv": ids("4", "1", "3")})
    refused = comparing.ask(world.name, "first")
    assert refused["verdict"] == "FAIL"
    lost = "1 of 3 keys of the destination are lost, first the one in line 3 of keyed/a.csv there"
    assert lost in refused["summary"]
    world.commit(branch, {"keyed/a.csv": ids("4", "3", "2", "1")})
    assert comparing.ask(world.name, "first")["verdict"] == "PASS"


def test_an_emptied_object_is_no_way_around_a_comparison(world: World, comparing: Gate) -> None:
    branch = world.repository.branch("emptied").create("main")
    world.commit(branch, {"keyed/a.csv": b""})
    assert comparing.ask(world.name, "emptied")["verdict"] == "PASS"  # on_empty: pass
    world.commit(world.main, {"keyed/a.csv": ids("1", "2")})
    emptying = world.repository.branch("emptying").create("main")
    world.commit(emptying, {"keyed/a.csv": b""})
    refused = comparing.ask(world.name, "emptying")
    assert (refused["verdict"], "2 of 2 keys" in refused["summary"]) == ("FAIL", True)


def test_another_ref_is_compared_with_as_it_is_now(world: World, comparing: Gate) -> None:
    branch = world.repository.branch("b").create("main")
    world.commit(branch, {"golden/a.csv": ids("1", "2")})
    unknown = comparing.ask(world.name, "b")
    assert (unknown["verdict"], "lakeFS has no golden" in unknown["summary"]) == ("ERROR", True)
    golden = world.repository.branch("golden").create("main")
    nothing = comparing.ask(world.name, "b")
    assert (nothing["verdict"], "nothing to compare with" in nothing["summary"]) == ("FAIL", True)
    world.commit(golden, {"golden/a.csv": ids("2")})
    assert comparing.ask(world.name, "b")["verdict"] == "PASS"
    world.commit(golden, {"golden/a.csv": ids("3")})  # it moved: what was known counts no more
    assert comparing.ask(world.name, "b")["verdict"] == "FAIL"


def test_an_object_is_held_against_all_of_its_folder(world: World, comparing: Gate) -> None:
    world.commit(world.main, {"log/1.csv": ids("1", "2"), "log/2.csv": ids("3")})
    branch = world.repository.branch("b").create("main")
    world.commit(branch, {"log/3.csv": ids("4", "3")})
    refused = comparing.ask(world.name, "b")
    assert refused["verdict"] == "FAIL"
    assert "1 of 2 rows are on the destination already, first line 3 of log/3.csv" in refused["summary"]
    world.commit(branch, {"log/3.csv": ids("4", "5")})
    assert comparing.ask(world.name, "b")["verdict"] == "PASS"


def test_freshness_goes_by_the_commit(world: World, comparing: Gate) -> None:
    today = datetime.now(UTC).date()
    for name, days, verdict in (("new", 0, "PASS"), ("old", 5, "FAIL")):
        branch = world.repository.branch(name).create("main")
        world.commit(branch, {"fresh/a.csv": f"day\n{today - timedelta(days)}\n".encode()})
        answer = comparing.ask(world.name, name)
        assert answer["verdict"] == verdict, answer
    assert "old when the commit was made, at most 48 hours expected" in answer["summary"]
