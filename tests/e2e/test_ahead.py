"""Looking ahead: what may be merged soon is judged before anybody asks, and the merge only looks it up."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from gate_server.checks.ahead import MOST_WAITING, LooksAhead
from gate_server.lakefs.client import LakeFS
from gate_server.model import Ahead, Check, Format, Outcome, Plan, Policy, Rule, Verdict
from gate_server.store.store import Store, open_store
from gate_server.store.tables import evaluations
from local_lakefs.testing import RunningServer
from tests.e2e.harness import BAD, GOOD, ROOT, Gate, World, running_gate, until
from tests.e2e.proxy import Exchange, proxy_before

LEASE_S = 600.0
OTHER = b"5,4,3,2,1\n"

# -- what is looked at, call by call: a real lakeFS's API, a real database, no worker ------------------


@dataclass
class Outlook:
    """One who looks ahead of merges in some repositories, each time when told to."""

    store: Store
    lakefs: LakeFS
    policy: Policy
    looks: LooksAhead = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing seen."""
        self.looks = LooksAhead(self.lakefs, self.store, lambda: self.policy)

    def look(self) -> int:
        """Look once; return how many calls that took."""
        before = self.lakefs.calls
        self.looks()
        return self.lakefs.calls - before

    def asked(self) -> set[tuple[str, str]]:
        """Return source and destination of what was asked for."""
        return {(check.source_name, check.destination) for check in self.store.checks.listed()}

    def judge_all(self) -> None:
        """End what waits."""
        while check := self.store.checks.claim("w", LEASE_S, ahead=True):
            assert isinstance(check, Check)
            done = Verdict(Outcome.PASS, True)
            self.store.checks.finish(
                check, verdict=done, plan=Plan(), evaluations={}, failure=None, reusable=True, lakefs_calls=0
            )


@pytest.fixture
def outlook(server: RunningServer, world: World, tmp_path: Path) -> Outlook:
    world.commit(world.main, {"lakefs_test.csv": GOOD})
    rule = Rule("r", ("lakefs_test*.csv",), "s", Format("csv"), repositories=(world.name,))
    policy = Policy((rule,), {}, ahead=Ahead(branches=("import-*",)), digest="p")
    lakefs = LakeFS(server.url, server.access_key_id, server.secret_access_key)
    return Outlook(open_store(f"sqlite:///{tmp_path}/gate.db"), lakefs, policy)


def pull_request(world: World, source: str, destination: str = "main") -> str:
    body = {"source_branch": source, "destination_branch": destination, "title": "t", "description": ""}
    answer = api(world).post(f"/repositories/{world.name}/pulls", json=body)
    answer.raise_for_status()
    return str(answer.json()["id"])


def api(world: World) -> httpx.Client:
    keys = (world.server.access_key_id, world.server.secret_access_key)
    return httpx.Client(base_url=f"{world.server.url}/api/v1", auth=keys, timeout=60)


def test_each_pair_of_heads_is_asked_for_once(outlook: Outlook, world: World) -> None:
    branch = world.branch("import-1", lakefs_test_1_dot_csv=GOOD)
    world.branch("else", lakefs_test_2_dot_csv=GOOD)
    outlook.look()
    assert outlook.asked() == {("import-1", "main")}
    (check,) = outlook.store.checks.listed()
    assert (check.ahead, check.judged_commit, check.source_commit) == (True, "", branch.get_commit().id)
    assert [ask.kind for ask in outlook.store.asks.of_check(check.id)] == ["ahead"]
    outlook.look()
    assert len(outlook.store.checks.listed()) == 1
    outlook.judge_all()
    Outlook(outlook.store, outlook.lakefs, outlook.policy).look()  # after a restart: the database knows
    assert len(outlook.store.checks.listed()) == 1
    world.commit(branch, {"lakefs_test_1.csv": BAD})
    outlook.look()
    assert len(outlook.store.checks.listed()) == 2
    world.commit(world.main, {"x": b"x"})
    outlook.look()
    assert len(outlook.store.checks.listed()) == 3


def test_the_gate_makes_no_branch_and_no_commit(outlook: Outlook, world: World) -> None:
    world.branch("import-1", lakefs_test_1_dot_csv=GOOD)
    heads = {item.id: item.get_commit().id for item in world.repository.branches()}
    outlook.look()
    assert {item.id: item.get_commit().id for item in world.repository.branches()} == heads


def test_open_pull_requests_are_asked_for_under_any_name(outlook: Outlook, world: World) -> None:
    for name in ("one", "two", "three", "gone"):
        world.branch(name, **{f"lakefs_test_{name}_dot_csv": GOOD})
    world.repository.branch("unguarded").create("main")
    one, elsewhere = pull_request(world, "one"), pull_request(world, "two", "unguarded")
    pull_request(world, "gone")
    closed = pull_request(world, "three")
    with api(world) as http:

        def close(pull: str) -> None:
            http.patch(
                f"/repositories/{world.name}/pulls/{pull}", json={"status": "closed"}
            ).raise_for_status()

        close(closed)
        world.repository.branch("gone").delete()
        outlook.look()
        assert outlook.asked() == {("one", "main")}
        # lakeFS knows no other target for one that is open: it is closed, and another one made.
        close(elsewhere)
        close(one)
    pull_request(world, "two")
    outlook.look()
    assert outlook.asked() == {("one", "main"), ("two", "main")}


def test_what_is_merged_or_old_is_left_alone(outlook: Outlook, world: World) -> None:
    merged = world.branch("import-merged", lakefs_test_1_dot_csv=GOOD)
    merged.merge_into("main")
    world.repository.branch("import-same").create("main")
    outlook.look()
    assert outlook.asked() == set()
    world.branch("import-old", lakefs_test_2_dot_csv=GOOD)
    world.branch("old", lakefs_test_3_dot_csv=GOOD)
    pull_request(world, "old")
    outlook.policy = Policy(
        outlook.policy.rules, {}, ahead=Ahead(branches=("import-*",), days=1e-9), digest="another"
    )
    outlook.look()
    assert outlook.asked() == {("old", "main")}


def test_a_look_at_what_did_not_move_costs_the_same_however_many_branches(
    outlook: Outlook, world: World
) -> None:
    world.branch("import-0", lakefs_test_0_dot_csv=GOOD)
    outlook.look()
    few = outlook.look()
    with api(world) as http:
        for number in range(1, 1000):
            body = {"name": f"import-{number}", "source": "import-0"}
            http.post(f"/repositories/{world.name}/branches", json=body).raise_for_status()
    outlook.look()
    many = outlook.look()
    assert many <= few + 1  # a page of branches more
    assert len(outlook.store.checks.listed()) == 1  # one commit, one answer


def test_no_more_than_some_wait_at_a_time(outlook: Outlook, world: World) -> None:
    for number in range(MOST_WAITING + 3):
        world.branch(f"import-{number}", **{f"lakefs_test_{number}_dot_csv": GOOD})
    outlook.look()
    outlook.look()
    assert outlook.store.ahead.waiting() == MOST_WAITING
    outlook.judge_all()
    outlook.look()
    assert outlook.store.ahead.waiting() == 3


def test_each_repository_has_its_turn(outlook: Outlook, world: World) -> None:
    """One whose branches are many is not always before the other."""
    other = World(world.server)
    for place in (world, other):
        place.commit(place.main, {"lakefs_test_main.csv": GOOD})
        for number in range(MOST_WAITING + 3):
            place.branch(f"import-{number}", **{f"lakefs_test_{number}_dot_csv": GOOD})
    rule = Rule("r", ("*.csv",), "s", Format("csv"), repositories=(other.name, world.name))
    outlook.policy = Policy((rule,), {}, ahead=Ahead(branches=("import-*",)), digest="p")
    for _ in range(2):
        outlook.look()
        outlook.judge_all()
    assert {check.repository for check in outlook.store.checks.listed()} == {world.name, other.name}


def test_one_repository_that_is_wrong_harms_no_other(outlook: Outlook, world: World) -> None:
    other = World(world.server)
    other.commit(other.main, {"_lakefs_gate/gate.yaml": b"version: 1\nrules: no list\n"})
    other.branch("import-1", lakefs_test_dot_csv=GOOD)
    world.branch("import-1", lakefs_test_1_dot_csv=GOOD)
    rule = Rule("r", ("*.csv",), "s", Format("csv"), repositories=(other.name, world.name))
    outlook.policy = Policy(
        (rule,), {}, ahead=Ahead(branches=("import-*",)), in_repository="_lakefs_gate/gate.yaml", digest="p"
    )
    outlook.look()
    assert {check.repository for check in outlook.store.checks.listed()} == {world.name}
    few = outlook.look()
    assert few <= 5  # what is wrong is not read again and again
    other.commit(other.main, {"_lakefs_gate/gate.yaml": None})
    outlook.look()
    assert {check.repository for check in outlook.store.checks.listed()} == {world.name, other.name}


def test_a_lakefs_that_is_away_is_left_alone_for_a_while(outlook: Outlook) -> None:
    away = LakeFS("http://127.0.0.1:9", "key", "secret")
    outlook.looks = LooksAhead(away, outlook.store, lambda: outlook.policy)
    outlook.looks()
    tried = away.calls
    assert tried > 0
    outlook.looks()
    assert away.calls == tried


# -- a whole gate --------------------------------------------------------------------------------------


@dataclass
class Place:
    """A gate that looks ahead in one repository, and what it asked lakeFS for."""

    world: World
    reads: list[str]
    held: threading.Event
    reached: threading.Event
    policy: Path
    gate: Gate = field(init=False)

    def look_at(self, branches: str) -> None:
        """Write the policy with other branches to look at."""
        text = (ROOT / "expectations" / "gate.yaml").read_text()
        ahead = f"{{branches: '{branches}', repositories: '{self.world.name}'}}"
        self.policy.write_text(f"{text}\nahead: {ahead}\n")

    def ahead(self, source: str) -> dict[str, Any]:
        """Wait until the newest commit of a branch was judged ahead; return the check."""
        wanted = self.world.repository.ref(source).get_commit().id, self.world.main.get_commit().id
        found: list[dict[str, Any]] = []

        def judged() -> bool:
            listed = self.gate.api.get("/api/v1/checks", params={"repository": self.world.name})
            for row in listed.json()["checks"]:
                check = self.gate.api.get(f"/api/v1/checks/{row['check']}").json()
                if (check["source_commit"], check["base_commit"]) == wanted and check["state"] == "done":
                    found.append({**row, "verdict": check["verdict"]})  # the list may be of before
            return bool(found)

        until(judged)
        return found[0]

    def evaluations(self) -> int:
        """Return how many evaluations are kept."""
        store = open_store(self.gate.database_url)
        with store.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(evaluations)).scalar_one()

    def merged(self, source: str) -> dict[str, Any]:
        """Merge past the gate, and ask as lakeFS would have."""
        self.world.repository.ref(source).merge_into("main")
        commit_id = self.world.main.get_commit().id
        event = {"event_type": "pre-merge", "repository_id": self.world.name, "branch_id": "main",
                 "source_ref": commit_id, "commit_id": commit_id}  # fmt: skip
        answer: dict[str, Any] = self.gate.post_event(event).json()
        return answer


@pytest.fixture(scope="module")
def place(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    world, folder = World(server), tmp_path_factory.mktemp("ahead")
    world.commit(world.main, {"lakefs_test_a.csv": GOOD})
    policy = folder / "gate.yaml"
    (folder / "suites").symlink_to(ROOT / "expectations" / "suites")
    reads: list[str] = []
    held, reached = threading.Event(), threading.Event()

    def treat(exchange: Exchange) -> None:
        if "/objects?" in exchange.path and exchange.method == "GET":
            reads.append(exchange.path)
            if "held" in exchange.path:
                reached.set()
                held.wait(120)
        exchange.pass_on()

    settings = {"GATE_POLICY": str(policy), "GATE_AHEAD_EVERY_S": "0.2", "GATE_WORKER_THREADS": "1"}
    with proxy_before(server.url, treat) as url:
        lakefs = {**server.environment, "LAKECTL_SERVER_ENDPOINT_URL": url}
        made = Place(world, reads, held, reached, policy)
        made.look_at("import-*")
        with running_gate(lakefs, folder / "gate", **settings) as made.gate:
            yield made
            held.set()


def test_a_merge_that_was_judged_ahead_reads_and_evaluates_nothing(place: Place) -> None:
    place.world.branch("import-1", lakefs_test_1_dot_csv=GOOD, customers__c_dot_csv=b"x\n1\n")
    row = place.ahead("import-1")
    assert (row["verdict"], row["ahead"], row["source_name"]) == ("FAIL", True, "import-1")
    reads, kept = len(place.reads), place.evaluations()
    assert reads > 0
    answer = place.merged("import-1")
    assert answer["verdict"] == "FAIL"
    assert answer["check"] != row["check"]  # a prediction answers no merge
    assert (len(place.reads), place.evaluations()) == (reads, kept)
    ahead, merged = (place.gate.api.get(f"/api/v1/checks/{one['check']}").json() for one in (row, answer))
    assert merged["validations"] == ahead["validations"]


def test_who_asks_for_what_was_looked_at_is_answered_at_once(place: Place) -> None:
    place.world.branch("import-2", lakefs_test_2_dot_csv=BAD)
    row = place.ahead("import-2")
    asked = {"repository": place.world.name, "source": "import-2", "destination": "main"}
    answer = place.gate.api.post("/api/v1/checks", json=asked)  # without waiting
    assert answer.status_code == 200
    assert (answer.json()["check"], answer.json()["verdict"]) == (row["check"], "FAIL")
    assert row["check"] in answer.json()["report"]
    done = place.gate.run("check", place.world.uri("import-2"), "--into", "main")
    assert (done.returncode, row["check"] in done.stdout) == (1, True), done.stdout + done.stderr


def test_when_main_moves_only_what_changed_is_judged_again(place: Place) -> None:
    place.world.branch("import-3", lakefs_test_3_dot_csv=GOOD, lakefs_test_4_dot_csv=OTHER)
    first = place.ahead("import-3")
    reads, kept = len(place.reads), place.evaluations()
    place.world.commit(place.world.main, {"lakefs_test_main.csv": OTHER})
    second = place.ahead("import-3")
    assert second["check"] != first["check"]
    assert (len(place.reads), place.evaluations()) == (reads, kept)
    place.world.commit(place.world.repository.branch("import-3"), {"lakefs_test_4.csv": GOOD})
    assert place.ahead("import-3")["verdict"] == "PASS"
    assert len(place.reads) > reads
    assert all("lakefs_test_4.csv" in path for path in place.reads[reads:])


def test_a_branch_that_changes_after_the_look_is_judged_as_it_is(place: Place) -> None:
    branch = place.world.branch("import-5", lakefs_test_5_dot_csv=GOOD)
    assert place.ahead("import-5")["verdict"] == "PASS"
    place.world.commit(branch, {"lakefs_test_5.csv": BAD})
    assert place.merged("import-5")["verdict"] == "FAIL"


def test_a_merge_never_waits_for_what_nobody_waits_for(place: Place) -> None:
    """One thread for all who wait, and the gate is at a long check ahead."""
    place.world.branch("import-held", lakefs_test_held_dot_csv=GOOD)
    assert place.reached.wait(60)
    place.world.branch("other", lakefs_test_6_dot_csv=OTHER)
    assert place.merged("other")["verdict"] == "PASS"
    held = [row for row in place.gate.api.get("/api/v1/checks").json()["checks"] if row["state"] == "running"]
    assert [(row["source_name"], row["ahead"]) for row in held] == [("import-held", True)]
    figures = place.gate.api.get("/metrics").text
    assert "gate_checks_running 0.0" in figures
    assert "gate_checks_ahead 0.0" not in figures
    listed = place.gate.run("checks", "list", "--repository", place.world.name)
    assert "ahead" in listed.stdout
    listed = place.gate.run("checks", "list", "--repository", place.world.name, "--json")
    assert held[0] in json.loads(listed.stdout)["checks"]
    # Who asks for it joins it, and it is no longer ahead of who asks.
    asked = {"repository": place.world.name, "source": "import-held", "destination": "main"}
    answer = place.gate.api.post("/api/v1/checks", json=asked)
    rows = place.gate.api.get("/api/v1/checks", params={"repository": place.world.name}).json()["checks"]
    assert answer.status_code == 202
    (joined,) = (row for row in rows if row["check"] == answer.json()["check"])
    assert not joined["ahead"]
    place.held.set()


def test_a_reload_changes_what_is_looked_at(place: Place) -> None:
    place.world.branch("next-1", lakefs_test_7_dot_csv=OTHER)
    place.look_at("next-*")
    place.gate.api.post("/api/v1/policy/reload", json={}).raise_for_status()
    assert place.ahead("next-1")["verdict"] == "PASS"
