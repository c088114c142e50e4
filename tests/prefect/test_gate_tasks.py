"""The gate's tasks: a refused merge, a passed one, a revert, and their artifacts in Prefect."""

from __future__ import annotations

import pickle

import pytest
from prefect import flow
from prefect.runtime import flow_run

import gate_client.prefect as tasks
from gate_client import GateRefused, GateUnreachable
from gate_client.merging import Merged
from gate_client.prefect import GateCredentials, LakeFSCredentials
from tests.e2e.harness import BAD, GOOD, World, free_port
from tests.prefect.harness import PrefectServer

MISSING = "`_c4` is missing: 5 columns expected, 4 found"
LATEST = "lakefs_test_latest_file.csv"


def test_bad_data_is_refused_and_the_run_shows_why(
    prefect_server: PrefectServer, lakefs: LakeFSCredentials, gated: GateCredentials, guarded: World
) -> None:
    guarded.commit(guarded.repository.branch("work").create("main"), {LATEST: BAD})
    before = guarded.main.get_commit().id
    runs: list[str] = []

    @flow
    def refused() -> None:
        runs.append(flow_run.id)
        tasks.merge_through_gate(guarded.name, "work", lakefs, gated)

    with pytest.raises(GateRefused, match="_c4") as error:
        refused()
    assert any(MISSING in item.message for item in error.value.failed)
    assert pickle.loads(pickle.dumps(error.value)).failed == error.value.failed
    assert guarded.main.get_commit().id == before
    assert guarded.contents("work@")[LATEST] == BAD
    shown = {item["key"]: item for item in prefect_server.artifacts(runs[0])}
    table = shown["lakefs-gate-verdict"]["data"]
    assert table.startswith("## FAIL")
    for part in ("is missing: 5 columns expected", error.value.report, f"ref=work&path={LATEST}"):
        assert part in table, table
    assert f"lakefs://{guarded.name}/work" in shown["lakefs-branch"]["data"]


def test_good_data_is_merged_and_the_commit_links_to_run_and_report(
    prefect_server: PrefectServer, lakefs: LakeFSCredentials, gated: GateCredentials, guarded: World
) -> None:
    guarded.commit(guarded.repository.branch("work").create("main"), {LATEST: GOOD})
    runs: list[str] = []

    @flow(name="passing")
    def passing() -> Merged:
        runs.append(flow_run.id)
        asked = tasks.check(guarded.name, "work", gated)
        judged = tasks.wait_for_check(asked.check, gated)
        assert judged.allowed
        return tasks.merge_through_gate(guarded.name, "work", lakefs, gated, metadata={"owner": "data team"})

    merged = passing()
    head = guarded.main.get_commit()
    assert (merged.state, merged.commit_id) == ("merged", head.id)
    assert merged.check is not None
    assert head.metadata["owner"] == "data team"
    assert head.metadata["prefect_flow"] == "passing"
    assert head.metadata["::lakefs::Gate::url[url:ui]"] == merged.check.report
    assert runs[0] in head.metadata["::lakefs::Prefect::url[url:ui]"]
    (shown,) = prefect_server.artifacts(runs[0])
    assert shown["data"].startswith("## PASS")
    assert f"/commits/{head.id}" in shown["data"]


def test_a_gate_that_is_gone_leaves_main_as_it_was(
    lakefs: LakeFSCredentials, gated: GateCredentials, guarded: World
) -> None:
    guarded.commit(guarded.repository.branch("work").create("main"), {LATEST: GOOD})
    before = guarded.main.get_commit().id
    gone = gated.model_copy(update={"url": f"http://127.0.0.1:{free_port()}"})

    @flow
    def asking() -> None:
        task = tasks.merge_through_gate.with_options(retries=1, retry_delay_seconds=0.1)
        task(guarded.name, "work", lakefs, gone, timeout_s=2)

    with pytest.raises(GateUnreachable, match=f"gate unreachable at {gone.url}"):
        asking()
    assert guarded.main.get_commit().id == before


def test_a_branch_goes_back_in_one_task(
    prefect_server: PrefectServer, lakefs: LakeFSCredentials, gated: GateCredentials, guarded: World
) -> None:
    before = guarded.main.get_commit().id
    guarded.commit(guarded.repository.branch("work").create("main"), {LATEST: GOOD})
    runs: list[str] = []

    @flow
    def there_and_back() -> str:
        runs.append(flow_run.id)
        merged = tasks.merge_through_gate(guarded.name, "work", lakefs, gated)
        done = tasks.revert(
            guarded.name, "main", before, gated, reason="a test", expected_head=merged.commit_id
        )
        assert LATEST not in guarded.contents("main")
        undone = tasks.undo_revert(done.id, gated)
        assert LATEST in guarded.contents("main")
        # The merge itself is what stands there again.
        return tasks.undo_commit(guarded.name, "main", undone.commit_id, gated).commit_id

    assert there_and_back() == guarded.main.get_commit().id
    assert LATEST not in guarded.contents("main")
    assert "lakefs-gate-revert" in [item["key"] for item in prefect_server.artifacts(runs[0])]


@pytest.mark.usefixtures("prefect_server")
def test_what_was_taken_back_comes_again(
    lakefs: LakeFSCredentials, gated: GateCredentials, guarded: World
) -> None:
    before = guarded.main.get_commit().id
    guarded.commit(guarded.repository.branch("work").create("main"), {LATEST: GOOD})

    @flow
    def again() -> Merged:
        tasks.merge_through_gate(guarded.name, "work", lakefs, gated)
        tasks.revert(guarded.name, "main", before, gated)
        made = tasks.reapply(guarded.name, "work", gated)
        return tasks.merge_through_gate(guarded.name, made.branch, lakefs, gated)

    assert again().state == "merged"
    assert LATEST in guarded.contents("main")
