"""kill -9 at random moments of random operations: what was acknowledged is there, nothing half-done shows.

Several repositories are worked on at once, each by one client with its own model, so that what stands open
after a kill is one operation for each: done as a whole or not at all. `GATE_TEST_CRASHES` says how often
the server is killed (default 200), `GATE_TEST_SEED` what is chosen.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.contract import rules
from tests.contract.harness import Json, Lakefs, Repository, success
from tests.unit.local_lakefs.forked import ACCESS_KEY_ID, SECRET_ACCESS_KEY, STARTED_WITHIN_S, Mortal

CRASHES = int(os.environ.get("GATE_TEST_CRASHES", "200"))
SERVERS = 4
"""Each is killed its share of the times: tests that run beside each other."""
CLIENTS = 3
MOST_STEPS = 12
"""How many operations are answered at most, all clients together, before the next kill."""
BRANCHES, TAGS = ["main", "a", "b"], ["t1", "t2"]
PATHS = ["a", "t/1", "t/2", "t/3", "z"]


@contextmanager
def mortal(folder: Path) -> Iterator[tuple[Mortal, Lakefs]]:
    server = Mortal(folder / "lakefs")
    url = server.start()
    try:
        yield server, Lakefs("embedded", url, ACCESS_KEY_ID, SECRET_ACCESS_KEY)
    finally:
        server.kill()


@dataclass
class Client:
    """Works on one repository; `open_step` is what was sent and not answered."""

    repo: Repository
    chance: random.Random
    state: rules.State
    addresses: list[tuple[str, str, Json]] = field(default_factory=list)
    open_step: rules.Step | None = None
    is_answered: bool = False
    contents: int = 0
    uploaded: dict[str, str] = field(default_factory=dict)

    def work(self, answered: threading.Semaphore) -> None:
        """Do one thing after the other until the server is gone."""
        try:
            while True:
                step = self.next_step()
                self.open_step, self.is_answered = step, False
                step.send(self.repo)
                self.is_answered = True
                made = step.commits_on if step.status < 400 else ""
                self.state = step.after(self.state, self.repo.head(made) if made else "")
                self.open_step = None
                answered.release()
        except httpx.TransportError:
            return

    def next_step(self) -> rules.Step:
        pick, state = self.chance.choice, self.state
        branch, other = pick(list(state.branches)), pick(list(state.branches))
        path = pick(PATHS)
        made = list(state.commits)[2:]
        base = partial(rules.merge_base, state, self.repo)
        self.contents += 1
        content = f"{self.repo.name} {self.contents}"
        steps = [
            *[lambda: self.an_upload(branch, path, content)] * 4,
            lambda: self.a_staging(branch, path, content),
            lambda: rules.delete(state, branch, path),
            *[lambda: rules.commit(state, branch)] * 4,
            lambda: rules.create_branch(state, pick(BRANCHES), branch),
            lambda: rules.create_branch(state, pick(BRANCHES), branch),
            lambda: rules.delete_branch(state, pick(BRANCHES)),
            lambda: rules.create_tag(state, pick(TAGS), branch),
            lambda: rules.delete_tag(state, pick(TAGS)),
            *[lambda: rules.merge(state, other, branch, base(other, branch), pick(["", "source-wins"]))] * 4,
            lambda: rules.reset(state, branch),
            lambda: rules.reset_under(state, branch, "t/", prefix=True),
            lambda: rules.reset_under(state, branch, path, prefix=False),
        ]
        if made:
            steps += [lambda: rules.revert(state, branch, pick(made))] * 2
            steps += [lambda: rules.cherry_pick(state, branch, pick(made))]
            if not state.branches[branch].staged:
                steps += [lambda: rules.hard_reset(state, branch, pick(made))]
        return pick(steps)()

    def an_upload(self, branch: str, path: str, content: str) -> rules.Step:
        self.uploaded[rules.checksum(content)] = content
        return rules.upload(self.state, branch, path, content)

    def a_staging(self, branch: str, path: str, content: str) -> rules.Step:
        place = ("branches", branch, "staging", "backing")
        address = success(self.repo.request("GET", *place, params={"path": path}))
        return rules.stage(self.state, branch, path, address, rules.checksum(content))

    def look(self) -> bool:
        """Compare what there is after a restart with the model; return whether an open step was done.

        One that was not answered was done as a whole, or not at all.
        """
        told, was_done = rules.told(self.repo), False
        if self.open_step is not None:
            after = self._after(self.open_step, told["heads"])
            was_done = after is not None and told == rules.expected(after)
            assert was_done or not self.is_answered, self.open_step
            if after is not None and was_done:
                self.state = after
        self.open_step = None
        assert told == rules.expected(self.state)
        return was_done

    def _after(self, step: rules.Step, heads: dict[str, str]) -> rules.State | None:
        """Return what there is if a step was done; None where the commit that it makes is not there."""
        made = step.commits_on if step.status < 400 else ""
        if made and heads[made] == self.state.branches[made].head:
            return None
        return step.after(self.state, heads.get(made, ""))

    def look_at_all(self) -> None:
        """Look at every commit that was ever acknowledged, and read what was uploaded."""
        read: set[str] = set()
        for commit_id, commit in self.state.commits.items():
            assert tuple(self.repo.get_commit(commit_id)["parents"]) == commit.parents
            listing = self.repo.listing(commit_id)
            assert {item["path"]: item["checksum"] for item in listing} == commit.contents
            for item in listing:
                if item["checksum"] in self.uploaded and item["physical_address"] not in read:
                    content = self.repo.read(commit_id, item["path"]).decode()
                    assert content == self.uploaded[item["checksum"]]
                    read.add(item["physical_address"])


@pytest.mark.parametrize("number", range(SERVERS))
def test_kills_at_random_moments_of_random_operations(tmp_path: Path, number: int) -> None:
    seed = os.environ.get("GATE_TEST_SEED") or str(random.randrange(10**6))
    print(f"GATE_TEST_SEED={seed}")  # noqa: T201 - shown where it fails
    seed = f"{seed} {number}"
    chance, crashes = random.Random(seed), CRASHES // SERVERS
    left_open = done = 0
    with mortal(tmp_path) as (server, lakefs), ThreadPoolExecutor(CLIENTS) as pool:
        clients = []
        for which in range(CLIENTS):
            repo = lakefs.create_repository()
            clients.append(Client(repo, random.Random(f"{seed} {which}"), rules.first_state(repo)))
        for _ in range(crashes):
            answered = threading.Semaphore(0)
            working = [pool.submit(client.work, answered) for client in clients]
            for _ in range(chance.randint(0, MOST_STEPS)):
                if not answered.acquire(timeout=STARTED_WITHIN_S):
                    break  # the clients say why
            time.sleep(chance.uniform(0, 0.01))
            server.kill()
            for one in working:
                one.result()
            lakefs.http.base_url = f"{server.start()}/api/v1"
            left_open += sum(client.open_step is not None for client in clients)
            done += sum(client.look() for client in clients)
        for client in clients:
            client.look_at_all()
        assert sum(len(client.state.commits) for client in clients) > 2 * CLIENTS
    print(f"{crashes} kills, {left_open} operations left open, {done} of them done")  # noqa: T201
