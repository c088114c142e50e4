"""Rules that read no table: what may lie where, and that it stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_lakefs.testing import RunningServer
from tests.e2e.harness import Gate, World, running_gate

RULES = """\
version: 1
rules:
  - name: landing
    paths: landing/**
    require: {formats: [parquet, csv], names: ["landing/*/[0-9][0-9][0-9][0-9].*"], max_size_bytes: 1000}
  - {name: archive, paths: archive/**, require: {immutable: true}}
  - {name: signed, paths: signed/**, require: {metadata: {owner: "team-*"}}}
waivers:
  - {rule: archive, owner: ann, reason: retention, expires: 2100-01-01T00:00:00Z, paths: ["archive/2019/**"]}
"""


@pytest.fixture(scope="module")
def requiring(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Give a gate whose rules have no suite."""
    folder = Path(tmp_path_factory.mktemp("requiring"))
    (folder / "gate.yaml").write_text(RULES)
    with running_gate(server.environment, folder / "data", GATE_POLICY=str(folder / "gate.yaml")) as gate:
        yield gate


def test_what_may_land(world: World, requiring: Gate) -> None:
    rules = json.loads(requiring.run("suites", "list", "--json").stdout)["rules"]
    assert [(rule["suite"], rule["expectations"]) for rule in rules] == [("", 0)] * 3
    branch = world.repository.branch("b").create("main")
    world.commit(branch, {"landing/a/2024.csv": b"a,b\n1,2\n"})
    assert requiring.ask(world.name, "b")["verdict"] == "PASS"
    world.commit(branch, {"landing/a/2025.csv": b"\x7fELF\0\0\0\0", "landing/x.csv": b"a\n" * 600})
    refused = requiring.ask(world.name, "b")
    assert refused["verdict"] == "FAIL"
    said = "\n".join(refused["reasons"])
    assert "is none of `parquet`, `csv` by its first bytes and its name" in said
    assert "landing/x.csv" in said
    assert "its path matches none of" in said
    assert "has 1,200 bytes, at most 1,000 are allowed" in said


def test_what_is_there_stays_unless_it_is_waived(world: World, requiring: Gate) -> None:
    world.commit(world.main, {"archive/2019/a": b"1", "archive/2020/a": b"1"})
    branch = world.repository.branch("b").create("main")
    world.commit(branch, {"archive/2021/a": b"1"})
    assert requiring.ask(world.name, "b")["verdict"] == "PASS"
    world.commit(branch, {"archive/2019/a": b"2"})
    waived = requiring.ask(world.name, "b")
    assert (waived["verdict"], "ann: retention" in waived["summary"] + str(waived["reasons"])) == (
        "WARN",
        True,
    )
    branch.object("archive/2020/a").delete()
    branch.commit("remove")
    refused = requiring.ask(world.name, "b")
    assert (refused["verdict"], "archive/2020/a" in refused["summary"]) == ("FAIL", True)


def test_the_commit_says_who_answers(world: World, requiring: Gate) -> None:
    branch = world.repository.branch("b").create("main")
    world.commit(branch, {"signed/a": b"1"})
    refused = requiring.ask(world.name, "b")
    assert (refused["verdict"], "has no metadata `owner`" in refused["summary"]) == ("FAIL", True)
    branch.object("signed/a").upload(data=b"2")
    branch.commit("once more", metadata={"owner": "team-a"})
    assert requiring.ask(world.name, "b")["verdict"] == "PASS"
