"""Tables with a log of their own, on a branch: judged as readers would see them once merged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyiceberg.catalog.sql import SqlCatalog

from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.setup.found import find_tables
from local_lakefs.testing import RunningServer
from tests.e2e.canaries import CELL
from tests.e2e.harness import Gate, World, running_gate
from tests.e2e.test_pages import browser, reader

__all__ = ["browser", "reader"]  # their fixtures

RULES = """\
version: 1
rules:
  - {name: delta, paths: [delta/**], suite: orders, format: {type: delta},
     scope: dataset, dataset: 'delta/{table}/'}
  - {name: iceberg, paths: [iceberg/**], suite: orders, format: {type: iceberg},
     scope: dataset, dataset: 'iceberg/{table}/'}
"""
SUITE = [
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "qty"}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "day"}},
]


@pytest.fixture(scope="module")
def gate(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Give a gate that judges tables."""
    folder = Path(tmp_path_factory.mktemp("tables"))
    (folder / "suites").mkdir()
    (folder / "gate.yaml").write_text(RULES)
    (folder / "suites" / "orders.json").write_text(json.dumps({"expectations": SUITE}))
    with running_gate(server.environment, folder / "data", GATE_POLICY=str(folder / "gate.yaml")) as running:
        yield running


def rows(first: int, qty: int | None = 1) -> pa.Table:
    return pa.table(
        {"id": [first, first + 1], "day": ["d1", "d1"], "qty": [1, qty], "note": [CELL, CELL]},
        schema=pa.schema(
            {"id": pa.int64(), "day": pa.string(), "qty": pa.int64(), "note": pa.string()},
        ),
    )


def append(table: Path, data: pa.Table) -> None:
    write_deltalake(table, data, mode="append", partition_by=["day"])


def below(folder: Path, prefix: str) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {f"{prefix}{path.relative_to(folder)}": path.read_bytes() for path in files}


def evaluated(gate: Gate, answer: dict[str, Any]) -> dict[str, Any]:
    (found,) = gate.api.get(f"/api/v1/checks/{answer['check']}").json()["validations"]
    return dict(found["meta"]["gate"])


def test_a_delta_table_is_judged_by_its_newest_version(
    server: RunningServer, world: World, gate: Gate, tmp_path: Path
) -> None:
    table = tmp_path / "orders"
    for first in (0, 2, 4):
        append(table, rows(first))
    world.commit(world.main, before := below(table, "delta/orders/"))

    def changed() -> dict[str, bytes]:
        return {path: one for path, one in below(table, "delta/orders/").items() if before.get(path) != one}

    drafted = gate.run("suites", "draft", world.uri() + "/delta/orders/", "--json")
    assert drafted.returncode == 0, drafted.stderr
    rule = json.loads(drafted.stdout)["rule"]
    assert (rule["format"], rule["dataset"]) == ({"type": "delta"}, "delta/orders/")
    lakefs = LakeFS(server.url, server.access_key_id, server.secret_access_key)
    head = Commits(lakefs).get(world.name, "main")
    (found,) = find_tables(lakefs, world.name, head)
    assert (found.path, found.format.type) == ("delta/orders/", "delta")

    append(table, rows(6))
    world.branch("first", "main", **changed())
    first = gate.ask(world.name, "first")
    assert first["verdict"] == "PASS", first
    assert evaluated(gate, first)["rows"] == 8

    append(table, rows(8))
    good = changed()
    world.branch("second", "main", **good)
    whole = evaluated(gate, gate.ask(world.name, "second"))
    assert (whole["rows"], whole["objects_known"]) == (10, 3)

    append(table, rows(10, None))
    world.branch("null", "main", **changed())
    refused = gate.ask(world.name, "null")
    assert refused["verdict"] == "FAIL"
    assert "`qty`: 1 of 12 values are null" in refused["summary"]

    # Rows that a later version deletes do not count, though their file is still there.
    DeltaTable(table).delete("qty is null")
    world.branch("mended", "main", **changed())
    mended = gate.ask(world.name, "mended")
    assert (mended["verdict"], evaluated(gate, mended)["rows"]) == ("PASS", 11)

    old = next(path for path in before if path.endswith(".parquet"))
    lost = next(path for path in good if path.endswith(".parquet"))
    gap = f"delta/orders/_delta_log/{3:020}.json"
    for name, change, told in (
        (
            "lost",
            {path: one for path, one in good.items() if path != lost},
            f"names this file, and there is none in {lost}",
        ),
        ("gap", {path: one for path, one in good.items() if path != gap}, "version 3 is missing"),
        ("overwritten", {old: before[old][::-1]}, "is written anew in its place"),
    ):
        world.branch(name, "main", **change)
        refused = gate.ask(world.name, name)
        assert refused["verdict"] == "FAIL", refused
        assert told in refused["summary"]


def test_columns_that_change_are_named_whatever_the_verdict(
    world: World, gate: Gate, reader: httpx.Client, tmp_path: Path
) -> None:
    table = tmp_path / "orders"
    append(table, rows(0))
    world.commit(world.main, before := below(table, "delta/orders/"))

    def branch(name: str) -> str:
        files = {path: one for path, one in below(table, "delta/orders/").items() if before.get(path) != one}
        world.branch(name, "main", **files)
        return name

    append(table, rows(2))
    plain = gate.ask(world.name, branch("plain"))
    assert (plain["verdict"], evaluated(gate, plain)["schema_changes"]) == ("PASS", [])

    said = "`more` was added (string)"
    for first, qty, verdict in ((4, 1, "PASS"), (6, None, "FAIL")):
        wider = rows(first, qty).append_column("more", pa.array(["x", "y"]))
        write_deltalake(table, wider, mode="append", schema_mode="merge", partition_by=["day"])
        name = branch(verdict.lower())
        answer = gate.ask(world.name, name)
        assert answer["verdict"] == verdict
        (change,) = evaluated(gate, answer)["schema_changes"]
        assert change == {
            "kind": "added",
            "column": "more",
            "before": "",
            "after": "string",
            "message": said,
        }
        assert (
            f"columns of delta/orders/: {said}" in gate.run("check", world.uri(name), "--into", "main").stdout
        )
        page = reader.get(f"/checks/{answer['check']}").text
        report = gate.api.get(f"/api/v1/checks/{answer['check']}/report", params={"format": "html"}).text
        for shown in (page, report):
            assert "Columns: <code>more</code> was added (string)." in shown


def test_an_iceberg_table_is_judged_by_its_current_snapshot(world: World, gate: Gate, tmp_path: Path) -> None:
    catalog = SqlCatalog("test", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}")
    catalog.create_namespace("n")
    table = catalog.create_table("n.orders", schema=rows(0).schema)
    for first in (0, 2):
        table.append(rows(first))
    root = tmp_path / "n/orders"
    world.commit(world.main, before := below(root, "iceberg/orders/"))

    def changed() -> dict[str, bytes]:
        return {path: one for path, one in below(root, "iceberg/orders/").items() if before.get(path) != one}

    table.append(rows(4))
    world.branch("first", "main", **changed())
    assert gate.ask(world.name, "first")["verdict"] == "PASS"
    table.append(rows(6, None))
    world.branch("null", "main", **(bad := changed()))
    refused = gate.ask(world.name, "null")
    assert refused["verdict"] == "FAIL"
    assert "`qty`: 1 of 8 values are null" in refused["summary"]

    table.delete("qty is null")
    world.branch("mended", "main", **changed())
    mended = gate.ask(world.name, "mended")
    assert (mended["verdict"], evaluated(gate, mended)["rows"]) == ("PASS", 7)

    # Two branches that each wrote a version: merged, one of them would be lost.
    newest = max(path for path in bad if path.endswith(".metadata.json"))
    other = f"{newest.rpartition('/')[0]}/{newest.rpartition('/')[2][:5]}-other.metadata.json"
    world.branch("both", "main", **changed(), **{other: bad[newest]})
    unclear = gate.ask(world.name, "both")
    assert (unclear["verdict"], unclear["allowed"]) == ("ERROR", False)
    assert "is no version that it came from" in unclear["summary"]
