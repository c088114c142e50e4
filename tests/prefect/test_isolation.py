"""Both options on a real Prefect server: what is promoted, what stays, and main never touched halfway."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from prefect import flow, task
from prefect.runtime import flow_run

import gate_client.prefect as tasks
from gate_client import GateRefused, NotFound, UsageError
from gate_client.prefect import (
    GateCredentials,
    LakeFSCredentials,
    LakeFSFailed,
    branch_name,
    isolated,
    revert_on_failure,
    step_branch,
)
from tests.e2e.harness import BAD, GOOD, World
from tests.prefect.harness import PrefectServer, until

A, B = "lakefs_test_1.csv", "lakefs_test_2.csv"


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("my flow/v1.2", "übung"), "my-flow-v1-2-bung"),
        (("--", "/"), "run"),
        (("a" * 100, "1"), "a" * 60 + "-1"),
    ],
)
def test_branch_names_are_legal(parts: tuple[str, ...], name: str) -> None:
    assert branch_name(*parts) == name


def branches(world: World) -> list[str]:
    """Return the branches of a repository but main."""
    return [item.id for item in world.repository.branches() if item.id != "main"]


class Stop(Exception):
    """What the tests' flows fail with."""


def test_an_existing_flow_is_promoted_whole(
    lakefs: LakeFSCredentials, gated: GateCredentials, guarded: World
) -> None:
    """Option 1: the flow knows nothing of it but a path, and runs many times at once."""

    @flow(name="etl")
    def etl(path: str, day: int = 1) -> str:
        repository, branch = path.removeprefix("lakefs://").strip("/").split("/")
        tasks.upload_object(repository, branch, f"{day}/lakefs_test.csv", GOOD, lakefs)
        assert f"{day}/lakefs_test.csv" not in guarded.contents("main")
        return branch

    promoted = isolated(
        etl,
        repository=guarded.name,
        lakefs_credentials=lakefs,
        gate_credentials=gated,
        parameters={"path": "lakefs://{repository}/{branch}/"},
    )
    assert list(promoted.parameters.properties) == ["day"]
    used: list[Any] = []
    threads = [threading.Thread(target=lambda day=day: used.append(promoted(day=day))) for day in (2, 3)]
    for thread in threads:
        thread.start()
    used.append(promoted())
    for thread in threads:
        thread.join()
    assert len(set(used)) == 3, used
    assert {f"{day}/lakefs_test.csv" for day in (1, 2, 3)} <= set(guarded.contents("main"))
    assert branches(guarded) == []
    head = guarded.main.get_commit()
    assert len(head.parents) == 2
    assert head.metadata["prefect_flow"] == "etl-isolated"


def test_steps_have_branches_of_their_own(
    prefect_server: PrefectServer, lakefs: LakeFSCredentials, gated: GateCredentials, guarded: World
) -> None:
    """Option 2: each step is a commit and a merge; a failed step's branch shows its data, linked."""
    fail = [True]
    runs: list[str] = []

    @task
    def extract(branch: str, path: str) -> None:
        with step_branch(guarded.name, branch, lakefs) as step:
            tasks.upload_object(guarded.name, step, path, GOOD, lakefs)

    @task
    def transform(branch: str) -> None:
        with step_branch(guarded.name, branch, lakefs) as step:
            tasks.upload_object(guarded.name, step, "half", b"in process", lakefs)
            if fail[0]:
                raise Stop
            tasks.delete_object(guarded.name, step, "half", lakefs)

    def stepwise(branch: str) -> None:
        runs.append(flow_run.id)
        for done in [extract.submit(branch, A), extract.submit(branch, B)]:
            done.result()
        transform(branch)

    promoted = isolated(stepwise, repository=guarded.name, lakefs_credentials=lakefs, gate_credentials=gated)
    before = guarded.main.get_commit().id
    with pytest.raises(Stop):
        promoted()
    assert guarded.main.get_commit().id == before
    run, step = sorted(branches(guarded), key=len)
    assert step.startswith(f"{run}-transform")
    assert guarded.contents(step)["half"] == b"in process"
    assert {A, B} <= set(guarded.contents(f"{run}@"))
    links = [item["data"] for item in prefect_server.artifacts(runs[0]) if item["key"] == "lakefs-branch"]
    assert any(f"ref={step}" in link for link in links)
    assert any(f"ref={run}" in link for link in links)
    until(lambda: f"lakefs://{guarded.name}/{step} stays for inspection" in prefect_server.logs(runs[0]))

    fail[0] = False
    promoted()
    assert {A, B} <= set(guarded.contents("main"))
    assert "half" not in guarded.contents("main")
    assert sorted(branches(guarded), key=len) == [run, step]  # another run's: they stay


def test_a_refused_run_leaves_main_and_its_branch_and_a_retry_is_afresh(
    lakefs: LakeFSCredentials, gated: GateCredentials, guarded: World
) -> None:
    """The first try is bad, the second good: what is promoted is the second alone."""
    tries: list[str] = []

    # A result that is stored would be taken for the second try's, which is on another branch.
    @flow(persist_result=True)
    def loading(branch: str) -> None:
        tries.append(branch)
        first = len(tries) == 1
        tasks.upload_object(guarded.name, branch, A if first else B, BAD if first else GOOD, lakefs)

    common: dict[str, Any] = {
        "repository": guarded.name, "lakefs_credentials": lakefs, "gate_credentials": gated
    }  # fmt: skip
    before = guarded.main.get_commit().id
    with pytest.raises(GateRefused):
        isolated(loading, **common)()
    assert guarded.main.get_commit().id == before
    assert branches(guarded) == tries

    tries.clear()
    isolated(loading, **common, retries=1)()
    assert tries[0][:-1] == tries[1][:-1]
    held = guarded.contents("main")
    assert B in held
    assert A not in held
    assert len(branches(guarded)) == 1  # the other run's


def test_what_comes_after_a_promotion_can_take_it_back(
    prefect_server: PrefectServer, lakefs: LakeFSCredentials, gated: GateCredentials, guarded: World
) -> None:
    """While nobody has built on it; else nothing is changed, and the later commits are named."""
    meddle = [False]
    runs: list[str] = []

    def loading(branch: str, path: str) -> None:
        tasks.upload_object(guarded.name, branch, path, GOOD, lakefs)

    common: dict[str, Any] = {
        "repository": guarded.name, "lakefs_credentials": lakefs, "gate_credentials": gated
    }  # fmt: skip
    promoted = isolated(loading, **common)

    @flow(on_failure=[revert_on_failure(**common)])
    def publishing(path: str) -> None:
        runs.append(flow_run.id)
        promoted(path)
        assert path in guarded.contents("main")
        if meddle[0]:
            other = guarded.commit(guarded.repository.branch("other").create("main"), {"notes.txt": b"x"})
            other.merge_into("main")
        raise Stop

    before = guarded.contents("main")
    with pytest.raises(Stop):
        publishing(A)
    assert guarded.contents("main") == before
    assert "is back at" in prefect_server.artifacts(runs[0])[-1]["data"]

    meddle[0] = True
    with pytest.raises(Stop):
        publishing(B)
    assert {B, "notes.txt"} <= set(guarded.contents("main"))
    shown = prefect_server.artifacts(runs[1])[-1]["data"]
    assert "is not put back" in shown
    assert guarded.main.get_commit().id in shown


def test_a_flow_that_changes_nothing_promotes_nothing(
    lakefs: LakeFSCredentials, gated: GateCredentials, guarded: World
) -> None:
    async def idle(branch: str) -> str:
        return branch

    import asyncio

    before = guarded.main.get_commit().id
    quiet = isolated(idle, repository=guarded.name, lakefs_credentials=lakefs, gate_credentials=gated)
    assert asyncio.run(quiet()).startswith("idle-")
    assert guarded.main.get_commit().id == before
    assert branches(guarded) == []


def test_an_environment_shows_the_doubled_rows_and_goes(
    prefect_server: PrefectServer, lakefs: LakeFSCredentials, world: World
) -> None:
    """Scenario 5: a file is appended twice on a branch to try things on; main is untouched."""
    world.commit(world.main, {"in.csv": GOOD})
    runs: list[str] = []

    @flow(name="trying out")
    def trying(fail: bool) -> str:
        runs.append(flow_run.id)
        with tasks.test_environment(world.name, lakefs) as branch:
            tasks.upload_object(world.name, branch, "in.csv", GOOD + GOOD, lakefs)
            if fail:
                raise Stop
        return branch

    assert trying(False).startswith("env-")
    assert branches(world) == []
    assert world.contents("main") == {"in.csv": GOOD}
    shown = prefect_server.artifacts(runs[0])[-1]
    assert shown["key"] == "lakefs-difference"
    assert "| in.csv | changed | 2 to 4 | 5 to 5 |" in shown["data"]
    with pytest.raises(Stop):
        trying(True)
    (left,) = branches(world)
    assert f"ref={left}" in prefect_server.artifacts(runs[1])[-1]["data"]


def test_what_cannot_work_says_so(
    prefect_server: PrefectServer, lakefs: LakeFSCredentials, gated: GateCredentials, world: World
) -> None:
    """No parameter for the branch, a block that is missing, a step's branch that is taken."""

    def deaf() -> None:
        """Take no branch."""

    def hearing(branch: str) -> None:
        raise AssertionError(branch)

    with pytest.raises(UsageError, match="deaf has no parameter branch"):
        isolated(deaf, repository=world.name, lakefs_credentials=lakefs, gate_credentials=gated)
    unnamed = isolated(hearing, repository=world.name, lakefs_credentials="no-such", gate_credentials=gated)
    with pytest.raises(NotFound, match=r"no LakeFSCredentials block 'no-such'.*prefect block register"):
        unnamed()

    @flow
    def taken() -> None:
        world.repository.branch("main-step").create("main")
        with step_branch(world.name, "main", lakefs, "step"):
            raise AssertionError("not reached")

    with pytest.raises(LakeFSFailed, match=r"there is a branch .* already; take another name"):
        taken()
