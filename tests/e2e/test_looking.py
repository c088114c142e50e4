"""Rows of the data that failed: by who may, masked, on the record, and kept nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from gate_server.store.store import open_store
from local_lakefs.testing import RunningServer
from tests.e2e.harness import Gate, World, running_gate

CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')
POLICY = """
version: 1
rules:
  - name: people
    paths: ["people/*.csv"]
    suite: people
    format: {type: csv}
    mask: [email]
"""
SUITE = """{"name": "people", "expectations": [
  {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
  {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "country", "value_set": ["CH"]}}]}"""
ROWS = b"""id,email,country
1,ann@example.org,CH
,bob@example.org,<script>alert(1)</script>
3,eve@example.org,CH
"""


@pytest.fixture(scope="module")
def looking_gate(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Give a gate whose rule masks a column."""
    folder = tmp_path_factory.mktemp("policy")
    (folder / "suites").mkdir()
    (folder / "gate.yaml").write_text(POLICY)
    (folder / "suites" / "people.json").write_text(SUITE)
    data = Path(tmp_path_factory.mktemp("gate"))
    with running_gate(server.environment, data, GATE_POLICY=str(folder / "gate.yaml")) as running:
        yield running


def browser(gate: Gate, *roles: str) -> httpx.Client:
    """Give a browser that is signed in with a token of these roles."""
    made = gate.api.post("/api/v1/tokens", json={"name": f"{roles[0]}-ann", "roles": list(roles)}).json()
    client = httpx.Client(base_url=gate.url, timeout=120)
    found = CSRF.search(client.get("/sign-in").text)
    assert found
    client.post("/sign-in", data={"csrf_token": found[1], "token": made["text"]})
    return client


def ask(client: httpx.Client, check: str, **numbers: str) -> httpx.Response:
    found = CSRF.search(client.get("/").text)
    assert found
    return client.post(f"/checks/{check}/rows", data={"csrf_token": found[1], **numbers})


def test_who_may_sees_the_rows_and_nobody_else(looking_gate: Gate, world: World) -> None:
    world.commit(world.repository.branch("bad").create("main"), {"people/a.csv": ROWS})
    check = looking_gate.ask(world.name, "bad")["check"]
    store = open_store(looking_gate.database_url)

    def looks() -> list[str]:
        return [item.principal for item in store.ledger.of_subject(check) if item.kind == "rows.looked"]

    for roles in (["reader"], ["checker", "reverter", "worker"]):
        with closing(browser(looking_gate, *roles)) as reader:
            assert "Show rows" not in reader.get(f"/checks/{check}").text
            refused = ask(reader, check, section="0", result="1")
            assert (refused.status_code, "bob" in refused.text) == (403, False)
    assert looks() == []
    with closing(browser(looking_gate, "sampler")) as sampler:
        assert "Show rows" in sampler.get(f"/checks/{check}").text
        shown = ask(sampler, check, section="0", result="1")
        assert shown.status_code == 200
        assert "line 3" in shown.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown.text
        assert "•••" in shown.text
        assert not re.search("bob|ann@|eve", shown.text)
        assert shown.headers["cache-control"] == "no-store"
        for wrong in ({}, {"section": "0"}, {"section": "x", "result": "1"}, {"section": "²", "result": "1"}):
            assert ask(sampler, check, **wrong).status_code == 422
        for none in ({"section": "9", "result": "0"}, {"section": "0", "result": "99"}):
            assert ask(sampler, check, **none).status_code == 404
        assert sampler.post(f"/checks/{check}/rows", data={"section": "0", "result": "1"}).status_code == 422
    assert looks() == ["sampler-ann"]
    store.engine.dispose()
    kept = b"".join(path.read_bytes() for path in Path(looking_gate.environment["GATE_DATA_DIR"]).iterdir())
    assert b"alert(1)" not in kept


def test_an_object_that_is_gone_is_told(looking_gate: Gate, server: RunningServer, world: World) -> None:
    world.commit(world.repository.branch("bad").create("main"), {"people/a.csv": ROWS})
    check = looking_gate.ask(world.name, "bad")["check"]
    world.repository.delete()
    with closing(browser(looking_gate, "sampler")) as sampler:
        answer = ask(sampler, check, section="0", result="0")
        assert (answer.status_code, "bob" in answer.text) == (200, False)
        assert "could not be read" in answer.text
