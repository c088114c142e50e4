"""lakeFS tells the gate that a guarded branch moved: it looks at once, and believes nothing else of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from gate_server.lakefs.events import TOLD
from gate_server.setup.gate_files import GUARDS, POST_EVENTS, PRE_MERGE, gate_files
from gate_server.store.store import Store, open_store
from local_lakefs.testing import RunningServer
from tests.contract.harness import Lakefs, Repository, eventually
from tests.e2e.harness import BAD, GOOD, ROOT, Gate, World, free_port, running_gate, until

AN_HOUR_S = "3600"
PATH = "lakefs_test.csv"


@pytest.fixture(scope="module")
def gate(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Give a gate that looks at its branches once an hour, unless it is told."""
    folder = tmp_path_factory.mktemp("told")
    shutil.copytree(ROOT / "expectations", folder / "expectations")
    policy = folder / "expectations" / "gate.yaml"
    policy.write_text(f"{policy.read_text()}\non_unverified_fail: revert\n")
    settings = {"GATE_POLICY": str(policy), "GATE_AUDIT_EVERY_S": AN_HOUR_S}
    with running_gate(server.environment, folder / "data", **settings) as running:
        yield running


@pytest.fixture
def store(gate: Gate) -> Iterator[Store]:
    """Give the gate's own record."""
    opened = open_store(gate.database_url)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def main(world: World, gate: Gate, server: RunningServer, store: Store) -> Repository:
    """Give a repository whose main the gate was installed on, and was seen as it is by it."""
    lakefs = Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
    repository = Repository(lakefs, world.name)
    repository.create_branch("from-before")
    done = gate.run("install", world.uri())
    assert done.returncode == 0, done.stdout + done.stderr
    world.branch("good", lakefs_test_good_dot_csv=GOOD).merge_into("main")
    until(
        lambda: (
            (seen := store.followed.get(world.name, "main")) is not None and seen.head == repository.head()
        )
    )
    return repository


def loses_the_gates_hooks(main: Repository) -> str:
    """Merge bad data by a branch that drops what asks the gate; main loses it too, but for what tells it."""
    main.create_branch("sly")
    for path in (PRE_MERGE, GUARDS):
        main.delete("sly", path)
    main.upload("sly", PATH, BAD)
    main.commit("sly")
    return str(main.merge("sly", "main"))


def never_had_the_gates_hooks(main: Repository) -> str:
    """Merge bad data by a branch from before the gate: main keeps its hooks, but none is asked."""
    main.commit_files("from-before", {PATH: BAD})
    return str(main.merge("from-before", "main"))


@pytest.mark.parametrize("way", [loses_the_gates_hooks, never_had_the_gates_hooks])
def test_what_came_by_another_way_is_taken_back_long_before_the_next_round(
    way: Callable[[Repository], str], main: Repository, gate: Gate
) -> None:
    before = main.contents("main")
    bad = way(main)
    until(lambda: main.contents(main.head()) == before)  # not by name: it moves between listing and reading
    (revert,) = gate.api.get("/api/v1/reverts", params={"repository": main.name}).json()["reverts"]
    assert (revert["from_commit"], revert["principal"]) == (bad, "gate audit")


@pytest.mark.parametrize("kind", TOLD)
def test_an_event_is_heard_and_nothing_of_it_believed(kind: str, world: World, gate: Gate) -> None:
    head = world.repository.branch("main").get_commit().id
    event = {"event_type": kind, "repository_id": world.name, "branch_id": "main", "commit_id": head}
    for branch in ("main", "no-such-branch"):  # guarded or not, there or not: all are told the same
        answer = gate.hooks.post("/hooks/lakefs", json={**event, "branch_id": branch})
        assert (answer.status_code, answer.json()) == (202, {"told": True})
    assert gate.api.get("/api/v1/checks", params={"repository": world.name}).json()["checks"] == []
    with_another = gate.api.post("/hooks/lakefs", json=event)  # the API's token opens no hook
    assert with_another.status_code == 403, with_another.text


def test_a_gate_that_is_away_hurts_no_writer(world: World, server: RunningServer) -> None:
    """Its hooks after the fact fail; who commits, picks or reverts is answered as ever."""
    lakefs = Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
    repository = Repository(lakefs, world.name)
    nowhere = f"http://127.0.0.1:{free_port()}"
    action = gate_files("main", nowhere, lua=False, allow_plain_revert=True)[POST_EVENTS]
    repository.commit_files("main", {POST_EVENTS: action})
    commit = repository.commit_files("main", {PATH: GOOD})
    repository.revert("main", commit["id"], 0)
    eventually(lambda: [run for run in repository.runs() if run["event_type"] == "post-revert"])
    assert PATH not in repository.paths("main")
    assert {run["status"] for run in repository.runs()} == {"failed"}
