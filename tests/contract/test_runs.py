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


def test_actions_run_in_the_order_of_their_files(lakefs: Lakefs) -> None:
    """Whatever their names are; one without hooks takes a number, one for other branches none."""
    files = {
        "b.yaml": action("bees", ["pre-merge"], lua("one", "print(1)"), lua("two", "print(2)")),
        "a.yaml": action("ants", ["pre-merge"], lua("one", "print(1)"), branches=["main"]),
        "c.yaml": action("cats", ["pre-merge"], lua("one", "print(1)"), branches=["dev"]),
        "d.txt": action("dogs", ["pre-merge"], lua("one", "print(1)"), branches=["m*"]),
        "c2.yaml": action("cows", ["pre-merge"], branches=["ma?n"]),
        "Z.yaml": action("zebras", ["pre-merge"], lua("one", "print(1)")),
    }
    repo = lakefs.create_repository(files={"a": "1"})
    repo.create_branch("work")
    repo.commit_files("work", {"new": "new"} | {FOLDER + name: text for name, text in files.items()})
    repo.merge("work")
    [run] = repo.runs()
    found = [(hook["hook_run_id"], hook["action"], hook["hook_id"]) for hook in repo.hook_runs(run["run_id"])]
    assert found == [
        ("0000_0000", "zebras", "one"),
        ("0001_0000", "ants", "one"),
        ("0002_0000", "bees", "one"),
        ("0002_0001", "bees", "two"),
        ("0004_0000", "dogs", "one"),
    ]


def test_first_refusals_of_all_actions_are_told(lakefs: Lakefs) -> None:
    def cleaning(name: str) -> str:
        hooks = [
            lua("refuse", f"require('hook').fail('no {name}')"),
            lua("clean", "print('clean')", condition="failure()"),
            lua("again", "require('hook').fail('again')", condition="failure()"),
        ]
        return action(name, ["pre-merge"], *hooks)

    repo = lakefs.create_repository(files={"a": "1"})
    repo.create_branch("work")
    names = {"ants": "a.yaml", "bees": "b.yaml"}
    repo.commit_files("work", {FOLDER + file: cleaning(name) for name, file in names.items()})
    message = refused(repo.try_merge("work"), 412)
    [run] = repo.runs()
    first, second = (
        f"* hook run id '000{at}_0000' failed on action '{name}' hook 'refuse': action failed: no {name}"
        for at, name in enumerate(names)
    )
    aborted = f"update branch main: pre-merge hook aborted, run id '{run['run_id']}'"
    # lakeFS runs them at once, and tells their refusals as they come.
    both = (f"{first}\n\t{second}", f"{second}\n\t{first}")
    assert message in [f"{aborted}: 2 errors occurred:\n\t{one}\n\n" for one in both]
    statuses = [hook["status"] for hook in repo.hook_runs(run["run_id"])]
    assert statuses == ["failed", "completed", "failed"] * 2


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("success", "hook 'if' expression should evaluate to a boolean"),
        ("1", "hook 'if' expression should evaluate to a boolean"),
        ("always()", ""),
        ("success() &&", "unexpected token"),
        ("true xor false", "unexpected token"),
    ],
)
def test_a_condition_that_is_none_refuses(lakefs: Lakefs, condition: str, reason: str) -> None:
    hooks = [lua("first", "print('ran')", condition=condition), lua("second", "print('ran')")]
    repo = ready_to_merge(lakefs, *hooks)
    message = refused(repo.try_merge("work"), 500)
    assert f"hook run id '0000_0000' failed on action 'gate' hook 'first': {reason}" in message
    [run] = repo.runs()
    assert [hook["status"] for hook in repo.hook_runs(run["run_id"])] == ["failed", "skipped"]


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
