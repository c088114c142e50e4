"""Many writers and reverts of one branch at once: no state that nobody made, each outcome told as it is."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gate_server.errors import Conflict
from gate_server.model import RevertPlan
from gate_server.reverts import RevertContext, apply_revert, plan_revert
from gate_server.store.store import Store, open_store
from tests.contract.harness import Lakefs, Repository
from tests.e2e.reverting import context_of, install_guards, temporary_branches

WRITERS = 16
ROUNDS = 2
MOST_TRIES = 500


class Told:
    """What writers and reverts were told, by threads."""

    def __init__(self) -> None:
        self.merged: set[str] = set()
        self.planned: dict[str, RevertPlan] = {}
        self.states: list[str] = []
        self.lock = threading.Lock()

    def write(self, repo: Repository, writer: int, number: int) -> None:
        """Bring an object to main, as often as it takes; each has a path of its own."""
        branch = f"w-{writer}-{number}"
        repo.create_branch(branch)
        repo.commit_files(branch, {f"data/{writer}": f"{writer} {number}"})
        while (answer := repo.try_merge(branch)).status_code != 200:
            # Contention, or the branch's parent was taken back in between: nothing else.
            assert answer.status_code in (429, 500, 409, 400), answer.text
            if answer.status_code in (400, 409):
                return
        with self.lock:
            self.merged.add(str(answer.json()["reference"]))

    def put_back(self, context: RevertContext, repo: Repository, how: dict[str, Any]) -> None:
        """Revert until it is done, as people do, and keep what was said."""
        for _ in range(MOST_TRIES):
            try:
                plan = plan_revert(context, repo.name, "main", **how)
                done = apply_revert(context, plan)
            except Conflict:
                continue
            with self.lock:
                self.states.append(done.state)
                if done.commit_id:
                    self.planned[done.commit_id] = plan
            if done.state in ("verified", "unchanged"):
                return
        raise AssertionError(f"{how} was not done in {MOST_TRIES} tries")


@pytest.mark.parametrize("shared", [True, False], ids=["one gate", "gates that know nothing of each other"])
def test_16_writers_and_reverts_at_once(
    lakefs: Lakefs, store: Store, context: RevertContext, repo: Repository, shared: bool, tmp_path: Path
) -> None:
    install_guards(repo, context)
    base = repo.head()
    told = Told()
    for number in range(ROUNDS):
        targets: list[dict[str, Any]] = [
            {"to": base},
            {"to": "main~2"},
            {"commit": "main"},
            {"to": "main~1", "paths": ["data"]},
        ]
        work: list[Future[None]] = []
        with ThreadPoolExecutor(WRITERS) as pool:
            for writer in range(WRITERS):
                if writer % 4 == 0:
                    own = store if shared else open_store(f"sqlite:///{tmp_path / f'{number}-{writer}.db'}")
                    how = targets[writer // 4]
                    work.append(pool.submit(told.put_back, context_of(lakefs, own), repo, how))
                else:
                    work.append(pool.submit(told.write, repo, writer, number))
            for done in work:
                done.result()
    line = repo.log("main", first_parent=True)
    by_id = {commit["id"]: commit for commit in line}
    for commit in line[: [item["id"] for item in line].index(base)]:
        plan = told.planned.get(commit["id"])
        if plan is None:
            assert commit["id"] in told.merged, commit
            continue
        # Exactly what was planned, on exactly the head that was seen.
        assert commit["parents"][0] == plan.head.id
        if plan.way == "state":
            assert commit["meta_range_id"] == plan.target.metarange
        elif plan.way == "commit":
            before = repo.get_commit(plan.target.parents[0])
            if plan.target.id == plan.head.id:
                assert contents(repo, commit["id"]) == contents(repo, before["id"])
        else:
            assert repo.diff(commit["id"], plan.target.id, prefix="data/") == []
        assert by_id[plan.head.id]
    assert set(told.states) <= {"verified", "unchanged", "refused"}, told.states
    assert told.planned
    assert temporary_branches(repo) == []


def contents(repo: Repository, ref: str) -> dict[str, str]:
    """Return each object's checksum."""
    return {item["path"]: item["checksum"] for item in repo.listing(ref)}
