"""Prints the figures of the whole: `python -m benchmarks`."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lakefs_sdk

from local_lakefs.testing import RunningServer, lakefs_server
from tests.e2e.harness import BAD, GATE_COMMAND, GOOD, HOOK_ENVIRONMENT, Gate, World, running_gate

RUNS = 7


def seconds(action: Callable[[], object]) -> float:
    """Return how long `action` takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def line(what: str, value: str, goal: str) -> None:
    """Print one figure."""
    print(f"{what:<62}{value:>28}   {goal}")


def command_line() -> None:
    """Measure `gate --help`, beside Python doing nothing."""
    helped, nothing = [], []
    for _ in range(RUNS):
        helped.append(
            seconds(lambda: subprocess.run([*GATE_COMMAND, "--help"], check=True, capture_output=True))
        )
        nothing.append(seconds(lambda: subprocess.run([sys.executable, "-c", ""], check=True)))
    line(
        "gate --help (python -c '' beside it)",
        f"{statistics.median(helped):.2f} s ({statistics.median(nothing):.2f} s)",
        "at most 0.5 s",
    )


def event(world: World, commit_id: str) -> dict[str, str]:
    """Return the event of a merge that made `commit_id`."""
    return {
        "event_type": "pre-merge",
        "repository_id": world.name,
        "branch_id": "main",
        "source_ref": commit_id,
        "commit_id": commit_id,
    }


def unknown_verdict(server: RunningServer, gate: Gate) -> None:
    """Measure from hook to verdict for content never seen."""
    world, times = World(server), []
    gate.ask(world.name, world.branch("warm", lakefs_test_dot_csv=GOOD).id)
    for number in range(RUNS):
        content = BAD + b"%d,1,1,1\n" % number
        commit = world.branch(f"b{number}", lakefs_test_latest_file_dot_csv=content).get_commit().id
        times.append(
            seconds(lambda commit=commit: gate.hooks.post("/hooks/lakefs", json=event(world, commit)))
        )
    line(
        "hook to verdict, the demo's file, content never seen",
        f"{statistics.median(times):.3f} s",
        "at most 1 s",
    )


def known_verdict(server: RunningServer, gate: Gate) -> None:
    """Measure a verdict that is known: the gate's own time, and its calls to lakeFS."""
    world = World(server)
    commits_api = server.client.sdk_client.commits_api
    commit = world.branch("b", lakefs_test_dot_csv=GOOD).get_commit()
    own_ms, whole_ms, calls = [], [], set()
    source = {"source_ref": commit.id}
    gate.hooks.post("/hooks/lakefs", json=event(world, commit.id))
    for number in range(30):
        # Another commit of the same content each time, as when lakeFS tries a merge again.
        branch = f"again{number}"
        world.repository.branch(branch).create("main")
        creation = lakefs_sdk.CommitCreation(message=branch)
        again = commits_api.commit(world.name, branch, creation, source_metarange=commit.meta_range_id)
        answer = gate.hooks.post("/hooks/lakefs", json=event(world, again.id) | source)
        if answer.status_code != 200:
            raise RuntimeError(answer.text)
        timing = answer.headers["Server-Timing"]
        total, lakefs = (float(found) for found in re.findall(r"dur=([\d.]+)", timing))
        own_ms.append(total - lakefs)
        whole_ms.append(total)
        calls.add(int(re.search(r'desc="(\d+)', timing)[1]))  # type: ignore[index]
    line(
        "known verdict: the gate's own time (with lakeFS)",
        f"{statistics.median(own_ms):.1f} ms ({statistics.median(whole_ms):.1f} ms)",
        f"lakeFS calls: {min(calls)} to {max(calls)}",
    )


def reverts(server: RunningServer, gate: Gate) -> None:
    """Measure a revert over 300 commits against one over 1, in turn."""
    world = World(server)
    first = world.commit(world.main, {"data/x": b"first"}).get_commit().id
    for number in range(300):
        world.commit(world.main, {"data/x": b"%d" % number})
    near, far = [], []
    for number in range(RUNS):
        world.commit(world.main, {"data/x": b"again %d" % number})
        near.append(seconds(lambda: _revert(gate, world, "main~1")))
        far.append(seconds(lambda: _revert(gate, world, first)))
        world.commit(world.main, {"data/x": b"other %d" % number})
    ratio = statistics.median(far) / statistics.median(near)
    line(
        "revert over 300 commits against over 1",
        f"{ratio:.2f} ({statistics.median(far):.3f} s, {statistics.median(near):.3f} s)",
        "at most 1.2",
    )


def _revert(gate: Gate, world: World, to: str) -> None:
    body = {"repository": world.name, "branch": "main", "to": to}
    gate.api.post("/api/v1/reverts", json=body).raise_for_status()


def main() -> None:
    """Print all figures."""
    print(f"{'figure':<62}{'median':>28}   goal")
    command_line()
    with (
        tempfile.TemporaryDirectory() as folder,
        lakefs_server(Path(folder) / "lakefs", HOOK_ENVIRONMENT) as server,
        running_gate(server.environment, Path(folder) / "gate") as gate,
    ):
        unknown_verdict(server, gate)
        known_verdict(server, gate)
        reverts(server, gate)


if __name__ == "__main__":
    main()
