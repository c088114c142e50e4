"""Judges one check again and again, and fails at another call each time; then a fresh worker takes it over.

Run as a process of its own, which has one thread and so may fork: ``python -m tests.e2e.crash_points`` with a
JSON object (`Wanted`) on its standard input. Says what came of each point, a JSON object a line (`Point`).
"""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, delete, update

import gate_server.workers.preload  # noqa: F401 - loaded once, before the forks
from gate_server.checks.judge import Judge
from gate_server.checks.policies import KnownPolicies, keep_policy
from gate_server.engine.version import ENGINE_VERSION
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.model import Candidate, Evaluation, EvaluationTask
from gate_server.parts import read_policy
from gate_server.settings import read_settings
from gate_server.store.store import Store, open_store
from gate_server.store.tables import checks, evaluations, policies
from gate_server.workers.child import evaluate_task, readable
from gate_server.workers.loop import Worker
from tests.e2e.dying import KILLED, Calls, Tell, in_a_fork, lose_database

JUDGE = "judge-0"  # the thread whose calls are counted; a heartbeat comes when it comes
LEASE_S = 60.0
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
WAIT_S = 60.0
SETTLES_S = 0.3


@dataclass(frozen=True)
class Wanted:
    """What is judged, where; the keys to lakeFS."""

    database_url: str
    url: str
    access_key_id: str
    secret_access_key: str
    repository: str
    commit: str
    policy: str
    fault: str  # "death" of the worker, or "database" that is lost


@dataclass(frozen=True)
class Point:
    """A call before which a worker failed, and what was there before and after another one came."""

    number: int
    name: str
    left_state: str
    left_outcome: str
    state: str
    outcome: str
    attempt: int
    written: bool
    recorded: list[str]  # the ledger's entries of its verdict


def work(wanted: Wanted, lease_s: float, calls: Calls, lost: threading.Event) -> None:
    """Be a worker until the one check is done, or the database was lost."""
    store = open_store(wanted.database_url)
    lakefs = LakeFS(wanted.url, wanted.access_key_id, wanted.secret_access_key)
    calls.count()

    def evaluate(repository: str, tasks: list[EvaluationTask], _told: object = None) -> list[Evaluation]:
        return [evaluate_task(task, readable(lakefs, repository)) for task in tasks]

    policies = KnownPolicies(store.policies, lambda _: ())
    judge = Judge(lakefs, store, policies, evaluate, ENGINE_VERSION)
    worker = Worker(store, judge.judge, lease_s=lease_s, most_attempts=3, threads=1)
    threading.Thread(target=stop_when_done, args=(wanted, worker, lost), daemon=True).start()
    worker.run()


def fail_at(number: int, wanted: Wanted, tell: Tell) -> None:
    """Be a worker that fails before call `number`."""
    lost = threading.Event()

    def lose(connection: Connection) -> None:
        lose_database(connection)
        lost.set()

    work(wanted, LEASE_S, Calls(number, tell, JUDGE, lose if wanted.fault == "database" else None), lost)


def stop_when_done(wanted: Wanted, worker: Worker, lost: threading.Event) -> None:
    store = open_store(wanted.database_url)
    deadline = time.monotonic() + WAIT_S
    while any(check.state != "done" for check in store.checks.listed()) and time.monotonic() < deadline:
        if lost.wait(0.02):
            time.sleep(SETTLES_S)  # the judge is at it; stopped at once, it would hand the check back
            break
    worker.stop()


def queued_anew(store: Store, wanted: Wanted) -> str:
    """Forget what was judged, and queue the check again; return its id."""
    with store.engine.begin() as connection:
        for table in (checks, evaluations, policies):
            connection.execute(delete(table))
    lakefs = LakeFS(wanted.url, wanted.access_key_id, wanted.secret_access_key)
    commits = Commits(lakefs)
    judged = commits.get(wanted.repository, wanted.commit)
    base = commits.get(wanted.repository, judged.parents[0])
    candidate = Candidate(wanted.repository, "main", base, judged, judged)
    policy = read_policy(read_settings(policy=wanted.policy).policy)
    keep_policy(store.policies, policy)
    made = store.checks.create(candidate, "b", policy.digest)
    lakefs.close()
    return made.id


def _let_time_pass(store: Store) -> None:
    """End the dead worker's lease, as its time would: a short one could run out under a worker that lives."""
    with store.engine.begin() as connection:
        connection.execute(update(checks).where(checks.c.state == "running").values(lease_until=LONG_AGO))


def main() -> int:
    """Step through all calls."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    wanted = Wanted(**json.load(sys.stdin))
    store = open_store(wanted.database_url)
    number = 0
    while True:
        number += 1
        check_id = queued_anew(store, wanted)
        store.engine.dispose()  # no connection is shared with a fork
        code, name = in_a_fork(partial(fail_at, number, wanted))
        left = store.checks.get(check_id)
        _let_time_pass(store)
        store.engine.dispose()
        was_stopped = code == 0 and left.state == "done"  # before its next call: it never came
        if code != (KILLED if wanted.fault == "death" else 0) and not was_stopped:
            return 1
        code, _ = in_a_fork(partial(fail_at, 0, wanted))
        if code:
            return 1
        done: Any = store.checks.get(check_id)
        point = Point(
            number,
            name,
            left.state,
            left.outcome,
            state=done.state,
            outcome=done.outcome,
            attempt=done.attempt,
            written=done.verdict is not None,
            recorded=[entry.content["outcome"] for entry in store.ledger.of_subject(check_id)],
        )
        sys.stdout.write(json.dumps(asdict(point)) + "\n")
        # A worker dies on its way to the next check at last; there is no commit on that way.
        if not name or (wanted.fault == "death" and left.state == "done"):
            return len(store.ledger.verify())


if __name__ == "__main__":
    sys.exit(main())
