"""What a gate whose database is lost left in lakeFS is deleted, and nothing else."""

from __future__ import annotations

import time
from dataclasses import replace

from gate_server.model import Revert
from gate_server.reverts import RevertContext, apply_revert, plan_revert
from gate_server.reverts.apply import temporary_name
from gate_server.reverts.left_branches import delete_left_branches
from tests.contract.harness import Repository
from tests.e2e.reverting import change


def test_branches_of_a_lost_database_go_by_name_and_age(context: RevertContext, repo: Repository) -> None:
    store = context.store
    ids = [store.reverts.new_id() for _ in range(4)]
    fresh, open_here = temporary_name(ids[0]), f"gate-revert-{1:x}-{ids[1]}"
    old = f"gate-revert-{int(time.time()) - 25 * 3600:x}-{ids[2]}"
    foreign = ["gate-revert-mine", f"gate-revert-zz-{ids[3]}", "work"]
    for name in (fresh, open_here, old, *foreign):
        repo.create_branch(name, hidden=True)
    head = repo.head()
    begun = Revert(ids[1], repo.name, "main", head, head, "", "planned", "")
    store.reverts.open(begun, open_here)
    # A repository that is gone, or that lakeFS does not show, holds nobody up.
    places = ["no-such-repository", repo.name]
    assert delete_left_branches(context, places) == [f"lakefs://{repo.name}/{old}"]
    left = {branch["id"] for branch in repo.pages("branches", show_hidden=True)} - {"main"}
    assert left == {fresh, open_here, *foreign}
    store.reverts.close(replace(begun, state="failed"))
    assert delete_left_branches(context, places) == [f"lakefs://{repo.name}/{open_here}"]
    change(repo, {"a": "bad"})
    assert apply_revert(context, plan_revert(context, repo.name, "main", head)).state == "verified"
