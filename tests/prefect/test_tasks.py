"""The tasks on a real Prefect server and the embedded lakeFS."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect import flow
from pydantic import SecretStr

import gate_client.prefect as tasks
from gate_client.prefect import LakeFSCredentials, LakeFSFailed
from tests.e2e.harness import GOOD, World, free_port
from tests.prefect.harness import PrefectServer, until

pytestmark = pytest.mark.usefixtures("prefect_server")
BUTTON = "::lakefs::Prefect::url[url:ui]"


def test_a_flow_of_all_nouns(  # noqa: PLR0915 - a task each
    prefect_server: PrefectServer, lakefs: LakeFSCredentials, world: World, tmp_path: Path
) -> None:
    """One flow with every task but the gate's, as a user of prefect-lakefs had it."""
    repository = world.name
    local = tmp_path / "b.csv"
    local.write_bytes(GOOD)
    seen: dict[str, str] = {}

    @flow(name="all-nouns")
    def all_nouns() -> None:
        from prefect.runtime import flow_run

        seen["run"] = str(flow_run.id)
        other = f"{repository}-other"
        tasks.create_repository(other, f"local://{other}", lakefs)
        assert tasks.get_repository(other, lakefs).id == other
        assert other in [item.id for item in tasks.list_repositories(lakefs, prefix=repository)]
        tasks.delete_repository(other, lakefs)

        head = tasks.create_branch(repository, "work", lakefs)
        assert head == tasks.get_branch(repository, "work", lakefs).commit_id
        tasks.upload_object(repository, "work", "in/a.csv", GOOD, lakefs, metadata={"by": "test"})
        tasks.upload_object(repository, "work", "in/b.csv", local, lakefs)
        tasks.copy_object(repository, "work", "in/c.csv", "in/a.csv", lakefs)
        assert len(tasks.diff_branch(repository, "work", lakefs, prefix="in/")) == 3
        assert tasks.get_object(repository, "work", "in/b.csv", lakefs) == GOOD
        assert tasks.head_object(repository, "work", "in/a.csv", lakefs) is True
        assert tasks.head_object(repository, "work", "in/x.csv", lakefs) is False
        stat = tasks.stat_object(repository, "work", "in/a.csv", lakefs)
        assert (stat.size_bytes, stat.metadata) == (len(GOOD), {"by": "test"})
        tasks.get_underlying_properties(repository, "work", "in/a.csv", lakefs)
        tasks.stage_object(
            repository, "work", "in/d.csv", stat.physical_address, stat.checksum, stat.size_bytes, lakefs
        )
        tasks.delete_object(repository, "work", "in/d.csv", lakefs)
        assert tasks.delete_objects(repository, "work", ["in/c.csv"], lakefs).errors == []
        paths = [item.path for item in tasks.list_objects(repository, "work", lakefs, prefix="in/")]
        assert paths == ["in/a.csv", "in/b.csv"]

        made = tasks.commit(repository, "work", "two files", lakefs, metadata={"owner": "data team"})
        assert made.metadata["owner"] == "data team"
        tasks.upload_object(repository, "work", "in/e.csv", GOOD, lakefs)
        tasks.reset_branch(repository, "work", lakefs, "in/e.csv", "object")
        assert tasks.diff_branch(repository, "work", lakefs) == []

        assert len(tasks.diff_refs(repository, "main", "work", lakefs)) == 2
        assert tasks.find_merge_base(repository, "work", "main", lakefs).base_commit_id == head
        merged = tasks.merge_into_branch(repository, "work", "main", lakefs)
        assert tasks.get_commit(repository, "main", lakefs).id == merged.id
        reverted = tasks.revert_branch(repository, "main", merged.id, lakefs)
        assert reverted.parents == [merged.id]
        tasks.create_branch(repository, "pick", lakefs, source=head)
        picked = tasks.cherry_pick(repository, "pick", made.id, lakefs)
        log = tasks.log_commits(repository, "pick", lakefs)
        assert [item.id for item in log] == [picked.id, head]
        assert tasks.log_branch_commits(repository, "main", lakefs, limit=1)[0].id == reverted.id

        tasks.create_tag(repository, "v1", "main", lakefs)
        assert tasks.get_tag(repository, "v1", lakefs).commit_id == reverted.id
        assert [item.id for item in tasks.list_tags(repository, lakefs)] == ["v1"]
        tasks.delete_tag(repository, "v1", lakefs)
        assert tasks.list_action_runs(repository, lakefs) == []
        tasks.delete_branch(repository, "work", lakefs)
        assert [item.id for item in tasks.list_branches(repository, lakefs)] == ["main", "pick"]
        for commit in (made, merged, reverted, picked):
            assert commit.metadata["prefect_flow"] == "all-nouns"
            assert commit.metadata["prefect_flow_run_id"] == seen["run"]
            assert seen["run"] in commit.metadata[BUTTON]

    all_nouns()
    page = f"{lakefs.endpoint}/repositories/{repository}/objects?ref=work"
    until(lambda: page in prefect_server.logs(seen["run"]))


def test_a_task_that_lost_its_answer_does_nothing_twice(
    lakefs: LakeFSCredentials, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call reaches lakeFS, its answer is lost: the second try finds what the first did."""
    from gate_client.prefect import retrying
    from gate_client.prefect.calls import _Api

    lost: set[str] = set()
    real = _Api.__getattr__

    def losing(api: _Api, name: str) -> object:
        call = real(api, name)

        def once(*arguments: object, **more: object) -> object:
            answer = call(*arguments, **more)
            if name in ("commit", "merge_into_branch", "create_branch", "create_tag") and name not in lost:
                lost.add(name)
                raise LakeFSFailed("the answer was lost")
            return answer

        return once

    monkeypatch.setattr(_Api, "__getattr__", losing)
    fast = {"retry_delay_seconds": 0.01}
    assert retrying.RETRIES

    @flow
    def lossy() -> None:
        tasks.create_branch.with_options(**fast)(world.name, "work", lakefs)
        tasks.upload_object(world.name, "work", "a.csv", GOOD, lakefs)
        tasks.commit.with_options(**fast)(world.name, "work", "once", lakefs)
        tasks.merge_into_branch.with_options(**fast)(world.name, "work", "main", lakefs)
        tasks.create_tag.with_options(**fast)(world.name, "v1", "main", lakefs)

    lossy()
    assert lost == {"commit", "merge_into_branch", "create_branch", "create_tag"}
    assert [item.message for item in world.main.log()][:2] == ["Merge 'work' into 'main'", "once"]
    assert len(list(world.main.log())) == 3


def test_what_cannot_go_better_is_not_tried_again(lakefs: LakeFSCredentials, world: World) -> None:
    """A name that is taken, a branch that is missing, wrong keys: one try, and a word on what to do."""
    wrong = lakefs.model_copy(update={"secret_access_key": SecretStr("wrong")})

    @flow
    def taken() -> None:
        tasks.create_branch(world.name, "main", lakefs, source="main")

    @flow
    def missing() -> None:
        tasks.commit(world.name, "nowhere", "a message", lakefs)

    @flow
    def locked_out() -> None:
        tasks.list_branches(world.name, wrong)

    for attempt, status, words in (
        (taken, 409, "take another name"),
        (missing, 404, "answered 404"),
        (locked_out, 401, "check access_key_id and secret_access_key"),
    ):
        with pytest.raises(LakeFSFailed, match=words) as failed:
            attempt()
        assert failed.value.status == status
        assert failed.value.__cause__ is not None


def test_a_lakefs_that_is_gone_is_said_so(lakefs: LakeFSCredentials) -> None:
    gone = lakefs.model_copy(update={"endpoint_url": f"http://127.0.0.1:{free_port()}"})

    @flow
    def asking() -> None:
        tasks.list_branches.with_options(retry_delay_seconds=0.01)("a-repository", gone)

    with pytest.raises(LakeFSFailed, match=r"does not answer at .*check endpoint_url"):
        asking()


def test_the_same_commit_task_twice_is_two_commits(lakefs: LakeFSCredentials, world: World) -> None:
    """Prefect's cache by inputs would answer the second with the first."""

    @flow(persist_result=True)
    def twice() -> None:
        tasks.commit(world.name, "main", "the same", lakefs, allow_empty=True)
        tasks.commit(world.name, "main", "the same", lakefs, allow_empty=True)

    twice()
    assert [item.message for item in world.main.log()][:2] == ["the same", "the same"]
