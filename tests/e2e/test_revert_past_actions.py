"""A branch whose action files lakeFS cannot read goes back all the same (H2)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gate_server.errors import Conflict
from gate_server.reverts import RevertContext, apply_revert, plan_revert
from tests.contract.action_files import action, lua
from tests.contract.harness import Lakefs, Repository, refused
from tests.contract.webhooks import Receiver, receiver
from tests.e2e.reverting import change, context_of, entries, revert, temporary_branches

ACTIONS = "_lakefs_actions/"
ASKING = """\
name: ask the gate
on:
  pre-merge:
    branches: [main]
hooks:
  - id: ask_gate
    type: webhook
    properties:
      url: {url}
"""


@pytest.fixture(scope="module")
def webhooks() -> Iterator[Receiver]:
    """Give a receiver of webhooks."""
    with receiver() as running:
        yield running


def spoil(repo: Repository, files: dict[str, str]) -> str:
    """Bring a second action of one name to main by a merge, each side of which is sound, and bad data."""
    same = action("same name", ["post-merge"], lua("hook", "return"))
    repo.create_branch("spoilt")
    repo.commit_files("spoilt", {f"{ACTIONS}x.yaml": same, **files})
    repo.commit_files("main", {f"{ACTIONS}y.yaml": same})
    head = repo.merge("spoilt")
    # lakeFS may not heed it for some seconds (H1); a ref that it has not seen is read anew.
    assert "already loaded" in refused(
        repo.request("POST", "branches", json={"name": "b", "source": head}), 500
    )
    return head


def test_back_past_actions_that_cannot_be_read(
    context: RevertContext, repo: Repository, webhooks: Receiver
) -> None:
    endpoint = webhooks.endpoint()
    good = repo.commit_files("main", {f"{ACTIONS}gate.yaml": ASKING.format(url=endpoint.url)})["id"]
    before = entries(repo, "main")
    head = spoil(repo, {"a": "bad", "new": "bad"})
    own: list[bool] = []

    def look(event: dict[str, str]) -> bool:
        merge = repo.get_commit(event["commit_id"])
        return context.store.reverts.is_own_merge(repo.name, event["branch_id"], *merge["parents"])

    endpoint.events.clear()
    endpoint.during = lambda received: own.append(look(received.event))
    done = revert(context, repo, good)
    assert done.state == "verified", done
    assert "lakeFS could not read the action files of main" in done.notes[-1]
    assert entries(repo, "main") == before
    made = repo.get_commit("main")
    assert (made["id"], made["parents"][0], made["metadata"]["gate.revert"]) == (
        done.commit_id,
        head,
        done.id,
    )
    assert own == [True], "the gate's own hook has to let it in without a worker"
    assert temporary_branches(repo) == []
    repo.commit_files("main", {"later": "works again"})
    # As any other revert, it can be undone: but that would bring the files back which nobody could read.
    assert plan_revert(context, repo.name, "main", undo=done.id).way == "commit"


def test_kept_paths_stay_past_such_actions(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    spoil(repo, {"a": "bad", "dir/b": "kept"})
    assert revert(context, repo, good, keep=["dir/**"]).state == "verified"
    assert repo.contents("main") == {"a": b"good", "dir/b": b"kept"}


def test_the_actions_alone_are_mended_by_their_path(context: RevertContext, repo: Repository) -> None:
    good = repo.head()
    bad = spoil(repo, {"a": "newer", "dir/b": "newer"})
    with pytest.raises(Conflict, match="no single commit can be undone") as told:
        apply_revert(context, plan_revert(context, repo.name, "main", commit=bad))
    assert f"--path {ACTIONS}" in told.value.hint
    assert repo.head() == bad
    assert revert(context, repo, good, paths=[ACTIONS, "dir"]).state == "verified"
    assert repo.contents("main") == {"a": b"newer", "dir/b": b"good"}
    assert temporary_branches(repo) == []


def test_a_target_whose_actions_cannot_be_read_either_is_refused(
    context: RevertContext, repo: Repository
) -> None:
    spoilt = spoil(repo, {"a": "bad"})
    repo.create_branch("more", repo.log("main", first_parent=True)[1]["id"])
    repo.commit_files("more", {"c": "more"})
    head = repo.merge("more")
    with pytest.raises(Exception, match="already loaded"):
        revert(context, repo, spoilt)
    assert repo.head() == head
    assert temporary_branches(repo) == []
    assert context.store.reverts.unfinished() == []


def test_a_main_that_moves_at_the_last_moment_is_told(
    lakefs: Lakefs, context: RevertContext, repo: Repository
) -> None:
    good = repo.head()
    spoil(repo, {"a": "bad"})
    repo.create_branch("good-news", good)
    repo.commit_files("good-news", {"c": "good news"})
    plan = plan_revert(context, repo.name, "main", good)
    moved: list[str] = []
    heads: list[str] = []

    def move_main(method: str, path: str, _status: int, _duration_s: float) -> None:
        if method == "PUT" and path.endswith("/hard_reset"):
            heads.append("hidden branch set")
        if method == "GET" and path.endswith("/branches/main") and heads and not moved:
            moved.append(repo.merge("good-news"))

    done = apply_revert(context_of(lakefs, context.store, on_call=move_main), plan)
    assert moved
    assert done.state == "moved"
    assert moved[0] in done.message
    assert temporary_branches(repo) == []
    assert change(repo, {"d": "later"})
