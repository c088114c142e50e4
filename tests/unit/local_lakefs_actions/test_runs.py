"""The order of hooks, their conditions, and what is told of runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from local_lakefs.actions import HooksFailed, InvalidAction, ParametersConflict, RunNotFound
from local_lakefs.actions.condition import ConditionError, should_run
from local_lakefs.actions.runs import new_run_id
from tests.unit.local_lakefs_actions.harness import EVENT, Hooks, lua_action

FAIL = "require('hook').fail('no')"


def chain(*steps: tuple[str, str]) -> str:
    """An action of Lua hooks h0, h1, ..., each with a condition and a script."""
    text = "name: chain\non: {pre-merge: }\nhooks:\n"
    for index, (condition, script) in enumerate(steps):
        text += f'- {{id: h{index}, type: lua, if: "{condition}", properties: {{script: "{script}"}}}}\n'
    return text


def statuses(hooks: Hooks, run_id: str) -> list[str]:
    return [hook["status"] for hook in hooks.service.hook_runs("demo", run_id)["results"]]


# The values were taken from lakeFS's expression evaluator.
@pytest.mark.parametrize(
    ("condition", "without_failure", "after_failure"),
    [
        ("", True, False),
        ("success()", True, False),
        ("failure()", False, True),
        ("true", True, True),
        ("false", False, False),
        ("success() || failure()", True, True),
        ("not success() and failure()", False, True),
        ("!success() == false", True, False),
        ("!(success() and true) != false", False, True),
        ("false && success() or true", True, True),
    ],
)
def test_condition(condition: str, without_failure: bool, after_failure: bool) -> None:
    assert should_run(condition, failed=False) is without_failure
    assert should_run(condition, failed=True) is after_failure


@pytest.mark.parametrize("condition", ["success", "1", " nil ", "'true'", "1.5", "TRUE"])
def test_a_condition_is_true_or_false(condition: str) -> None:
    with pytest.raises(ConditionError, match="hook 'if' expression should evaluate to a boolean"):
        should_run(condition, failed=False)


@pytest.mark.parametrize(
    "condition", ["always()", "success() &", "(true", "1 1", " ", "true true", "==", "not"]
)
def test_what_is_no_condition(condition: str) -> None:
    with pytest.raises(ConditionError, match="unexpected token"):
        should_run(condition, failed=False)


def test_a_condition_that_is_none_fails_the_operation(hooks: Hooks) -> None:
    with pytest.raises(InvalidAction, match="hook 'h0': unexpected token"):
        hooks.run(chain(("always()", "print(1)")))


def test_after_a_failure_only_those_run_that_ask_for_it(hooks: Hooks) -> None:
    with pytest.raises(HooksFailed) as caught:
        hooks.run(
            chain(
                ("", "print(1)"),
                ("failure()", "print(2)"),
                ("", FAIL),
                ("", "print(4)"),
                ("failure()", "print(5)"),
                ("true", "error('also')"),
            )
        )
    run_id = caught.value.run_id
    assert statuses(hooks, run_id) == ["completed", "skipped", "failed", "skipped", "completed", "failed"]
    assert hooks.output(run_id, "0000_0003") == ""
    assert hooks.output(run_id, "0000_0004") == "5\n"
    assert str(caught.value) == (
        "1 error occurred:\n\t* hook run id '0000_0002' failed on action 'chain' hook 'h2':"
        " action failed: no\n\n"
    )


def test_a_failure_in_one_action_does_not_stop_another(hooks: Hooks) -> None:
    with pytest.raises(HooksFailed) as caught:
        hooks.run(
            lua_action(FAIL).replace("lua action", "one"),
            lua_action("print('ran')").replace("lua action", "two"),
            lua_action(FAIL).replace("lua action", "three"),
        )
    assert statuses(hooks, caught.value.run_id) == ["failed", "completed", "failed"]
    assert "2 errors occurred:\n\t* hook run id '0000_0000'" in str(caught.value)
    assert "\n\t* hook run id '0002_0000' failed on action 'three' hook 'the_hook': " in str(caught.value)


def test_what_is_told_of_a_run(hooks: Hooks) -> None:
    run_id = hooks.run(lua_action("print('x')"))
    assert run_id is not None
    run = hooks.service.get_run("demo", run_id)
    assert run["start_time"] <= run["end_time"]
    assert {name: run[name] for name in run if not name.endswith("_time")} == {
        "run_id": run_id,
        "branch": "main",
        "event_type": "pre-merge",
        "status": "completed",
        "commit_id": EVENT.commit_id,
    }
    listed = hooks.service.hook_runs("demo", run_id)
    assert listed["pagination"] == {"has_more": False, "next_offset": "", "results": 1, "max_per_page": 1000}
    [hook] = listed["results"]
    assert {name: hook[name] for name in hook if not name.endswith("_time")} == {
        "hook_run_id": "0000_0000",
        "action": "lua action",
        "hook_id": "the_hook",
        "status": "completed",
    }


def test_a_hook_that_was_passed_over_has_no_times(hooks: Hooks) -> None:
    run_id = hooks.run(chain(("failure()", "print(1)")))
    assert run_id is not None
    [hook] = hooks.service.hook_runs("demo", run_id)["results"]
    assert (hook["status"], hook["start_time"]) == ("skipped", "0001-01-01T00:00:00Z")
    assert "end_time" not in hook
    assert hooks.service.get_run("demo", run_id)["status"] == "completed"


def test_runs_by_page_branch_and_commit(hooks: Hooks) -> None:
    made = []
    for branch, commit in [("main", "c1"), ("dev", "c2"), ("main", "c3")]:
        made.append(
            hooks.run(lua_action("print(1)"), event=replace(EVENT, branch_id=branch, commit_id=commit))
        )
    first = hooks.service.runs("demo", amount=2)
    rest = hooks.service.runs("demo", amount=2, after=first["pagination"]["next_offset"])
    assert first["pagination"]["has_more"]
    assert not rest["pagination"]["has_more"]
    assert {run["run_id"] for run in first["results"] + rest["results"]} == set(made)
    assert {run["run_id"] for run in hooks.service.runs("demo", branch="main")["results"]} == {
        made[0],
        made[2],
    }
    assert [run["run_id"] for run in hooks.service.runs("demo", commit="c2")["results"]] == [made[1]]
    assert hooks.service.runs("another")["results"] == []
    with pytest.raises(ParametersConflict):
        hooks.service.runs("demo", branch="main", commit="c1")


def test_unknown_run(hooks: Hooks) -> None:
    with pytest.raises(RunNotFound):
        hooks.service.get_run("demo", "nope")
    with pytest.raises(RunNotFound):
        hooks.service.output("demo", "nope", "0000_0000")
    assert hooks.service.hook_runs("demo", "nope")["results"] == []


def test_records_outlive_the_service(make_hooks: Callable[[], Hooks]) -> None:
    run_id = make_hooks().run(lua_action("print('kept')"))
    assert make_hooks().output(run_id) == "kept\n"


def test_post_hooks_run_later_and_complete_the_run_before(hooks: Hooks) -> None:
    pre = hooks.run(
        lua_action("print(1)").replace("pre-merge", "pre-commit"),
        event=replace(EVENT, event_type="pre-commit", commit_id=""),
    )
    assert pre is not None
    go_on = threading.Event()
    listed = threading.Event()

    def list_actions() -> list[tuple[str, bytes]]:
        go_on.wait()
        listed.set()
        return [("a", lua_action("print(action.pre_run_id)").replace("pre-merge", "post-commit").encode())]

    after = replace(EVENT, event_type="post-commit", pre_run_id=pre)
    hooks.service.run_later(after, list_actions, lambda path: hooks.objects[path])
    assert hooks.service.get_run("demo", pre)["commit_id"] == EVENT.commit_id
    assert len(hooks.service.runs("demo")["results"]) == 1  # run_later did not wait
    go_on.set()
    assert listed.wait(30)
    posts: list[str] = []
    while not posts:
        runs = hooks.service.runs("demo")["results"]
        posts = [run["run_id"] for run in runs if run["event_type"] == "post-commit"]
    assert hooks.output(posts[0]) == f"{pre}\n"


def test_run_ids_are_unlike_and_newer_ones_sort_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
    older = [new_run_id() for _ in range(1000)]
    monkeypatch.setattr("time.time", lambda: 1_700_000_001.0)
    newer = new_run_id()
    assert len(set(older)) == 1000
    assert newer < min(older)
    assert {len(run_id) for run_id in older} == {20}
