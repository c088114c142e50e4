"""`gate install`: the gate before a branch, proven; with the real gate, over HTTP, with the official SDK.

Also on a real lakeFS when `GATE_TEST_LAKEFS_URL`, its keys and `GATE_TEST_HOOK_TOKEN` (what the lakeFS server
has as LAKEFSACTION_GATE_TOKEN) are given.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lakefs.exceptions import ServerException

from gate_server.errors import CouldNotTell
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.setup.gate_files import CLIENT_SCRIPT, GUARDS, POST_EVENTS, PRE_MERGE, gate_files
from gate_server.setup.install import Installation, install
from gate_server.store.store import open_store
from local_lakefs.testing import RunningServer
from tests.contract.harness import Lakefs, Repository
from tests.contract.webhooks import Receiver, receiver
from tests.e2e.harness import BAD, GOOD, Gate, World, free_port, run_gate, running_gate

REAL_URL = os.environ.get("GATE_TEST_LAKEFS_URL", "")
REAL_TOKEN = os.environ.get("GATE_TEST_HOOK_TOKEN", "")
PROOFS = [
    "a merge of the canary was refused by the gate",
    "a revert that expects another head was refused",
    "a direct commit was refused",
    "a cherry-pick was refused",
]


@dataclass
class Stage:
    """A lakeFS, a gate on it, and a repository of the test's own."""

    server: RunningServer
    gate: Gate
    world: World
    repo: Repository

    def install(self, *options: str) -> dict[str, Any]:
        """Run `gate install --json` through the gate; it must succeed."""
        done = self.gate.run("install", self.world.uri(), "--json", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def temporary_branches(self) -> list[str]:
        """Return what an installation left."""
        every = self.repo.pages("branches", show_hidden=True)
        return [branch["id"] for branch in every if branch["id"].startswith("gate-")]


ON_THE_EMBEDDED = ["gate_on_sqlite", "gate_on_postgresql"]


@pytest.fixture(
    scope="module", params=[*ON_THE_EMBEDDED, "real"] if REAL_URL and REAL_TOKEN else ON_THE_EMBEDDED
)
def places(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningServer, Gate]]:
    """Give a lakeFS and a gate on it."""
    if request.param in ON_THE_EMBEDDED:
        yield request.getfixturevalue("server"), request.getfixturevalue(request.param)
        return
    keys = [os.environ[f"GATE_TEST_LAKEFS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")]
    server = RunningServer(REAL_URL, keys[0], keys[1], 0, Path())
    folder = Path(tmp_path_factory.mktemp("gate"))
    with running_gate(server.environment, folder, GATE_HOOK_TOKEN=REAL_TOKEN) as running:
        yield server, running


@pytest.fixture
def stage(places: tuple[RunningServer, Gate]) -> Stage:
    """Give a repository whose main holds a good file."""
    server, gate = places
    world = World(server)
    lakefs = Lakefs("", server.url, server.access_key_id, server.secret_access_key)
    world.commit(world.main, {"lakefs_test.csv": GOOD})
    return Stage(server, gate, world, Repository(lakefs, world.name))


@dataclass
class Registrations:
    """The gate's memory of installations, over its API; `before` runs ahead of each announcement."""

    stage: Stage
    before: Callable[[], object] = lambda: None
    announced: int = 0

    def register(self, repository: str, base_commit: str, source_commit: str) -> None:
        self.before()
        self.announced += 1
        body = {"repository": repository, "base_commit": base_commit, "source_commit": source_commit}
        assert self.stage.gate.api.post("/api/v1/registrations", json=body).status_code == 201

    def record(self, repository: str, branch: str, files: Mapping[str, str], commit_id: str) -> None:
        body = {"repository": repository, "branch": branch, "files": dict(files), "commit_id": commit_id}
        assert self.stage.gate.api.put("/api/v1/installations", json=body).status_code == 200


def install_with(stage: Stage, registrations: Registrations, gate_url: str) -> Installation:
    """Install in this process."""
    server = stage.server
    lakefs = LakeFS(server.url, server.access_key_id, server.secret_access_key)
    name = stage.world.name
    return install(lakefs, Commits(lakefs), registrations, repository=name, branch="main", gate_url=gate_url)


@pytest.fixture(scope="module")
def receiving() -> Iterator[Receiver]:
    """Give a receiver that stands where the gate should."""
    with receiver() as running:
        yield running


def test_after_it_main_is_guarded_on_every_way(stage: Stage) -> None:
    repo, world = stage.repo, stage.world
    repo.protect("release-*")
    answer = stage.install()
    assert answer["proofs"] == PROOFS
    assert answer["changed"] == [PRE_MERGE, GUARDS, POST_EVENTS]
    assert answer["protected"] is True
    assert answer["commit_id"] == repo.head()
    assert stage.temporary_branches() == []
    rules = repo.request("GET", "settings", "branch_protection").json()
    assert {rule["pattern"] for rule in rules} == {"release-*", "main"}
    expected = gate_files("main", stage.gate.url, lua=False, allow_plain_revert=False)
    assert {path: repo.read("main", path).decode() for path in expected} == expected
    # Good data passes, bad data does not.
    world.branch("good", lakefs_test_more_dot_csv=GOOD).merge_into("main")
    head = repo.head()
    bad = world.branch("bad", lakefs_test_bad_dot_csv=BAD)
    with pytest.raises(ServerException) as refusal:
        bad.merge_into("main")
    assert refusal.value.status_code == 412
    # Nor by any other way.
    assert repo.try_upload("main", "x", "x").status_code == 403
    assert repo.try_commit("main").status_code == 403
    cherry_pick = repo.request("POST", "branches", "main", "cherry-pick", json={"ref": repo.head("bad")})
    assert cherry_pick.status_code == 412
    assert "nothing is cherry-picked onto main" in cherry_pick.json()["message"]
    plain = repo.try_revert("main", head, 1)
    assert plain.status_code == 412
    assert f"gate revert lakefs://{repo.name}/main" in plain.json()["message"]
    assert repo.head() == head


def test_twice_changes_nothing_and_proves_it_again(stage: Stage) -> None:
    stage.install()
    head = stage.repo.head()
    again = stage.install()
    assert (again["changed"], again["protected"], again["proofs"]) == ([], False, PROOFS)
    assert stage.repo.head() == again["commit_id"] == head
    done = stage.gate.run("install", stage.world.uri())
    assert "holds the gate's files already" in done.stdout
    assert stage.temporary_branches() == []


def test_an_older_action_is_upgraded_on_a_protected_branch(stage: Stage) -> None:
    stage.install()
    repo = stage.repo
    older = repo.read("main", PRE_MERGE).replace(b"Version 1", b"Version 0")
    # Past the gate, by a branch that asks nobody.
    repo.create_branch("older")
    repo.delete("older", PRE_MERGE)
    repo.commit("older")
    repo.merge("older", "main")
    repo.create_branch("old")
    repo.upload("old", PRE_MERGE, older.replace(b"pre-merge:", b"post-merge:"))
    repo.commit("old")
    repo.merge("old", "main")
    answer = stage.install()
    assert answer["changed"] == [PRE_MERGE]
    assert (answer["protected"], answer["proofs"]) == (False, PROOFS)


def test_nobody_else_changes_the_gates_files(stage: Stage) -> None:
    stage.install()
    repo = stage.repo
    repo.create_branch("sly")
    repo.upload("sly", GUARDS, repo.read("main", GUARDS).replace(b"allow_plain_revert: false", b"x: true"))
    repo.commit("sly")
    head = repo.head()
    assert repo.try_merge("sly").status_code == 412
    assert repo.head() == head


def test_by_lua_the_merges_error_says_why_and_back(stage: Stage) -> None:
    answer = stage.install("--lua")
    assert answer["changed"] == [PRE_MERGE, GUARDS, POST_EVENTS, CLIENT_SCRIPT]
    assert answer["proofs"] == PROOFS
    bad = stage.world.branch("bad", lakefs_test_bad_dot_csv=BAD)
    with pytest.raises(ServerException) as refusal:
        bad.merge_into("main")
    reason = str(refusal.value)
    assert "`_c4` is missing: 5 columns expected, 4 found" in reason
    assert f"see {stage.gate.url}/checks/" in reason
    stage.world.branch("good", lakefs_test_more_dot_csv=GOOD).merge_into("main")
    back = stage.install()
    assert back["changed"] == [PRE_MERGE, CLIENT_SCRIPT]
    assert CLIENT_SCRIPT not in stage.repo.paths("main")


def test_plain_reverts_pass_where_they_are_allowed(stage: Stage) -> None:
    assert stage.install("--allow-plain-revert")["proofs"] == PROOFS
    head = stage.world.branch("good", lakefs_test_more_dot_csv=GOOD)
    head.merge_into("main")
    repo = stage.repo
    wrong = {"gate.expected_head": repo.head("main"), "gate.expected_metarange": "another"}
    for metadata in (wrong, {"gate.expected_metarange": "x"}, {"gate.expected_head": "x"}):
        answer = repo.try_revert("main", repo.head(), 1, commit_overrides={"metadata": metadata})
        assert answer.status_code == 412
    assert repo.revert("main", repo.head(), 1)["parents"]
    assert "lakefs_test_more.csv" not in repo.paths("main")


def test_the_whole_story(stage: Stage) -> None:
    """Bad data reaches main through a branch that dropped the action; one call puts it back (scenario 6)."""
    stage.install()
    repo = stage.repo
    good, before = repo.head(), repo.contents("main")
    repo.create_branch("sly")
    for path in (PRE_MERGE, GUARDS):
        repo.delete("sly", path)
    repo.upload("sly", "lakefs_test.csv", BAD)
    repo.commit("sly")
    bad = repo.merge("sly", "main")
    done = stage.gate.run("revert", stage.world.uri(), "--to", good, "--reason", "lost a column", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)["revert"]
    assert (answer["state"], answer["from_commit"]) == ("verified", bad)
    assert repo.contents("main") == before
    assert stage.install()["changed"] == []


def test_a_gate_that_lakefs_does_not_reach_is_an_error(stage: Stage) -> None:
    head = stage.repo.head()
    address = f"http://127.0.0.1:{free_port()}"
    for option in ([], ["--lua"]):
        done = stage.gate.run("install", stage.world.uri(), "--public-url", address, *option)
        assert done.returncode == 3
        assert address in done.stderr
        assert "GATE_PUBLIC_URL" in done.stderr
    assert stage.repo.head() == head
    assert stage.temporary_branches() == []
    assert stage.repo.request("GET", "settings", "branch_protection").json() == []


def test_another_token_than_lakefs_has_is_an_error(stage: Stage, tmp_path: Path) -> None:
    with running_gate(stage.server.environment, tmp_path, GATE_HOOK_TOKEN="another") as other:
        for option in ([], ["--lua"]):
            done = other.run("install", stage.world.uri(), *option)
            assert done.returncode == 3
            assert "set LAKEFSACTION_GATE_TOKEN" in done.stderr
    assert stage.temporary_branches() == []


def test_what_lakefs_does_not_have_is_an_error(stage: Stage) -> None:
    for uri in (f"lakefs://{stage.world.name}/no-such-branch", "lakefs://no-such-repository/main"):
        done = stage.gate.run("install", uri)
        assert done.returncode == 2
        assert "lakeFS has no" in done.stderr


def test_an_address_that_would_break_the_action_is_refused(stage: Stage) -> None:
    for address in ("gate:8090", "ftp://gate", 'http://x"\n    url: "http://y', "http://{{ ENV.X }}"):
        done = stage.gate.run("install", stage.world.uri(), "--public-url", address)
        assert done.returncode == 2
        assert "GATE_PUBLIC_URL" in done.stderr


def test_uncommitted_changes_on_main_are_named(stage: Stage) -> None:
    stage.repo.upload("main", "work", "in progress")
    done = stage.gate.run("install", stage.world.uri())
    assert done.returncode == 3
    assert "uncommitted changes" in done.stderr
    assert stage.repo.uncommitted("main") == [("added", "work")]
    assert stage.temporary_branches() == []


def test_without_a_gate_the_database_is_told(stage: Stage) -> None:
    """In one process with the gate's settings, without its API."""
    done = run_gate("install", stage.world.uri(), "--json", env=stage.gate.environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["proofs"] == PROOFS


def test_main_that_moves_meanwhile_is_no_hindrance(stage: Stage) -> None:
    """The announcement holds for one head of main only, so it is made anew."""
    moved: list[str] = []

    def move_main_once() -> None:
        if not moved:
            moved.append(stage.repo.commit_files("main", {"notes.txt": "meanwhile"})["id"])

    registrations = Registrations(stage, move_main_once)
    done = install_with(stage, registrations, stage.gate.url)
    assert done.changed == (PRE_MERGE, GUARDS, POST_EVENTS)
    assert registrations.announced == 2
    assert stage.repo.get_commit("main")["parents"][0] == moved[0]
    assert stage.temporary_branches() == []


# -- something else in the gate's place ---------------------------------------------------------------


def put_in_place(stage: Stage, receiving: Receiver, **answer: Any) -> Any:
    """Install with something that answers like that where the gate should be."""
    endpoint = receiving.endpoint(**answer)
    receiving.endpoints[endpoint.url.removeprefix(receiving.base_url) + "/hooks/lakefs"] = endpoint
    return install_with(stage, Registrations(stage), endpoint.url)


def test_something_that_lets_everything_through_is_no_gate(stage: Stage, receiving: Receiver) -> None:
    with pytest.raises(CouldNotTell, match="NOT in force"):
        put_in_place(stage, receiving)
    assert stage.temporary_branches() == []


def test_a_redirect_to_a_page_is_no_gate(stage: Stage, receiving: Receiver) -> None:
    page = receiving.endpoint(body=b"<html>sign in</html>")
    with pytest.raises(CouldNotTell, match="NOT in force"):
        put_in_place(stage, receiving, status=302, headers={"location": page.url})
    assert stage.temporary_branches() == []


def test_a_refusal_that_is_not_the_gates_is_no_proof(stage: Stage, receiving: Receiver) -> None:
    refuse_canary: dict[str, Any] = {}

    def refuse(received: Any) -> None:
        endpoint = receiving.endpoints[received.path]
        endpoint.status = 412 if received.event["branch_id"].startswith("gate-canary-") else 200

    refuse_canary["during"] = refuse
    with pytest.raises(CouldNotTell):
        put_in_place(stage, receiving, body=b'{"allowed": false}', **refuse_canary)
    assert stage.temporary_branches() == []


def test_the_gate_finds_what_it_remembers(stage: Stage) -> None:
    stage.install("--lua")
    store = open_store(stage.gate.database_url)
    files = store.installations.files(stage.world.name, "main")
    assert files == gate_files("main", stage.gate.url, lua=True, allow_plain_revert=False)
