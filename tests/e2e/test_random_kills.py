"""Web, worker or a child is killed at a random moment, again and again: no wrong pass, no lost verdict.

`GATE_TEST_KILLS` says how often (default 4, for every run of the tests), `GATE_TEST_SEED` which moments.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from local_lakefs.testing import RunningServer
from tests.e2e.harness import Gate, World, running_gate

KILLS = int(os.environ.get("GATE_TEST_KILLS", "4"))
ANSWERED_WITHIN_S = 120.0


def test_kills_at_random_moments_lose_no_verdict(server: RunningServer, world: World, tmp_path: Path) -> None:
    seed = os.environ.get("GATE_TEST_SEED") or str(random.randrange(10**6))
    chance = random.Random(seed)
    killed = 0
    with running_gate(server.environment, tmp_path, GATE_LEASE_S="2") as gate:
        for number in range(KILLS):
            columns, expected = chance.choice([(5, (200, "PASS")), (4, (412, "FAIL"))])
            # Never the same twice: what a merge does not change is not judged.
            row = ",".join([str(number), *"2345"[: columns - 1]])
            world.commit(world.main, {"lakefs_test.csv": f"{row}\n".encode()})
            event = event_of(world)
            # Who does not wait is answered 503 and leaves the check running.
            send(gate, event, wait_s=0)
            time.sleep(chance.uniform(0, 0.5))
            victims = psutil.Process(gate.process.pid).children(recursive=True)
            if victims:
                chance.choice(victims).kill()
                killed += 1
            assert verdict(gate, event) == expected, f"GATE_TEST_SEED={seed}, kill {number}"
    assert killed > KILLS // 2


def event_of(world: World) -> dict[str, Any]:
    head = world.main.get_commit().id
    names = {"event_type": "pre-merge", "repository_id": world.name, "branch_id": "main"}
    return {**names, "source_ref": head, "commit_id": head}


def send(gate: Gate, event: dict[str, Any], wait_s: int) -> httpx.Response | None:
    """Ask by hook; None where nobody answers."""
    try:
        return gate.hooks.post("/hooks/lakefs", json=event, headers={"Prefer": f"wait={wait_s}"})
    except httpx.TransportError:
        return None


def verdict(gate: Gate, event: dict[str, Any]) -> tuple[int, str]:
    """Ask until there is a verdict that is not "could not tell", as a pipeline would merge again."""
    deadline = time.monotonic() + ANSWERED_WITHIN_S
    while time.monotonic() < deadline:
        answer = send(gate, event, wait_s=20)
        if answer is not None and answer.status_code != 503:
            body = answer.json()
            assert body["allowed"] is (answer.status_code == 200), body
            return answer.status_code, str(body["verdict"])
        time.sleep(0.1)
    raise AssertionError("no verdict")
