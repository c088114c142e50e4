"""Scenario: an append that ran twice. Right in itself, wrong beside main."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate_server.model import COMPARES
from local_lakefs.testing import RunningServer
from tests.e2e.harness import Gate, World, running_gate

RULES = """\
version: 1
rules:
  - {name: sales, paths: [sales/*.csv], suite: grows, format: {type: csv}}
  - {name: whole, paths: [parts/**], suite: grows, format: {type: csv}, scope: dataset, dataset: parts/,
     reference: archive/}
"""


def rows(count: int, sign: str = "1") -> bytes:
    return b"a,b\n" + f"{sign},2\n".encode() * count


@pytest.fixture(scope="module")
def comparing(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Give a gate whose suites look at the destination."""
    folder = Path(tmp_path_factory.mktemp("comparing"))
    (folder / "suites").mkdir()
    (folder / "gate.yaml").write_text(RULES)
    suite = {"expectations": [{"type": COMPARES, "kwargs": {"min_value": 1, "max_value": 1.5}}]}
    (folder / "suites" / "grows.json").write_text(json.dumps(suite))
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
