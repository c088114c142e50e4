"""Records of runs: what ran, in which order, with which output."""

import pytest

from tests.contract.action_files import FOLDER, action, lua, ready_to_merge, webhook
from tests.contract.harness import Lakefs, Repository, refused
from tests.contract.webhooks import Receiver


@pytest.mark.behaviour("H9")
def test_a_run_and_its_output(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint(body=b'{"verdict": "PASS"}')
    repo = ready_to_merge(lakefs, webhook("ask_gate", endpoint.url))
    merge = repo.merge("work")
    [run] = repo.runs()
    assert (run["event_type"], run["branch"], run["commit_id"], run["status"]) == (
        "pre-merge",
        "main",
        merge,
        "completed",
    )
    assert run["start_time"] <= run["end_time"]
    found = repo.request("GET", "actions", "runs", run["run_id"])
    assert found.json() == run
    [hook] = repo.hook_runs(run["run_id"])
    assert (hook["hook_run_id"], hook["action"], hook["hook_id"], hook["status"]) == (
        "0000_0000",
        "gate",
        "ask_gate",
        "completed",
    )
    output = repo.output(run["run_id"], "0000_0000")
    assert f"POST {endpoint.url}" in output
    assert f'"commit_id":"{merge}"' in output
    assert '{"verdict": "PASS"}' in output
    assert "200 OK" in output


def test_hooks_run_in_order_until_one_fails_or_as_their_conditions_say(lakefs: Lakefs) -> None:
    hooks = [
        lua("first", "print('first')"),
        lua("second", "require('hook').fail('no')"),
        lua("third", "print('never')"),
        lua("on_failure", "print('cleaning up')", condition="failure()"),
        lua("on_success", "print('never')", condition="success()"),
    ]
    repo = ready_to_merge(lakefs, *hooks)
    message = refused(repo.try_merge("work"), 412)
    assert "hook 'second': action failed: no" in message
    [run] = repo.runs()
    assert run["status"] == "failed"
    found = [(hook["hook_run_id"], hook["hook_id"], hook["status"]) for hook in repo.hook_runs(run["run_id"])]
    assert found == [
        ("0000_0000", "first", "completed"),
        ("0000_0001", "second", "failed"),
        ("0000_0002", "third", "skipped"),
        ("0000_0003", "on_failure", "completed"),
        ("0000_0004", "on_success", "skipped"),
    ]
    assert repo.output(run["run_id"], "0000_0000") == "first\n"
    assert repo.output(run["run_id"], "0000_0001") == "Error: action failed: no\n"
    assert repo.output(run["run_id"], "0000_0003") == "cleaning up\n"


def test_every_action_runs_though_another_refused(lakefs: Lakefs) -> None:
    other = action("another", ["pre-merge"], lua("fine", "print('fine')"))
    repo = ready_to_merge(
        lakefs, lua("bad", "require('hook').fail('no')"), files={FOLDER + "zz-another.yaml": other}
    )
    refused(repo.try_merge("work"), 412)
    [run] = repo.runs()
    assert [hook["status"] for hook in repo.hook_runs(run["run_id"])] == ["failed", "completed"]


@pytest.fixture(scope="module")
def merged_often(lakefs: Lakefs) -> tuple[Repository, list[str]]:
    """Return a repository with three runs on main and one on other, and main's merge commits."""
    repo = ready_to_merge(lakefs, lua("ask_lua", "print(1)"))
    repo.create_branch("other")
    merges = [repo.merge("work")]
    for number in range(2):
        repo.commit_files("work", {"more": str(number)})
        merges.append(repo.merge("work"))
    repo.merge("work", "other")
    return repo, merges


@pytest.mark.parametrize("amount", [1, 3, 1000])
def test_pages_of_runs(merged_often: tuple[Repository, list[str]], amount: int) -> None:
    repo, merges = merged_often
    runs = repo.runs(amount=amount)
    assert len({run["run_id"] for run in runs}) == 4
    assert {run["commit_id"] for run in runs} > set(merges)


def test_runs_of_a_branch_or_commit(merged_often: tuple[Repository, list[str]]) -> None:
    repo, merges = merged_often
    assert {run["commit_id"] for run in repo.runs(branch="main")} == set(merges)
    assert [run["branch"] for run in repo.runs(branch="other")] == ["other"]
    assert [run["commit_id"] for run in repo.runs(commit=merges[1])] == [merges[1]]
    both = repo.request("GET", "actions", "runs", params={"branch": "main", "commit": merges[0]})
    assert refused(both, 400)


def test_runs_that_are_not_there(merged_often: tuple[Repository, list[str]]) -> None:
    repo, _ = merged_often
    assert refused(repo.request("GET", "actions", "runs", "nope"), 404)
    run_id = repo.runs()[0]["run_id"]
    assert refused(repo.request("GET", "actions", "runs", run_id, "hooks", "nope", "output"), 404)


def test_an_event_that_no_action_matches_leaves_no_run(lakefs: Lakefs) -> None:
    repo = ready_to_merge(lakefs, lua("ask_lua", "print(1)"))
    assert repo.runs() == []
