"""Wrong input of each format through the whole gate: refused in one check, and the gate goes on."""

from __future__ import annotations

import json
from pathlib import Path

from local_lakefs.testing import RunningServer
from tests.e2e.harness import World, running_gate, until
from tests.wrong_input import WRONG

GOOD = b"a,b\n1,2\n"
FORMATS = ("csv", "tsv", "jsonl", "parquet", "orc", "arrow")
# What is not within these would be "could not tell" by the limit's name, and fail the test.
LIMITS = "{memory_bytes: 1500000000, disk_bytes: 1000000000, time_s: 120}"
POLICY = "version: 1\nrules:\n" + "".join(
    f"  - {{name: {kind}, paths: '{kind}/*', suite: rows, format: {{type: {kind}}}, limits: {LIMITS}}}\n"
    for kind in FORMATS
)


def test_wrong_input_is_refused_with_reasons_and_the_gate_goes_on(
    world: World, server: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "gate.yaml").write_text(POLICY)
    rows = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}
    (tmp_path / "suites" / "rows.json").write_text(json.dumps({"name": "rows", "expectations": [rows]}))
    objects = {wrong.path: wrong.content() for wrong in WRONG}
    with running_gate(server.environment, tmp_path, GATE_POLICY=str(tmp_path / "gate.yaml")) as gate:
        world.commit(world.repository.branch("b").create("main"), {**objects, "csv/z.csv": GOOD})
        world.commit(world.repository.branch("c").create("main"), {"csv/a.csv": GOOD})
        asked = {"repository": world.name, "source": "b", "destination": "main"}
        check = gate.api.post("/api/v1/checks", json=asked).json()["check"]
        where = f"/api/v1/checks/{check}"
        until(lambda: gate.api.get(where, params={"wait": 30}).json()["verdict"])
        found = gate.api.get(where).json()
        assert found["verdict"] == "FAIL"
        told = {reason["path"]: reason for reason in found["details"]}
        assert {path for path, reason in told.items() if reason["outcome"] == "FAIL"} == set(objects)
        assert not [wrong for wrong in WRONG if wrong.says not in told[wrong.path]["message"]]
        assert gate.ask(world.name, "c")["verdict"] == "PASS"
