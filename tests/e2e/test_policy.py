"""A new policy without a restart: what is asked from then on is judged by it; a wrong one changes nothing."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from local_lakefs.testing import RunningServer
from tests.e2e.harness import (
    BAD,
    GATE_COMMAND,
    GOOD,
    ROOT,
    Gate,
    World,
    gate_environment,
    running_gate,
    until,
    worker_of,
)
from tests.e2e.holding import Way, holding_way

STRICT, LENIENT = "block", "warn"
ANSWERS = {STRICT: (412, "FAIL"), LENIENT: (200, "WARN")}
RULE = """\
  - name: {name}
    paths: ["lakefs_test*.csv"]
    suite: {suite}
    format: {{type: csv, header: false}}
    enforcement: {enforcement}
"""
# Only Great Expectations knows that: the files parse.
REFUSED = [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "_c0", "mostly": 7}}]


@dataclass
class PolicyFile:
    """A policy with its suites, as an operator changes them."""

    path: Path

    def write(self, enforcement: str = STRICT, more: str = "") -> None:
        """Write a policy that everybody can judge by."""
        suites = self.path.parent / "suites"
        suites.mkdir(parents=True, exist_ok=True)
        for name in ("five_columns.json", "customers.json"):
            shutil.copy(ROOT / "expectations" / "suites" / name, suites)
        rule = RULE.format(name="five-columns", suite="five_columns", enforcement=enforcement)
        self.path.write_text(f"version: 1\nrules:\n{rule}{more}")


@dataclass
class Place:
    """A gate with a policy of its own, on a way to lakeFS that can be held."""

    gate: Gate
    file: PolicyFile
    way: Way
    settings: dict[str, str]

    def reload(self, enforcement: str = STRICT) -> str:
        """Have another policy read; return its digest."""
        self.file.write(enforcement)
        answer = self.gate.api.post("/api/v1/policy/reload", json={})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["digest"])

    def shown(self) -> dict[str, Any]:
        """Return what the gate says of its policy."""
        found: dict[str, Any] = self.gate.api.get("/api/v1/policy").json()
        return found

    def figure(self, name: str) -> float:
        """Return a metric without labels."""
        families = text_string_to_metric_families(self.gate.api.get("/metrics").text)
        return next(item.value for family in families for item in family.samples if item.name == name)


@pytest.fixture(scope="module")
def running(
    server: RunningServer, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("policy")
    file = PolicyFile(folder / "policy" / "gate.yaml")
    file.write()
    settings = {
        "GATE_POLICY": str(file.path),
        "GATE_DATABASE_URL": new_database(),
        "GATE_POLICY_IN_REPOSITORY": "_lakefs_gate/gate.yaml",
        "GATE_LEASE_S": "2",
    }
    with holding_way(server) as way:
        way.free.set()
        with running_gate(way.environment, folder / "gate", **settings) as gate:
            yield Place(gate, file, way, settings)


@pytest.fixture
def place(running: Place) -> Place:
    """Give the place, its gate asking by the strict policy."""
    running.way.free.set()
    running.reload(STRICT)
    return running


def event(world: World, content: bytes = BAD) -> dict[str, Any]:
    """Commit to main; return the event of a merge that made it."""
    world.commit(world.main, {"lakefs_test.csv": content})
    head = world.main.get_commit().id
    names = {"event_type": "pre-merge", "repository_id": world.name, "branch_id": "main"}
    return {**names, "source_ref": head, "commit_id": head}


def answer_of(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert body["allowed"] is (response.status_code == 200)
    return response.status_code, body["verdict"]


@contextmanager
def asked(gate: Gate, body: dict[str, Any]) -> Iterator[Future[httpx.Response]]:
    """Ask by hook, while the block runs."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(gate.post_event, body)


# -- reloads ------------------------------------------------------------------------------------------


def test_a_reload_holds_for_what_is_asked_from_then_on(place: Place, world: World) -> None:
    bad = event(world)
    before = place.shown()
    assert answer_of(place.gate.post_event(bad)) == ANSWERS[STRICT]
    lenient = place.reload(LENIENT)
    after = place.shown()
    assert (after["digest"], after["rules"], after["last_refused"]) == (lenient, ["five-columns"], None)
    assert after["since"] > before["since"]
    assert f'gate_policy_info{{digest="{lenient}"}} 1.0' in place.gate.api.get("/metrics").text
    assert answer_of(place.gate.post_event(bad)) == ANSWERS[LENIENT]
    place.reload(STRICT)
    assert answer_of(place.gate.post_event(bad)) == ANSWERS[STRICT]  # known, by the digest


def test_what_was_asked_before_is_answered_by_the_policy_it_was_asked_with(
    place: Place, world: World
) -> None:
    bad = event(world)
    strict = place.shown()["digest"]
    place.way.hold()
    with asked(place.gate, bad) as answer:
        place.way.wait_until_reached()
        lenient = place.reload(LENIENT)
        place.way.free.set()
        assert answer_of(answer.result()) == ANSWERS[STRICT]
    assert answer_of(place.gate.post_event(bad)) == ANSWERS[LENIENT]
    listed = place.gate.api.get("/api/v1/checks", params={"repository": world.name}).json()["checks"]
    checks = [place.gate.api.get(f"/api/v1/checks/{item['check']}").json() for item in listed]
    assert {item["policy_digest"]: item["verdict"] for item in checks} == {strict: "FAIL", lenient: "WARN"}
    assert all(item["validations"][0]["suite_name"] == "five_columns" for item in checks)


def test_a_policy_that_does_not_parse_keeps_the_old_and_says_all(place: Place, world: World) -> None:
    digest, failures = place.shown()["digest"], place.figure("gate_policy_reload_failures_total")
    others = [("lost", "nowhere"), ("third", "five_columns")]
    more = "".join(RULE.format(name=name, suite=suite, enforcement="warn") for name, suite in others)
    place.file.write("blok", more)
    (place.file.path.parent / "suites" / "five_columns.json").write_text("{")
    answer = place.gate.api.post("/api/v1/policy/reload", json={})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "policy")
    findings = error["message"].splitlines()
    places = [line.removeprefix(f"{place.file.path.parent}/").split(": ")[0] for line in findings]
    assert places == ["gate.yaml:7", "suites/nowhere.json", "suites/five_columns.json:1"], findings
    assert "'block', 'warn' or 'off'" in error["message"]
    shown = place.shown()
    assert (shown["digest"], shown["last_refused"]["findings"]) == (digest, findings)
    assert place.figure("gate_policy_reload_failures_total") == failures + 1
    assert answer_of(place.gate.post_event(event(world))) == ANSWERS[STRICT]


def test_a_suite_that_great_expectations_refuses_keeps_the_old(place: Place, world: World) -> None:
    digest = place.shown()["digest"]
    place.file.write(LENIENT)
    suite = place.file.path.parent / "suites" / "five_columns.json"
    suite.write_text(json.dumps({"name": "five_columns", "expectations": REFUSED}, indent=1))
    for _ in range(2):  # looked at again each time
        done = place.gate.run("policy", "reload", "--json")
        error = json.loads(done.stdout)["error"]
        message = error["message"]
        assert (done.returncode, error["code"]) == (2, "policy"), done.stdout
        assert message.startswith(f"{suite}:4: ")
        assert "mostly" in message
    assert place.shown()["digest"] == digest
    assert answer_of(place.gate.post_event(event(world))) == ANSWERS[STRICT]
    place.file.write(LENIENT)
    done = place.gate.run("policy", "reload")
    assert (done.returncode, place.shown()["digest"][:12] in done.stdout) == (0, True), done.stdout
    assert place.shown()["digest"] != digest


def test_sighup_reloads_and_tells_the_log(place: Place, world: World) -> None:
    digest = place.shown()["digest"]
    place.file.write(LENIENT)
    place.gate.process.send_signal(signal.SIGHUP)
    until(lambda: place.shown()["digest"] != digest)
    lenient = place.shown()["digest"]
    assert answer_of(place.gate.post_event(event(world))) == ANSWERS[LENIENT]
    place.file.write("blok")
    place.gate.process.send_signal(signal.SIGHUP)
    until(lambda: place.shown()["last_refused"] is not None)
    assert place.shown()["digest"] == lenient
    log = [json.loads(line) for line in place.gate.log.read_text().splitlines() if line.startswith("{")]
    told = [line for line in log if line["event"] == "the policy is not reloaded, the old one stays"]
    assert told[-1]["level"] == "error"
    assert "'block', 'warn' or 'off'" in told[-1]["findings"][0]
    assert place.gate.process.poll() is None


def test_processes_that_die_go_on_with_the_policy_that_was_asked_by(place: Place, world: World) -> None:
    lenient = place.reload(LENIENT)
    place.file.write("blok")  # half edited
    # web with the process that gunicorn forked from it, which would go on for a moment
    for process in psutil.Process(place.gate.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    until(lambda: is_ready(place.gate))
    assert place.shown()["digest"] == lenient
    assert answer_of(place.gate.post_event(event(world))) == ANSWERS[LENIENT]


def is_ready(gate: Gate) -> bool:
    try:
        return gate.api.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_no_hook_gets_a_wrong_verdict_while_the_policy_changes(
    place: Place, world: World, server: RunningServer
) -> None:
    digests = {place.reload(enforcement): enforcement for enforcement in (LENIENT, STRICT)}
    other = World(server)
    bad, good = event(world), event(other, GOOD)
    seen: list[tuple[str, tuple[int, str]]] = []
    flips = [LENIENT, STRICT] * 3
    over: list[bool] = []

    def ask_on() -> None:
        while not over:
            assert answer_of(place.gate.post_event(good)) == (200, "PASS")
            answer = place.gate.post_event(bad)
            check = place.gate.api.get(f"/api/v1/checks/{answer.json()['check']}").json()
            seen.append((digests[check["policy_digest"]], answer_of(answer)))

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask_on) for _ in range(2)]
        try:
            for number, enforcement in enumerate(flips):
                bad = event(world, BAD + b"1,2,3,%d\n" % number)
                place.reload(enforcement)
                count = len(seen)
                until(lambda at=count: len(seen) >= at + 3 or any(item.done() for item in asking))  # type: ignore[misc]
        finally:
            over.append(True)
        for item in asking:
            item.result()
    assert {policy for policy, _ in seen} == {STRICT, LENIENT}
    assert {(policy, answer) for policy, answer in seen} == set(ANSWERS.items())


# -- several on one database --------------------------------------------------------------------------


def test_two_gates_on_one_database_never_share_a_verdict_across_policies(
    place: Place, world: World, tmp_path: Path
) -> None:
    file = PolicyFile(tmp_path / "gate.yaml")
    file.write(LENIENT)
    bad = event(world)
    settings = place.settings | {"GATE_POLICY": str(file.path)}
    with running_gate(place.way.environment, tmp_path / "gate", **settings) as lenient:
        place.way.hold()
        with asked(place.gate, bad) as here, asked(lenient, bad) as there:
            place.way.wait_until_reached()
            place.way.free.set()
            assert answer_of(here.result()) == ANSWERS[STRICT]
            assert answer_of(there.result()) == ANSWERS[LENIENT]
        for _ in range(2):
            assert answer_of(place.gate.post_event(bad)) == ANSWERS[STRICT]
            assert answer_of(lenient.post_event(bad)) == ANSWERS[LENIENT]
        assert place.shown()["digest"] != lenient.api.get("/api/v1/policy").json()["digest"]


@contextmanager
def lone_worker(lakefs: dict[str, str], folder: Path, **settings: str) -> Iterator[None]:
    """Run `gate worker` until the block ends."""
    environment = gate_environment(lakefs, folder, **settings)
    worker = subprocess.Popen([*GATE_COMMAND, "worker"], env=environment, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(30)


def test_a_worker_without_a_policy_judges_and_looks_at_new_ones(
    place: Place, world: World, tmp_path: Path
) -> None:
    settings = place.settings | {"GATE_POLICY": str(tmp_path / "nowhere.yaml")}
    del settings["GATE_POLICY_IN_REPOSITORY"]
    own = worker_of(place.gate)
    own.send_signal(signal.SIGSTOP)
    try:
        until(lambda: place.gate.api.get("/readyz").status_code == 503)
        with lone_worker(place.way.environment, tmp_path, **settings):
            assert answer_of(place.gate.post_event(event(world))) == ANSWERS[STRICT]
            place.file.write(LENIENT, more=RULE.format(name="new", suite="customers", enforcement="warn"))
            reloaded = place.gate.api.post("/api/v1/policy/reload", json={})
            assert reloaded.status_code == 422, reloaded.text  # what it found: a CSV without types
            assert "customers.json" in reloaded.json()["error"]["message"]
            place.reload(LENIENT)
            assert answer_of(place.gate.post_event(event(world, BAD + BAD))) == ANSWERS[LENIENT]
    finally:
        own.send_signal(signal.SIGCONT)
