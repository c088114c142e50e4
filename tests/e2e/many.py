"""Many merges at once, asked at several gates while their processes are killed; what must hold afterwards."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from sqlalchemy import select, update

from gate_server.store.database import reading
from gate_server.store.store import Store
from gate_server.store.tables import checks
from tests.e2e.harness import BAD, GOOD, Gate, World

ASKERS = 16
ANSWERED_WITHIN_S = 300.0
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
ROW = b"1,2,3,4,%d\n"
SHORT_ROW = b"1,2,3,%d\n"


@dataclass(frozen=True)
class Merge:
    """An event of a merge, and what it has to be answered."""

    event: dict[str, str]
    status: int
    verdict: str


def many_merges(world: World, contents: int, sources: int) -> list[Merge]:
    """Return an event for each of `contents` commits, good and bad in turn, from each of `sources` commits.

    What is judged depends on the commit and on where it came from: each pair is a check of its own, but the
    data of a commit is read once for all of them.
    """
    commits = []
    for number in range(max(contents, sources)):
        content = BAD + SHORT_ROW % number if number % 2 else GOOD + ROW % number
        world.commit(world.main, {"lakefs_test.csv": content})
        commits.append(world.main.get_commit().id)
    names = {"event_type": "pre-merge", "repository_id": world.name, "branch_id": "main"}
    return [
        Merge(
            {**names, "commit_id": commit, "source_ref": source},
            *((412, "FAIL") if number % 2 else (200, "PASS")),
        )
        for source in commits[:sources]
        for number, commit in enumerate(commits[:contents])
    ]


def ask_all(gates: Sequence[Gate], merges: Sequence[Merge]) -> list[tuple[int, str]]:
    """Ask for all of them, at the gates in turn, and again until each has a verdict; return the answers."""
    with ThreadPoolExecutor(ASKERS) as pool:
        return list(pool.map(lambda item: _ask(gates[item[0] % len(gates)], item[1]), enumerate(merges)))


def _ask(gate: Gate, merge: Merge) -> tuple[int, str]:
    deadline = time.monotonic() + ANSWERED_WITHIN_S
    while time.monotonic() < deadline:
        try:
            answer = gate.hooks.post("/hooks/lakefs", json=merge.event)
        except httpx.TransportError:
            time.sleep(0.1)  # its web process was killed: lakeFS's merge would fail, and be tried again
            continue
        if answer.json().get("verdict"):
            return answer.status_code, answer.json()["verdict"]
        time.sleep(0.05)
    raise AssertionError(f"no verdict came for {merge.event}")


def kill_one_that_judges(store: Store, repository: str) -> int:
    """Kill a worker that holds checks; end their leases, as time would; return how many it left.

    0 where none of them holds any just now. It is stopped first, so that what it holds is what it leaves.
    """
    mine = (checks.c.repository == repository) & (checks.c.state == "running")
    with reading(store.engine) as connection:
        name = connection.execute(select(checks.c.worker).where(mine).limit(1)).scalar()
    if name is None:
        return 0
    pid = int(name.split(":")[1])
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:  # one that was killed before: another one takes over what it had
        return 0
    left = mine & (checks.c.worker == name)
    with reading(store.engine) as connection:
        holds_some = connection.execute(select(checks.c.id).where(left).limit(1)).first() is not None
    os.kill(pid, signal.SIGKILL if holds_some else signal.SIGCONT)
    if not holds_some:
        return 0
    with store.engine.begin() as connection:
        return connection.execute(update(checks).where(left).values(lease_until=LONG_AGO)).rowcount


def found_wrong(store: Store, repository: str, merges: Sequence[Merge]) -> list[str]:
    """Return what is not as it should be: each merge one check, done, and one verdict in the record."""
    with reading(store.engine) as connection:
        rows = connection.execute(select(checks).where(checks.c.repository == repository)).all()
    entries = [entry for entry in store.ledger.entries() if entry.repository == repository]
    expected = {(merge.event["commit_id"], merge.event["source_ref"]): merge.verdict for merge in merges}
    found = Counter((row.judged_commit, row.source_commit) for row in rows)
    wrong = [f"{count} checks of {pair}" for pair, count in found.items() if count != 1]
    wrong += [f"no check of {pair}" for pair in expected.keys() - found.keys()]
    wrong += [
        f"check {row.id} is {row.state}, {row.outcome}"
        for row in rows
        if (row.state, row.outcome) != ("done", expected.get((row.judged_commit, row.source_commit)))
    ]
    verdicts = Counter(entry.subject for entry in entries if entry.kind == "verdict")
    wrong += [f"{verdicts[row.id]} verdicts of check {row.id}" for row in rows if verdicts[row.id] != 1]
    told = {
        (entry.content["event"]["commit_id"], entry.content["event"]["source_ref"], entry.content["outcome"])
        for entry in entries
        if entry.kind == "ask.answered"
    }
    twice = Counter((commit, source) for commit, source, _ in told)
    wrong += [f"{pair} was told different verdicts" for pair, count in twice.items() if count != 1]
    return wrong + store.ledger.verify()
