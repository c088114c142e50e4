"""Cells that fail in every way there is: their values are in no answer, page, log, metric or table (D10)."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

from gate_server.engine.catalogue import OFFERED
from local_lakefs.testing import RunningServer
from tests.e2e.canaries import CANARIES, CELL, Canaries
from tests.e2e.harness import API_TOKEN, Gate, World, run_gate, running_gate
from tests.e2e.test_pages import sign_in
from tests.unit.engine.cases import CASES, COLUMNS

NUMBER = 713_055_139_000  # the canaries among numbers begin so
TYPES = ("integer", "number", "decimal", "boolean", "date", "timestamp")
INTEGERS = ("n", "a", "b", "falling", "nulls")
# All that looks at each value; of whole columns only what is asked of texts, since an aggregate of numbers is
# told on purpose.
ASKED = [
    {"type": kind, "kwargs": failing}
    for kind, (_, failing) in CASES.items()
    if OFFERED[kind].kind in ("map", "pair", "multicolumn") or failing.get("column") == "t"
]
EXISTS = [{"type": "expect_column_to_exist", "kwargs": {"column": "cell"}}]
POLICY = f"""\
version: 1
rules:
  - name: all
    paths: ["all/*.csv", "all/*.csv.gz"]
    suite: all
    format: {{type: csv, types: {{{", ".join(f"{name}: integer" for name in INTEGERS)}}}}}
  - {{name: parquet, paths: "all/*.parquet", suite: all, format: {{type: parquet}}}}
  - {{name: orc, paths: "all/*.orc", suite: all, format: {{type: orc}}}}
  - {{name: arrow, paths: "all/*.arrow", suite: all, format: {{type: arrow}}}}
  - {{name: jsonl, paths: ["all/*.jsonl", "all/*.jsonl.zst"], suite: all, format: {{type: jsonl}}}}
  - {{name: tight, paths: "tight/*.csv", suite: exists, format: {{type: csv}}, limits: {{field_bytes: 10}}}}
  - {{name: parts, paths: "parts/*", suite: exists, format: {{type: csv}}, scope: dataset, dataset: parts/}}
""" + "".join(
    f'  - {{name: {kind}, paths: "cast/{kind}.csv", suite: exists, '
    f"format: {{type: csv, types: {{cell: {kind}}}}}}}\n"
    for kind in TYPES
)


def rows() -> Iterator[dict[str, Any]]:
    for row in range(1, 6):
        text = f"{CELL}-{row}"
        yield {
            **dict.fromkeys(COLUMNS, text),
            **dict.fromkeys(INTEGERS, NUMBER + row),
            "a": NUMBER + 2 * row,
            "falling": NUMBER - row,
            "nulls": None if row == 1 else NUMBER + row,
            "j": json.dumps({CELL: text}),
        }


def as_csv() -> bytes:
    lines = [",".join(COLUMNS)]
    for row in rows():
        cells = ("" if row[name] is None else str(row[name]) for name in COLUMNS)
        lines.append(",".join('"' + cell.replace('"', '""') + '"' if cell else "" for cell in cells))
    return "\n".join(lines).encode()


def as_parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def as_orc(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pyarrow.orc.write_table(table, sink)
    return sink.getvalue()


def as_arrow(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def objects() -> dict[str, bytes]:
    """Return data that fails: by its values, by its types, by its shape, by its bytes."""
    head, cell = ",".join(COLUMNS).encode(), CELL.encode()
    table = pa.Table.from_pylist(list(rows()))
    csv, parquet, orc, arrow = as_csv(), as_parquet(table), as_orc(table), as_arrow(table)
    jsonl = b"".join(json.dumps(row).encode() + b"\n" for row in rows())
    quoted = b'"' + cell + b'"'
    other_types = as_parquet(pa.table({name: [{"x": CELL}, {"x": CELL * 2}] for name in COLUMNS}))
    return {
        "all/values.csv": csv,
        "all/values.csv.gz": gzip.compress(csv),
        "all/long.csv": head + b"\n" + b",".join([cell] * 99),
        "all/short.csv": head + b"\n" + cell,
        "all/quote.csv": head + b'\n"' + cell + b"\n" + cell,
        "all/half.csv": head + b"\n" + b",".join([cell + b"\xff\xfe" + cell] * 10),
        "all/nul.csv": head + b"\n" + b",".join([cell + b"\0" + cell] * 10),
        "all/text.csv": head + b"\n" + b",".join([cell] * 10),
        "all/cut.csv.gz": gzip.compress(csv)[:-20],
        "all/stored.csv.gz": gzip.compress(csv, 0)[:-20] + cell,
        "all/none.csv.gz": csv,
        "all/values.parquet": parquet,
        "all/types.parquet": other_types,
        "all/cut.parquet": parquet[:-50],
        "all/footer.parquet": parquet[:-8] + b"\xff\xff\xff\x7fPAR1",
        "all/pages.parquet": parquet.replace(cell, cell[::-1][:3] + cell[3:]),
        "all/values.orc": orc,
        "all/cut.orc": orc[:-50],
        "all/pages.orc": orc.replace(cell, cell[::-1]),
        "all/values.arrow": arrow,
        "all/cut.arrow": arrow[:-50],
        "all/values.jsonl": jsonl,
        "all/none.jsonl.zst": jsonl,
        "all/cut.jsonl": jsonl[:-20],
        "all/kinds.jsonl": jsonl + b'{"n": ' + quoted + b', "t": 1}',
        "all/escape.jsonl": b'{"t": "' + cell + b"\\" + cell + b'"}',
        "all/half.jsonl": b'{"t": "' + cell + b'\\ud800"}',
        "all/bytes.jsonl": b'{"t": "' + cell + b'\xff"}',
        "all/array.jsonl": b"[" + quoted + b"]",
        "all/behind.jsonl": b'{"t": 1}' + quoted,
        "tight/long.csv": b"cell\n" + cell * 10,
        "parts/1.csv": b"cell\n" + cell,
        "parts/2.csv": b"cell,more\n" + cell + b"," + cell,
        **{f"cast/{kind}.csv": b"cell\n" + cell + b"\n1\n" + cell for kind in TYPES},
    }


@pytest.fixture(scope="module")
def gate(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Give a gate whose every rule fails on the data."""
    policy = Path(tmp_path_factory.mktemp("policy"))
    (policy / "suites").mkdir()
    (policy / "gate.yaml").write_text(POLICY)
    for name, expectations in {"all": ASKED, "exists": EXISTS}.items():
        content = json.dumps({"name": name, "expectations": expectations})
        (policy / "suites" / f"{name}.json").write_text(content)
    settings = {"GATE_POLICY": str(policy / "gate.yaml"), "GATE_LOG_LEVEL": "debug"}
    with running_gate(server.environment, Path(tmp_path_factory.mktemp("gate")), **settings) as gate:
        yield gate


def test_no_value_is_told_kept_or_logged(gate: Gate, world: World) -> None:
    CANARIES.texts.add(str(NUMBER)[:9])
    branch = world.commit(world.repository.branch("cells").create("main"), objects())
    before = CANARIES.looked_at.get("answer", 0)
    verdict = gate.ask(world.name, "cells")
    assert verdict["verdict"] == "FAIL"
    path = f"/checks/{verdict['check']}"
    whole = gate.api.get(f"/api/v1{path}").json()
    told = {item["target"]: item for item in whole["plan"]["obligations"]}
    assert set(told) >= set(objects()) - {"parts/1.csv", "parts/2.csv"}
    results = [result for item in whole["validations"] for result in item["results"]]
    assert sum(not result["success"] for result in results) > len(ASKED)
    with httpx.Client(base_url=gate.url, timeout=60) as reader:
        sign_in(reader, API_TOKEN)
        assert "all/values.csv" in reader.get(path).text
        assert reader.get(f"{path}.json").json() == whole
        assert reader.get("/").status_code == 200
    assert "gate_checks" in gate.api.get("/metrics").text
    commit = branch.get_commit().id
    event = {"event_type": "pre-merge", "repository_id": world.name, "branch_id": "main"}
    assert gate.post_event({**event, "source_ref": commit, "commit_id": commit}).status_code == 412
    # In one's own process as well, and through the gate.
    alone = {name: value for name, value in gate.environment.items() if name != "GATE_URL"}
    alone["GATE_DATA_DIR"] = str(gate.log.parent / "alone")
    for output in (
        run_gate("check", world.uri("cells"), "--into", "main", "--json", env=alone),
        gate.run("check", world.uri("cells"), "--into", "main"),
    ):
        assert output.returncode == 1, output.stderr
        assert "all/values.csv" in output.stdout
    assert CANARIES.looked_at["answer"] > before
    CANARIES.look_at_folder(gate.log.parent)
    CANARIES.look_at_database(f"sqlite:///{gate.log.parent / 'gate.db'}")
    assert CANARIES.places == []


@pytest.mark.parametrize("kind", ["file", "table", "answer", "output"])
def test_a_canary_that_sings_is_heard(kind: str, tmp_path: Path) -> None:
    """The search itself can find."""
    canaries = Canaries()
    if kind == "file":
        (tmp_path / "gate.log").write_bytes(b"\x00" + CELL.encode() + b"\xff")
        canaries.look_at_folder(tmp_path)
    elif kind == "table":
        import sqlite3

        with sqlite3.connect(tmp_path / "gate.db") as database:
            database.execute("CREATE TABLE checks (plan JSON)")
            database.execute("INSERT INTO checks VALUES (?)", (json.dumps({"x": CELL}),))
        canaries.look_at_database(f"sqlite:///{tmp_path / 'gate.db'}")
    elif kind == "answer":
        canaries.watch("http://gate", {"GATE_API_TOKEN": "a-secret-of-its-own"})
        request = httpx.Request("GET", "http://gate/x")
        canaries.look_at_answer(httpx.Response(200, text="a-secret-of-its-own", request=request))
    else:
        canaries.look_at("output", "gate check", f"... {API_TOKEN}")
    assert len(canaries.places) == 1
