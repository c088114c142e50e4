"""Which events an operation fires, when, and what they carry."""

import pytest

from tests.contract.action_files import FOLDER, action, lua, refusal, webhook
from tests.contract.harness import Json, Lakefs, Repository, eventually, refused, success
from tests.contract.webhooks import Endpoint, Received, Receiver

EVENTS = [
    *("prepare-commit", "pre-commit", "post-commit", "pre-merge", "post-merge"),
    *("pre-revert", "post-revert", "pre-cherry-pick", "post-cherry-pick"),
    *("pre-create-branch", "post-create-branch", "pre-delete-branch", "post-delete-branch"),
    *("pre-create-tag", "post-create-tag", "pre-delete-tag", "post-delete-tag"),
]


def watched(lakefs: Lakefs, endpoint: Endpoint, events: list[str], **files: str) -> Repository:
    """Make a repository with an action from its first commit on, so that no cache is in the way."""
    watching = action("watch", events, webhook("watch", endpoint.url))
    return lakefs.create_repository(files={FOLDER + "watch.yaml": watching, "a": "1"} | files)


def one(endpoint: Endpoint, event_type: str) -> Json:
    """Wait for the event (a post hook comes after the answer), and forget all."""
    [event] = eventually(lambda: endpoint.of_type(event_type))
    assert isinstance(event, dict)
    return event


@pytest.mark.behaviour("H5")
def test_events_of_a_commit(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    repo = watched(lakefs, endpoint, EVENTS)
    eventually(lambda: endpoint.of_type("post-commit"))
    endpoint.received.clear()
    commit = repo.commit_files("main", {"b": "1"}, "the message", metadata={"k": "v"})
    after = one(endpoint, "post-commit")
    assert [event["event_type"] for event in endpoint.events] == [
        "prepare-commit",
        "pre-commit",
        "post-commit",
    ]
    for event in endpoint.events[:2]:
        assert event["source_ref"] == event["branch_id"] == "main"
        assert "commit_id" not in event
        assert (event["commit_message"], event["commit_metadata"]) == ("the message", {"k": "v"})
    assert after["commit_id"] == after["source_ref"] == commit["id"]


@pytest.mark.behaviour("H5", "C4")
def test_what_is_staged_can_change_during_pre_commit(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    repo = watched(lakefs, endpoint, ["pre-commit"])
    seen: list[bytes] = []

    def swap(_: Received) -> None:
        repo.upload("main", "data", "good")
        seen.append(repo.read("main", "data"))

    endpoint.during = swap
    repo.upload("main", "data", "bad")
    commit = repo.commit("main")
    assert seen == [b"good"]
    assert repo.read(commit["id"], "data") == b"bad"


@pytest.mark.behaviour("H5", "R2")
def test_a_commit_of_a_metarange_shows_the_hook_old_data(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    repo = watched(lakefs, endpoint, ["pre-commit"])
    bad = repo.commit_files("main", {"data": "bad"})
    repo.commit_files("main", {"data": "good"})
    seen: list[object] = []
    endpoint.during = lambda _: seen.extend([repo.read("main", "data"), repo.uncommitted("main")])
    repo.commit("main", params={"source_metarange": bad["meta_range_id"]})
    assert seen == [b"good", []]
    assert repo.read("main", "data") == b"bad"


@pytest.mark.behaviour("H6", "H8")
def test_events_of_a_revert(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    repo = watched(lakefs, endpoint, EVENTS)
    repo.commit_files("main", {"b": "1"})
    eventually(lambda: len(endpoint.of_type("post-commit")) == 2)
    endpoint.received.clear()
    commit = repo.revert("main", "main", commit_overrides={"message": "other", "metadata": {"k": "v"}})
    after = one(endpoint, "post-revert")
    before, _ = endpoint.events
    assert (before["event_type"], before["source_ref"], before["branch_id"]) == ("pre-revert", "main", "main")
    assert (before["commit_message"], before["commit_metadata"]) == ("other", {"k": "v"})
    assert "commit_id" not in before
    assert after["commit_id"] == after["source_ref"] == commit["id"]


@pytest.mark.behaviour("H7")
def test_events_of_a_cherry_pick(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    repo = watched(lakefs, endpoint, [event for event in EVENTS if "branch" not in event])
    repo.create_branch("work")
    repo.commit_files("work", {"b": "1"})
    eventually(lambda: len(endpoint.of_type("post-commit")) == 2)
    endpoint.received.clear()
    success(repo.request("POST", "branches", "main", "cherry-pick", json={"ref": "work"}))
    after = one(endpoint, "post-cherry-pick")
    assert [event["event_type"] for event in endpoint.events] == ["pre-cherry-pick", "post-cherry-pick"]
    assert endpoint.events[0]["commit_metadata"]["cherry-pick-origin"] == repo.head("work")
    assert after["commit_id"] == repo.head()


@pytest.mark.behaviour("H7")
def test_a_hook_can_refuse_a_cherry_pick(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint(status=412)
    repo = watched(lakefs, endpoint, ["pre-cherry-pick"])
    repo.create_branch("work")
    repo.commit_files("work", {"b": "1"})
    before = repo.head()
    response = repo.request("POST", "branches", "main", "cherry-pick", json={"ref": "work"})
    assert refused(response, 412).startswith("update branch: pre-cherry-pick hook aborted, run id '")
    assert repo.head() == before


@pytest.mark.behaviour("H7", "R7")
def test_events_of_branches(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    repo = watched(lakefs, endpoint, [event for event in EVENTS if "branch" in event])
    head = repo.create_branch("back", hidden=True)
    eventually(lambda: endpoint.of_type("post-create-branch"))
    created = endpoint.of_type("pre-create-branch")[0]
    assert (created["branch_id"], created["source_ref"], created["commit_id"]) == ("back", "main", head)
    repo.delete_branch("back")
    eventually(lambda: endpoint.of_type("post-delete-branch"))
    deleted = endpoint.of_type("pre-delete-branch")[0]
    assert (deleted["branch_id"], deleted["source_ref"]) == ("back", head)
    assert "commit_id" not in deleted


@pytest.mark.behaviour("R7")
def test_a_refused_deletion_leaves_the_branch(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint(status=412)
    repo = watched(lakefs, endpoint, ["pre-delete-branch"])
    repo.create_branch("back")
    assert refused(repo.request("DELETE", "branches", "back"), 412)
    assert repo.head("back") == repo.head()


@pytest.mark.behaviour("R7")
def test_a_refused_creation_makes_no_branch(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint(status=412)
    repo = watched(lakefs, endpoint, ["pre-create-branch"])
    assert refused(repo.request("POST", "branches", json={"name": "back", "source": "main"}), 412)
    assert refused(repo.request("GET", "branches", "back"), 404)


@pytest.mark.behaviour("R7")
def test_merging_main_into_a_branch_runs_mains_hooks_for_it(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    repo = watched(lakefs, endpoint, ["pre-merge"])
    repo.create_branch("back", "main")
    repo.commit_files("main", {"b": "1"})
    repo.merge("main", "back")
    assert endpoint.events[0]["branch_id"] == "back"


def test_events_of_tags(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    repo = watched(lakefs, endpoint, [event for event in EVENTS if "tag" in event])
    success(repo.request("POST", "tags", json={"id": "v1", "ref": "main"}))
    success(repo.request("DELETE", "tags", "v1"))
    eventually(lambda: len(endpoint.events) == 4)
    for event in endpoint.events:
        assert (event["tag_id"], event["commit_id"], event["source_ref"]) == ("v1", repo.head(), repo.head())
        assert "branch_id" not in event


@pytest.mark.behaviour("H7")
def test_hard_reset_fires_nothing(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint(status=500)
    repo = watched(lakefs, endpoint, [event for event in EVENTS if "commit" not in event])
    repo.commit_files("main", {"b": "1"})
    success(repo.request("PUT", "branches", "main", "hard_reset", params={"ref": "main~1"}))
    assert endpoint.events == []


@pytest.mark.behaviour("H7")
def test_a_forced_merge_into_a_read_only_repository_asks_nobody(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint(status=500)
    repo = lakefs.create_repository(read_only=True)
    assert refused(repo.try_upload("main", "a", "1"), 403) == "read-only repository"
    success(repo.request("POST", "branches", json={"name": "work", "source": "main", "force": True}))
    gate = action("gate", ["pre-merge"], webhook("ask_gate", endpoint.url))
    repo.upload("work", FOLDER + "gate.yaml", gate, params={"force": True})
    repo.commit("work", force=True)
    assert refused(repo.try_merge("work"), 403) == "read-only repository"
    repo.merge("work", force=True)
    assert endpoint.received == []


@pytest.mark.behaviour("H8")
def test_post_merge_comes_after_and_cannot_refuse(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint(status=500)
    gate = action("after", ["post-merge"], webhook("after", endpoint.url))
    repo = lakefs.create_repository(files={FOLDER + "after.yaml": gate})
    repo.create_branch("work")
    repo.commit_files("work", {"b": "1"})
    merge = repo.merge("work")
    event = one(endpoint, "post-merge")
    assert event["commit_id"] == event["source_ref"] == merge == repo.head()
    assert event["merge_source"] == "work"
    run = eventually(lambda: [run for run in repo.runs() if run["event_type"] == "post-merge"])[0]
    assert run["status"] == "failed"
    assert repo.head() == merge


@pytest.mark.behaviour("H1", "H8")
def test_post_merge_is_read_from_the_result(lakefs: Lakefs, webhooks: Receiver) -> None:
    """So it tells of a merge whose source never had the action, and not of one that drops it."""
    before, after = webhooks.endpoint(status=412), webhooks.endpoint()
    repo = lakefs.create_repository(files={"a": "1"})
    repo.create_branch("older")
    hooks = {
        FOLDER + "before.yaml": action("before", ["pre-merge"], webhook("before", before.url)),
        FOLDER + "after.yaml": action("after", ["post-merge"], webhook("after", after.url)),
    }
    stays = action("stays", ["post-merge"], lua("stays", "print('x')"))
    repo.commit_files("main", hooks | {FOLDER + "stays.yaml": stays})
    repo.create_branch("sly")
    repo.commit_files("older", {"b": "1"})
    merge = repo.merge("older")
    assert one(after, "post-merge")["commit_id"] == merge
    for path in hooks:
        repo.delete("sly", path)
    repo.commit("sly")
    repo.merge("sly")
    eventually(lambda: [run["status"] for run in repo.runs()] == ["completed", "completed"])
    assert before.received == []
    assert len(after.received) == 1


@pytest.mark.parametrize("what", ["commit", "merge", "revert", "cherry-pick", "branch", "tag"])
@pytest.mark.behaviour("H8")
def test_a_post_hook_knows_the_run_before(lakefs: Lakefs, what: str) -> None:
    """It has an id even where nothing ran."""
    event = {"branch": "post-create-branch", "tag": "post-create-tag"}.get(what, f"post-{what}")
    script = "print(action.event_type, #action.pre_run_id, action.pre_run_id == action.run_id)"
    files = {FOLDER + "after.yaml": action("after", [event], lua("after", script)), "a": "1"}
    repo = lakefs.create_repository(files=files)
    repo.create_branch("work")
    repo.commit_files("work", {"b": "1"})
    if what == "merge":
        repo.merge("work")
    elif what == "revert":
        repo.revert("work", "work")
    elif what == "cherry-pick":
        success(repo.request("POST", "branches", "main", "cherry-pick", json={"ref": "work"}))
    elif what == "tag":
        success(repo.request("POST", "tags", json={"id": "v1", "ref": "main"}))
    run = eventually(repo.runs)[0]
    output = repo.output(run["run_id"], "0000_0000")
    assert output == f"{event}\t20\tfalse\n"


@pytest.mark.parametrize("event", ["prepare-commit", "pre-commit", "pre-revert"])
def test_what_is_refused_on_a_branch_is_not_done(lakefs: Lakefs, event: str) -> None:
    refusing = action("refuse", [event], lua("refuse", "require('hook').fail('no')"), branches=["fresh"])
    repo = lakefs.create_repository(files={"a": "1", FOLDER + "refuse.yaml": refusing})
    repo.create_branch("fresh")
    before = repo.head("fresh")
    if event == "pre-revert":
        response = repo.try_revert("fresh", "fresh")
    else:
        repo.upload("fresh", "b", "1")
        response = repo.try_commit("fresh")
    message = refused(response, 412)
    [run] = repo.runs()
    assert message.endswith(refusal(event, "refuse", "no", action_name="refuse", run_id=run["run_id"]))
    assert (run["event_type"], run["branch"], run["status"]) == (event, "fresh", "failed")
    assert repo.head("fresh") == before


@pytest.mark.parametrize("event", ["pre-create-tag", "pre-delete-tag"])
def test_a_refused_tag_stays_as_it_is(lakefs: Lakefs, event: str) -> None:
    refusing = action("refuse", [event], lua("refuse", "require('hook').fail('no')"))
    repo = lakefs.create_repository(files={"a": "1", FOLDER + "refuse.yaml": refusing})
    response = repo.request("POST", "tags", json={"id": "v1", "ref": "main"})
    if event == "pre-delete-tag":
        success(response)
        response = repo.request("DELETE", "tags", "v1")
    message = refused(response, 412)
    [run] = repo.runs()
    assert message == refusal(event, "refuse", "no", action_name="refuse", run_id=run["run_id"])
    assert (run["branch"], run["commit_id"]) == ("", repo.head())
    assert repo.request("GET", "tags", "v1").is_success == (event == "pre-delete-tag")
