"""The gate under load, on loopback, bounded: bursts and a steady stream of known verdicts, whole merges."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
from flask import Flask
from lakefs.exceptions import ServerException

from benchmarks.figures import Figure, cpu_s, event
from local_lakefs.testing import RunningServer
from tests.e2e.harness import BAD, GOOD, HOOK_TOKEN, Gate, World, worker_of

BURST = 100
STEADY_PER_S, STEADY_S = 50, 10
WAITING = 200
CAPACITY_ASKERS, CAPACITY_S = 4, 5
MERGES = 25
ACTION = """\
name: {name}
on: {{pre-merge: {{branches: [main]}}}}
hooks:
- id: ask
  type: webhook
  properties: {{url: "{url}", headers: {{Authorization: "Bearer {{{{ ENV.LAKEFSACTION_GATE_TOKEN }}}}"}}}}
"""


def burst_and_stream(server: RunningServer, gate: Gate) -> Iterator[Figure]:
    """Measure known verdicts: many at once, then many a second."""
    world = World(server)
    body = event(world, world.branch("b", lakefs_test_dot_csv=BAD).get_commit().id)
    gate.post_event(body)
    headers = {"Authorization": f"Bearer {HOOK_TOKEN}"}
    limits = httpx.Limits(max_connections=BURST, max_keepalive_connections=BURST)
    with (
        httpx.Client(base_url=gate.url, headers=headers, limits=limits, timeout=60) as client,
        ThreadPoolExecutor(BURST) as pool,
    ):

        def post(_: int) -> tuple[float, int]:
            started = time.perf_counter()
            status = client.post("/hooks/lakefs", json=body).status_code
            return time.perf_counter() - started, status

        started = time.perf_counter()
        answers = list(pool.map(post, range(BURST)))
        whole_s = time.perf_counter() - started
        _all_refused(answers)
        yield Figure(f"burst of {BURST} known verdicts, all answered", f"{whole_s:.2f} s", "within 1 s")
        p99_ms = _steady_p99_ms(pool, post)
        yield Figure(f"{STEADY_PER_S} known verdicts a second, p99", f"{p99_ms:.0f} ms", "under 100 ms")
        with _waiting_hooks(server, gate) as answered:
            p99_ms = _steady_p99_ms(pool, post)
            waited = WAITING - len(answered)
        what = f"  the same while {waited} hooks wait, of {WAITING} asked at once"
        yield Figure(what, f"{p99_ms:.0f} ms", "under 100 ms")


def _steady_p99_ms(pool: ThreadPoolExecutor, post: Callable[[int], tuple[float, int]]) -> float:
    pending, started = [], time.perf_counter()
    for number in range(STEADY_PER_S * STEADY_S):
        pending.append(pool.submit(post, number))
        time.sleep(max(0.0, started + (number + 1) / STEADY_PER_S - time.perf_counter()))
    answers = [item.result() for item in pending]
    _all_refused(answers)
    return statistics.quantiles([taken for taken, _ in answers], n=100)[98] * 1e3


@contextmanager
def _waiting_hooks(server: RunningServer, gate: Gate) -> Iterator[list[int]]:
    """Have many hooks ask for a check that no worker takes until the block ends; give the statuses so far."""
    world = World(server)
    body = event(world, world.branch("slow", lakefs_test_dot_csv=GOOD).get_commit().id)
    headers = {"Authorization": f"Bearer {HOOK_TOKEN}"}
    limits = httpx.Limits(max_connections=WAITING)
    answered: list[int] = []
    with (
        httpx.Client(base_url=gate.url, headers=headers, limits=limits, timeout=120) as client,
        ThreadPoolExecutor(WAITING) as pool,
    ):
        worker = worker_of(gate)
        worker.suspend()
        try:
            asking = [pool.submit(client.post, "/hooks/lakefs", json=body) for _ in range(WAITING)]
            for item in asking:
                item.add_done_callback(lambda done: answered.append(done.result().status_code))
            time.sleep(1)
            yield answered
        finally:
            worker.resume()
    odd = set(answered) - {200, 503}
    if odd or 200 not in answered:
        raise RuntimeError(f"answers of status {odd or set(answered)} among the hooks that waited")


def capacity(server: RunningServer, gate: Gate) -> Iterator[Figure]:
    """Measure how many known verdicts a second one web process answers, asked by a few without a pause."""
    world = World(server)
    body = event(world, world.branch("b", lakefs_test_dot_csv=BAD).get_commit().id)
    gate.post_event(body)
    ends, before_s = time.perf_counter() + CAPACITY_S, cpu_s(gate)

    def ask() -> list[tuple[float, int]]:
        answers = []
        headers = {"Authorization": f"Bearer {HOOK_TOKEN}"}
        with httpx.Client(base_url=gate.url, headers=headers, timeout=60) as client:
            while (started := time.perf_counter()) < ends:
                status = client.post("/hooks/lakefs", json=body).status_code
                answers.append((time.perf_counter() - started, status))
        return answers

    with ThreadPoolExecutor(CAPACITY_ASKERS) as pool:
        asking = [pool.submit(ask) for _ in range(CAPACITY_ASKERS)]
        answers = [answer for item in asking for answer in item.result()]
    _all_refused(answers)
    yield Figure(
        f"known verdicts a second, {CAPACITY_ASKERS} asking without a pause",
        f"{len(answers) / CAPACITY_S:.0f} ({statistics.median(taken for taken, _ in answers) * 1e3:.0f} ms)",
        "",
    )
    taken_ms = (cpu_s(gate) - before_s) / len(answers) * 1e3
    yield Figure("  processor time of the gate for each", f"{taken_ms:.1f} ms", "")


def _all_refused(answers: list[tuple[float, int]]) -> None:
    odd = {status for _, status in answers} - {412}
    if odd:
        raise RuntimeError(f"answers of status {odd} among the known verdicts")


def merges(server: RunningServer, gate: Gate) -> Iterator[Figure]:
    """Measure a refused merge through the gate against one through a trivial hook that asks lakeFS once."""
    with _trivial_hook(server) as url:
        asked = _merger(World(server), f"{gate.url}/hooks/lakefs")
        trivial = _merger(World(server), url)
        asked()
        trivial()
        through, beside = [], []
        for _ in range(MERGES):
            through.append(asked())
            beside.append(trivial())
    ratio = statistics.median(through) / statistics.median(beside)
    detail = f"{statistics.median(through) * 1e3:.0f} ms, {statistics.median(beside) * 1e3:.0f} ms"
    yield Figure("merge, known verdict, against a trivial hook's", f"{ratio:.2f} ({detail})", "at most 2")


def _merger(world: World, url: str) -> Callable[[], float]:
    world.commit(
        world.main, {"_lakefs_actions/gate_pre_merge.yaml": ACTION.format(name="ask", url=url).encode()}
    )
    branch = world.branch("b", lakefs_test_dot_csv=BAD)

    def merge() -> float:
        started = time.perf_counter()
        try:
            branch.merge_into("main")
        except ServerException:
            return time.perf_counter() - started
        raise RuntimeError("the merge was not refused")

    return merge


@contextmanager
def _trivial_hook(server: RunningServer) -> Iterator[str]:
    app = Flask("trivial")
    client = httpx.Client(
        base_url=f"{server.url}/api/v1", auth=(server.access_key_id, server.secret_access_key)
    )

    @app.post("/")
    def _refuse() -> tuple[dict[str, Any], int]:
        from flask import request

        body = request.get_json()
        client.get(f"/repositories/{body['repository_id']}/commits/{body['commit_id']}").raise_for_status()
        return {}, 412

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: Any) -> None:
            return None

    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
