"""One thing at a time: the command line, an unknown and a known verdict, reverts."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import lakefs_sdk

from benchmarks.figures import Figure, event
from gate_server.lakefs.client import LakeFS
from gate_server.parts import make_revert_context
from gate_server.reverts import apply_revert, plan_revert
from gate_server.settings import Settings
from gate_server.store.store import open_store
from local_lakefs.testing import RunningServer
from tests.e2e.harness import BAD, GATE_COMMAND, GOOD, Gate, World

RUNS = 7


def seconds(action: Callable[[], object]) -> float:
    """Return how long `action` takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def command_line() -> Iterator[Figure]:
    """Measure `gate --help`, beside Python doing nothing."""
    helped, nothing = [], []
    for _ in range(RUNS):
        helped.append(
            seconds(lambda: subprocess.run([*GATE_COMMAND, "--help"], check=True, capture_output=True))
        )
        nothing.append(seconds(lambda: subprocess.run([sys.executable, "-c", ""], check=True)))
    yield Figure(
        "gate --help (python -c '' beside it)",
        f"{statistics.median(helped):.2f} s ({statistics.median(nothing):.2f} s)",
        "at most 0.5 s",
    )


def importing() -> Iterator[Figure]:
    """Measure `import gate_client`, beside Python doing nothing."""
    imported, nothing = (
        statistics.median(
            seconds(lambda code=code: subprocess.run([sys.executable, "-c", code], check=True))
            for _ in range(RUNS)
        )
        for code in ("import gate_client", "")
    )
    yield Figure(
        "import gate_client (python -c '' beside it)",
        f"{imported:.2f} s ({nothing:.2f} s)",
        "at most 0.3 s more",
    )


def unknown_verdict(server: RunningServer, gate: Gate) -> Iterator[Figure]:
    """Measure from hook to verdict for content never seen."""
    world, times = World(server), []
    gate.ask(world.name, world.branch("warm", lakefs_test_dot_csv=GOOD).id)
    for number in range(RUNS):
        content = BAD + b"%d,1,1,1\n" % number + b"1,2,3,4\n" * 1250
        commit = world.branch(f"b{number}", lakefs_test_latest_file_dot_csv=content).get_commit().id
        times.append(
            seconds(lambda commit=commit: gate.hooks.post("/hooks/lakefs", json=event(world, commit)))
        )
    yield Figure(
        "hook to verdict, 10 kB of the demo's file, never seen",
        f"{statistics.median(times):.3f} s",
        "at most 0.25 s",
    )


def judged_ahead(server: RunningServer, gate: Gate) -> Iterator[Figure]:
    """Measure from hook to verdict of merges that were judged ahead, against those that were not, in turn."""
    world = World(server)
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(RUNS):
        for is_ahead, taken in times.items():
            name = f"b{number}-{int(is_ahead)}"
            world.branch(
                name, **{f"lakefs_test_{name}_dot_csv": GOOD + b"%d,%d,1,1,1\n" % (number, is_ahead)}
            )
            if is_ahead:
                gate.ask(world.name, name)
            world.repository.branch(name).merge_into("main")
            made = event(world, world.main.get_commit().id)
            taken.append(seconds(lambda made=made: gate.hooks.post("/hooks/lakefs", json=made)))
    ahead, unseen = (statistics.median(times[is_ahead]) for is_ahead in (True, False))
    yield Figure(
        "hook to verdict, judged ahead against never seen",
        f"{ahead / unseen:.2f} ({ahead:.3f} s, {unseen:.3f} s)",
        "nothing is read or evaluated",
    )


def known_verdict(server: RunningServer, gate: Gate) -> Iterator[Figure]:
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
    yield Figure(
        "known verdict: the gate's own time (with lakeFS)",
        f"{statistics.median(own_ms):.1f} ms ({statistics.median(whole_ms):.1f} ms)",
        f"lakeFS calls: {min(calls)} to {max(calls)}",
    )


def reverts(server: RunningServer, gate: Gate) -> Iterator[Figure]:
    """Measure reverts over 1,000 commits against over 1, in turn: applying a plan, and whole requests."""
    world = World(server)
    first = world.commit(world.main, {"data/x": b"first"}).get_commit().id
    for number in range(1000):
        world.commit(world.main, {"data/x": b"%d" % number})
    lakefs = LakeFS(server.url, server.access_key_id, server.secret_access_key)
    store = open_store(gate.database_url)
    context = make_revert_context(lakefs, store, Settings())

    def applied(to: str) -> float:
        world.commit(world.main, {"data/x": b"again %d" % time.monotonic_ns()})
        plan = plan_revert(context, world.name, "main", to)
        return seconds(lambda: apply_revert(context, plan))

    def asked(to: str) -> float:
        world.commit(world.main, {"data/x": b"again %d" % time.monotonic_ns()})
        body = {"repository": world.name, "branch": "main", "to": to}
        return seconds(lambda: gate.api.post("/api/v1/reverts", json=body).raise_for_status())

    for what, measured, goal in (
        ("applying a revert over 1,000 commits against over 1", applied, "at most 1.2"),
        ("the same with its plan, which walks the log", asked, "a page of the log each 1,000"),
    ):
        times = [(measured("main~1"), measured(first)) for _ in range(RUNS)]
        near, far = (statistics.median(column) for column in zip(*times, strict=True))
        yield Figure(what, f"{far / near:.2f} ({far:.3f} s, {near:.3f} s)", goal)
    lakefs.close()
    store.engine.dispose()
