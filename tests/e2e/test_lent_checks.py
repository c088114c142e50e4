"""Rules with `runs: elsewhere`: the gate plans and decides, a worker elsewhere evaluates what it is lent."""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import text, update

from gate_client import GateClient, NotFound
from gate_client.wire import LeaseBody, WorkBody
from gate_server.checks.packing import pack
from gate_server.engine.version import ENGINE_VERSION
from gate_server.model import Evaluation, EvaluationTask, Result, load
from gate_server.store.store import Store, open_store
from gate_server.store.tables import checks
from local_lakefs.testing import RunningServer
from tests.e2e.canaries import CANARIES
from tests.e2e.harness import (
    API_TOKEN,
    BAD,
    GATE_COMMAND,
    GOOD,
    ROOT,
    Gate,
    World,
    gate_environment,
    run_gate,
    running_gate,
    until,
)
from tests.e2e.holding import Way, holding_way
from tests.e2e.test_pages import sign_in

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
POLICY = """\
version: 1
rules:
  - name: small
    paths: ["small/*.csv"]
    suite: five_columns
    format: {type: csv, header: false}
  - name: large
    paths: ["large/*.csv"]
    suite: five_columns
    format: {type: csv, header: false}
    runs: elsewhere
"""


@dataclass
class Place:
    """A gate whose rule `large` runs elsewhere, its store, and a way to lakeFS that can be held."""

    gate: Gate
    store: Store
    way: Way

    def client(self, token: str = API_TOKEN) -> GateClient:
        """Return a client of the gate."""
        return GateClient(self.gate.url, token)

    def ask(self, world: World, **objects: bytes) -> dict[str, Any]:
        """Ask by hook about a commit of objects to main, not waiting for the verdict; return the answer."""
        event = an_event(world, **objects)
        return self.post(event).json()  # type: ignore[no-any-return]

    def post(self, event: dict[str, Any], wait_s: int = 1) -> httpx.Response:
        """Post an event as the Lua client does."""
        return self.gate.hooks.post("/hooks/lakefs", json=event, headers={"Prefer": f"wait={wait_s}"})

    def waiting(self, world: World) -> str:
        """Wait until the one check of a repository waits for a worker elsewhere; return its id."""

        def found() -> list[str]:
            with self.client() as gate:
                return [item.check for item in gate.list_waiting(world.name)]

        until(lambda: len(found()) == 1)
        return found()[0]

    def lease(self, world: World) -> LeaseBody:
        """Take the one check of a repository that waits."""
        with self.client() as gate:
            lease = gate.take_lease(self.waiting(world))
        CANARIES.texts.add(lease.token)  # from now on it must turn up nowhere
        return lease

    def work(self, lease: LeaseBody) -> WorkBody:
        """Return what the holder of a lease is given."""
        with self.client(lease.token) as gate:
            return gate.get_work(lease.check)

    def hand_in(self, lease: LeaseBody, **changed: Any) -> httpx.Response:
        """Hand in results that let everything pass, but for what is changed."""
        work = self.work(lease)
        body = {"work": work.work, "engine_version": ENGINE_VERSION, "evaluations": pack(passing(work))}
        return self.post_results(lease, {**body, **changed})

    def post_results(self, lease: LeaseBody, body: dict[str, Any], check: str = "") -> httpx.Response:
        """Post results with the token of a lease."""
        address = f"{self.gate.url}/api/v1/checks/{check or lease.check}/results"
        return httpx.post(address, json=body, headers={"Authorization": f"Bearer {lease.token}"})

    def row(self, world: World) -> dict[str, Any]:
        """Return the one check of a repository."""
        with self.store.engine.connect() as connection:
            query = text("SELECT * FROM checks WHERE repository = :name")
            (found,) = connection.execute(query, {"name": world.name}).all()
            return dict(found._mapping)

    def end_lease(self, world: World, at: datetime | None = None) -> None:
        """End the lease, or the wait, of a repository's one check, as its time would."""
        at = at or datetime.now(UTC) - timedelta(minutes=1)
        with self.store.engine.begin() as connection:
            mine = update(checks).where(checks.c.repository == world.name)
            connection.execute(mine.values(lease_until=at))

    def worker(self, check: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `gate worker --check` to its end."""
        return run_gate("worker", "--check", check, env=self.environment(**environment))

    @contextmanager
    def running_worker(self, check: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Run `gate worker --check`, held as it reads the data until the block ends."""
        self.way.hold()
        with subprocess.Popen(
            [*GATE_COMMAND, "worker", "--check", check],
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                self.way.wait_until_reached()
                yield process
            finally:
                self.way.free.set()

    def environment(self, **more: str) -> dict[str, str]:
        """Return what a worker elsewhere has: keys of lakeFS, the gate's address, a token."""
        found = gate_environment(self.way.environment, Path("unused"), GATE_URL=self.gate.url)
        here = ("GATE_DATA_DIR", "GATE_POLICY", "GATE_HOOK_TOKEN", "GATE_API_TOKEN")
        return {name: value for name, value in found.items() if name not in here} | more


@pytest.fixture(scope="module")
def place(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("lent")
    suites = folder / "policy" / "suites"
    suites.mkdir(parents=True)
    shutil.copy(ROOT / "expectations" / "suites" / "five_columns.json", suites)
    (folder / "policy" / "gate.yaml").write_text(POLICY)
    settings = {
        "GATE_POLICY": str(folder / "policy" / "gate.yaml"),
        "GATE_DATABASE_URL": f"sqlite:///{folder}/gate.db",
        "GATE_MAX_ATTEMPTS": "2",
        "GATE_FAILURES_PER_MIN": "1000",
    }
    with holding_way(server) as way, running_gate(server.environment, folder, **settings) as gate:
        store = open_store(settings["GATE_DATABASE_URL"])
        way.free.set()
        yield Place(gate, store, way)
        store.engine.dispose()


def an_event(world: World, **objects: bytes) -> dict[str, Any]:
    paths = {f"{name.replace('__', '/')}.csv": content for name, content in objects.items()}
    world.commit(world.main, paths)
    head = world.main.get_commit().id
    names = {"event_type": "pre-merge", "repository_id": world.name, "branch_id": "main"}
    return {**names, "source_ref": head, "commit_id": head}


def passing(work: WorkBody) -> dict[int, Evaluation]:
    """Return what a worker would hand in that lies: all is well."""
    found = {}
    for task in (load(EvaluationTask, item) for item in work.tasks):
        results = tuple(
            Result(number, item["type"], True, "fine")
            for number, item in enumerate(task.suite.content["expectations"])
        )
        found[task.obligation.number] = Evaluation("answered", results, rows=2, columns=("_c0",))
    return found


def test_a_merge_is_judged_by_a_worker_elsewhere(place: Place, world: World) -> None:
    """Also where the gate is away when the results are there."""
    event = an_event(world, small__a=GOOD, large__a=GOOD, large__b=BAD)
    place.post(event)
    check = place.waiting(world)
    told = place.post(event)
    assert (told.status_code, told.json()["allowed"], told.json()["verdict"]) == (503, False, "")
    assert told.json()["summary"].startswith("waits for a worker elsewhere")
    with place.running_worker(check, GATE_API_TOKEN=API_TOKEN) as process:
        assert place.post(event).json()["summary"].startswith("still running, at a worker elsewhere")
        web = next(
            item for item in psutil.Process(place.gate.process.pid).children() if "web" in item.cmdline()
        )
        for item in (web, *web.children(recursive=True)):  # none is left that answers while it ends
            item.kill()
        place.way.free.set()
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "2 tasks" in said
    assert "FAIL" in said
    assert API_TOKEN not in said
    answer = place.post(event)
    assert (answer.status_code, answer.json()["check"]) == (412, check)
    assert "large/b.csv" in answer.json()["summary"]
    whole = place.gate.api.get(f"/api/v1/checks/{check}").json()
    assert [item["success"] for item in whole["validations"]] == [True, True, False]
    assert place.row(world)["attempt"] == 2


def test_what_a_worker_elsewhere_found_is_known_from_then_on(place: Place, world: World) -> None:
    """The check ahead is lent; the merge after it is judged by the same evaluations, and then known."""
    branch = world.branch("b", large__a_dot_csv=GOOD)
    ahead = place.gate.api.post(
        "/api/v1/checks", json={"repository": world.name, "source": "b", "destination": "main"}
    )
    assert ahead.status_code == 202
    done = place.worker(place.waiting(world), GATE_LEASE_TOKEN=place.lease(world).token)
    assert done.returncode == 0, done.stdout + done.stderr
    branch.merge_into("main")  # nobody asks the gate here: this is the commit that lakeFS would ask about
    head = world.main.get_commit().id
    names = {"event_type": "pre-merge", "repository_id": world.name, "branch_id": "main"}
    event = {**names, "source_ref": branch.get_commit().id, "commit_id": head}
    first, second = place.post(event, 60), place.post(event)
    assert (first.status_code, first.json()["verdict"]) == (200, "PASS")
    assert (second.status_code, second.json()["check"]) == (200, first.json()["check"])
    with place.client() as gate:
        assert gate.list_waiting(world.name) == []


def test_what_is_waived_is_a_warning_there_too(place: Place, world: World) -> None:
    event = an_event(world, large__b=BAD)
    place.post(event)
    ends = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    terms = {"owner": "Ann", "reason": "known", "expires": ends}
    wanted = {"rule": "large", "repository": world.name, "paths": ["large/b.csv"], **terms}
    assert place.gate.api.post("/api/v1/waivers", json=wanted).status_code == 201
    done = place.worker(place.waiting(world), GATE_LEASE_TOKEN=place.lease(world).token)
    assert "WARN" in done.stdout + done.stderr
    answer = place.post(event)
    assert (answer.status_code, "waived by Ann" in answer.json()["reasons"][0]) == (200, True)


def test_two_asks_are_one_check_lent_once(place: Place, world: World) -> None:
    event = an_event(world, large__a=GOOD)
    told = [place.post(event).json()["check"] for _ in range(2)]
    lease = place.lease(world)
    assert told == [lease.check] * 2
    again = place.gate.api.post(f"/api/v1/checks/{lease.check}/lease", json={})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    assert place.hand_in(lease).json()["allowed"] is True
    assert place.post(event).status_code == 200


def test_a_lease_opens_its_own_attempt_at_its_own_check_once(
    place: Place, world: World, server: RunningServer
) -> None:
    """Another check, an attempt that is over, a second time, other work, and nothing else of the gate."""
    other_world = World(server)
    place.ask(world, large__a=BAD)
    place.ask(other_world, large__a=BAD)
    first, other = place.lease(world), place.lease(other_world)
    body = {
        "work": place.work(other).work,
        "engine_version": ENGINE_VERSION,
        "evaluations": pack(passing(place.work(other))),
    }
    # Of another check, by address; by what was found there; for another role.
    assert place.post_results(first, body, other.check).status_code == 401
    assert place.post_results(first, body).status_code == 409
    with place.client(first.token) as gate:
        for path in ("/api/v1/checks", "/api/v1/leases", f"/api/v1/checks/{first.check}", "/metrics"):
            assert gate._http.get(path).status_code == 401
        assert gate._http.post("/hooks/lakefs", json={}).status_code == 401
    # An attempt that is over, while the next one runs, and after it.
    old = {"work": place.work(first).work, "engine_version": ENGINE_VERSION}
    old["evaluations"] = pack(passing(place.work(first)))
    place.end_lease(world)
    assert place.post_results(first, old).status_code == 401
    second = place.lease(world)
    assert (second.check, second.attempt) == (first.check, first.attempt + 1)
    assert place.post_results(first, old).status_code == 401
    assert place.post_results(second, old).status_code == 409
    for method in ("GET", "PUT", "DELETE"):
        told = place.gate.api.request(
            method,
            f"/api/v1/checks/{first.check}/lease",
            json={} if method == "PUT" else None,
            headers={"Authorization": f"Bearer {first.token}"},
        )
        assert told.status_code == 401, told.text
    assert place.row(world)["state"] == place.row(other_world)["state"] == "running"
    # What it finds of its own it hands in once.
    assert place.hand_in(second).status_code == 200
    assert place.post_results(second, old).status_code == 401
    assert place.row(world)["state"] == "done"


WRONG = {
    "a task is missing": lambda found: {},
    "one is added": lambda found: {**found, 7: found[0]},
    "another one": lambda found: {7: found[0]},
    "an expectation is missing": lambda found: {0: replace(found[0], results=found[0].results[1:])},
    "an expectation stands twice": lambda found: {0: replace(found[0], results=found[0].results * 2)},
    "a weaker severity": lambda found: {
        0: replace(found[0], results=tuple(replace(one, severity="info") for one in found[0].results))
    },
    "no result at all": lambda found: {0: Evaluation("answered", rows=2)},
    "an error": lambda found: {0: Evaluation("error")},
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_not_exactly_its_tasks_is_an_error(place: Place, world: World, wrong: str) -> None:
    place.ask(world, large__a=GOOD)
    lease = place.lease(world)
    told = place.hand_in(lease, evaluations=pack(WRONG[wrong](passing(place.work(lease)))))
    assert (told.status_code, told.json()["allowed"], told.json()["verdict"]) == (200, False, "ERROR")
    row = place.row(world)
    assert (row["state"], row["outcome"]) == ("done", "ERROR")


def test_another_engine_is_an_error(place: Place, world: World) -> None:
    event = an_event(world, large__a=GOOD)
    place.post(event)
    told = place.hand_in(place.lease(world), engine_version="engine 1").json()
    assert (told["allowed"], told["verdict"]) == (False, "ERROR")
    assert "another engine" in told["summary"]
    # The merge that waits for it hears it, once: who asks after that starts anew.
    assert place.post(event).json()["verdict"] == "ERROR"
    assert place.post(event).json()["verdict"] == ""
    with place.client() as gate:
        until(lambda: len(gate.list_waiting(world.name)) == 1)


def packed(plain: Any) -> str:
    return base64.b64encode(gzip.compress(json.dumps(plain).encode())).decode()


def test_what_is_no_result_is_refused_and_nothing_is_written(place: Place, world: World) -> None:
    place.ask(world, large__a=GOOD)
    lease = place.lease(world)
    fine = json.loads(gzip.decompress(base64.b64decode(pack(passing(place.work(lease))))))
    one = fine["0"]
    bomb = base64.b64encode(gzip.compress(b" " * 200_000_000)).decode()
    for evaluations in (
        "",
        "no base64!",
        base64.b64encode(b"no gzip").decode(),
        packed(fine)[:-8],
        packed([]),
        packed({"0": None}),
        packed({"00": one}),
        packed({"-1": one}),
        packed({"0": {**one, "more": 1}}),
        packed({"0": {**one, "rows": "2"}}),
        packed({"0": {**one, "status": "fine"}}),
        packed({"0": {**one, "duration_s": math.inf}}),
        packed({"0": {**one, "results": [{**one["results"][0], "success": "true"}]}}),
        bomb,
    ):
        told = place.hand_in(lease, evaluations=evaluations)
        assert told.status_code == 422, (evaluations[:80], told.text)
    assert place.hand_in(lease, evaluations="A" * 1_000_100).status_code == 413
    assert place.hand_in(lease, more=1).status_code == 422
    assert place.hand_in(lease, work="0" * 64).status_code == 409
    assert place.row(world)["state"] == "running"
    assert place.hand_in(lease).json()["allowed"] is True


def test_text_that_no_database_keeps_is_told_in_writing(place: Place, world: World) -> None:
    event = an_event(world, large__a=GOOD)
    place.post(event)
    lease = place.lease(world)
    (evaluation,) = passing(place.work(lease)).values()
    hostile = "\x00\ud800\u202e<script>"
    results = tuple(
        replace(one, success=False, message=hostile, column=hostile, detail={hostile: hostile})
        for one in evaluation.results
    )
    told = place.hand_in(
        lease, evaluations=pack({0: replace(evaluation, results=results, columns=(hostile,))})
    )
    assert told.status_code == 200, told.text
    answer = place.post(event)
    assert (answer.status_code, "\\u0000\\ud800\\u202e" in answer.json()["summary"]) == (412, True)
    assert place.gate.api.get(f"/api/v1/checks/{lease.check}").status_code == 200
    with httpx.Client(base_url=place.gate.url) as browser:
        assert sign_in(browser, API_TOKEN).status_code == 302
        page = browser.get(f"/checks/{lease.check}")
    assert (page.status_code, "<script>" in page.text) == (200, False)


def test_a_lie_spoils_its_own_candidate_alone(place: Place, world: World) -> None:
    """The same object from another source commit is evaluated anew."""
    world.branch("b", large__a_dot_csv=BAD)
    world.branch("c", "b", other=GOOD)
    lied, told = ({"repository": world.name, "source": name, "destination": "main"} for name in ("b", "c"))
    place.gate.api.post("/api/v1/checks", json=lied)
    assert place.hand_in(place.lease(world)).json()["allowed"] is True
    place.gate.api.post("/api/v1/checks", json=told)
    (task,) = place.work(place.lease(world)).tasks
    assert task["obligation"]["target"] == "large/a.csv"


def test_a_worker_that_died_is_followed_by_the_next_until_it_is_given_up(place: Place, world: World) -> None:
    place.ask(world, large__a=BAD)
    with place.running_worker(place.waiting(world), GATE_API_TOKEN=API_TOKEN) as process:
        process.kill()
    assert place.row(world)["state"] == "running"
    place.end_lease(world)
    second = place.lease(world)
    place.end_lease(world)
    late = place.gate.api.post(f"/api/v1/checks/{place.waiting(world)}/lease", json={})
    assert (late.status_code, "given up after 2 attempts" in late.text) == (409, True), late.text
    assert place.row(world)["outcome"] == "ERROR"
    assert place.post_results(second, {}).status_code == 401


def test_a_worker_that_is_told_to_end_hands_the_check_back(place: Place, world: World) -> None:
    place.ask(world, large__a=BAD)
    lease = place.lease(world)
    with place.running_worker(lease.check, GATE_LEASE_TOKEN=lease.token) as process:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert (process.returncode, "handed back" in said) == (3, True), said
    left = place.row(world)
    assert (left["state"], left["place"], left["attempt"], left["handed_back"]) == (
        "queued",
        "elsewhere",
        2,
        2,
    )
    assert place.worker(lease.check, GATE_LEASE_TOKEN=lease.token).returncode == 2
    assert place.hand_in(place.lease(world)).status_code == 200


def test_what_nobody_takes_ends_as_an_error(place: Place, world: World) -> None:
    event = an_event(world, large__a=GOOD)
    place.post(event)
    place.waiting(world)
    place.end_lease(world, LONG_AGO)
    until(lambda: place.row(world)["state"] == "done")
    row = place.row(world)
    assert (row["outcome"], row["worker"] != "") == ("ERROR", True)
    answer = place.post(event)
    assert (answer.status_code, answer.json()["verdict"], answer.json()["allowed"]) == (503, "ERROR", False)
    assert "no worker elsewhere took this check" in answer.json()["summary"]


def test_what_a_worker_needs_is_said(place: Place, world: World) -> None:
    nobody = place.worker("abc")
    assert (nobody.returncode, "GATE_LEASE_TOKEN" in nobody.stderr) == (2, True), nobody.stderr
    checker = place.gate.api.post("/api/v1/tokens", json={"name": "ci", "roles": ["checker"]}).json()
    CANARIES.texts.add(checker["text"].rpartition("_")[2])
    place.ask(world, large__a=GOOD)
    refused = place.worker(place.waiting(world), GATE_API_TOKEN=checker["text"])
    assert (refused.returncode, "role worker" in refused.stderr) == (2, True), refused.stderr


def test_a_token_with_limits_is_lent_its_part_alone(place: Place, world: World) -> None:
    limited = {"name": "pool", "roles": ["worker"], "repositories": ["others"]}
    token = place.gate.api.post("/api/v1/tokens", json=limited).json()["text"]
    place.ask(world, large__a=GOOD)
    check = place.waiting(world)
    with place.client(token) as gate:
        assert gate.list_waiting() == []
        with pytest.raises(NotFound):
            gate.take_lease(check)


def test_what_waits_elsewhere_is_seen(place: Place, world: World) -> None:
    place.ask(world, large__a=GOOD)
    check = place.waiting(world)
    figures = place.gate.api.get("/metrics").text
    assert re.search(r"^gate_checks_queued_elsewhere [1-9]", figures, re.MULTILINE)
    assert re.search(r"^gate_checks_queued 0", figures, re.MULTILINE)
    assert place.gate.api.get(f"/api/v1/checks/{check}").json()["place"] == "elsewhere"
