"""Scenario: several rules on one large object; with `GATE_CACHE_BYTES` lakeFS is asked for it once."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from local_lakefs.testing import RunningServer
from tests.e2e.harness import World, running_gate

# Other formats, so that the two are not evaluated in one reading.
RULES = """\
version: 1
rules:
  - {name: texts, paths: [data/**], suite: all, format: {type: csv}}
  - {name: numbers, paths: [data/**], suite: all, format: {type: csv, types: {id: integer}}}
"""
SUITE = [{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}]
ROWS = b"id\n" + b"".join(b"%d\n" % number for number in range(1000))


def test_a_second_rule_reads_nothing_from_lakefs(server: RunningServer, tmp_path: Path, world: World) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "gate.yaml").write_text(RULES)
    (tmp_path / "suites" / "all.json").write_text(json.dumps({"expectations": SUITE}))
    data = tmp_path / "data"
    settings = {"GATE_POLICY": str(tmp_path / "gate.yaml"), "GATE_CACHE_BYTES": "1000000"}
    with running_gate(server.environment, data, **settings) as gate:
        for content, verdict in ((ROWS, "PASS"), (ROWS + b"7\n", "FAIL")):
            world.branch(verdict, "main", **{"data/a.csv": content})
            answer = gate.ask(world.name, verdict)
            assert answer["verdict"] == verdict, answer
            found = gate.api.get(f"/api/v1/checks/{answer['check']}").json()["validations"]
            read = [one["meta"]["gate"] for one in found]
            assert [one["objects_read"] for one in read] == [1, 0]
            assert read[0]["bytes_read"] >= len(content)
            assert read[1]["bytes_read"] == 0
    kept = [path for path in data.rglob("cache/*/*") if path.is_file()]
    assert len(kept) == 2
    assert stat.S_IMODE((data / "cache").stat().st_mode) == 0o700
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in kept)
