"""Which clock says what: the database's, wherever a verdict or a branch depends on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from sqlalchemy import select

from gate_server.model import Candidate, Check, Commit, Problem, Revert
from gate_server.policy.decide import could_not_tell
from gate_server.store import times
from gate_server.store.pruning import prune
from gate_server.store.store import Store, open_store
from gate_server.store.tables import checks
from tests.postgres import Postgres

ROOM = Path(times.__file__).parents[1]
READS_A_CLOCK = re.compile(
    r"\btime\.time(_ns)?\(|\.utcnow\(|\bdate\.today\(|datetime\.(now|today)\(|(?<![.\w])now\(\)"
)
# Who reads the machine's clock, and for what: nothing but expiry, and what stands in a record for people.
ALLOWED = {
    "audit/afterwards.py": "expiry of waivers; when what could not be told is judged again",
    "audit/react.py": "for how long it is waited for what came later to be judged",
    "access/tokens.py": "expiry and last use of tokens",
    "checks/active.py": "since when a policy is asked by",
    "checks/ahead.py": "how old a branch is: what is too old to look at is judged when it is merged",
    "checks/judge.py": "expiry of waivers",
    "checks/lent.py": "expiry of waivers",
    "checks/service.py": "expiry of waivers",
    "checks/waiving.py": "expiry of waivers",
    "checks/watching.py": "expiry of waivers",
    "cli/env.py": "what is said of an environment's end",
    "cli/waive.py": "such as 14d from now",
    "cli/notices.py": "when a target was tried",
    "notices/gathering.py": "expiry of waivers",
    "reverts/apply.py": "when a temporary branch was made, in its name",
    "reverts/left_branches.py": "the age of a temporary branch, a day off at least",
    "setup/doctor/examiner.py": "when the doctor was asked, and had looked",
    "setup/doctor/of_lakefs.py": "how far lakeFS's clock is off",
    "setup/temporary.py": "when a temporary branch was made, in its name, and its age, an hour off at least",
    "setup/history.py": "expiry of waivers",
    "store/ledger.py": "when something was recorded",
    "store/policies.py": "when a policy was kept",
    "store/records.py": "when somebody asked, and was answered; when something was kept",
    "store/times.py": "here it is read",
    "store/tokens.py": "when a token was revoked",
    "store/waivers.py": "expiry of waivers; when one was made or ended",
    "telemetry/traces.py": "spans",
    "web/checks.py": "for how long a check runs; until when a waiver may be",
    "web/history.py": "which days are shown",
    "web/now.py": "for how long a check runs; until when a waiver may be",
    "web/policies.py": "which waivers hold",
    "web/setup.py": "for how long the doctor has been looking",
    "workers/child.py": "spans",
    "workers/runner.py": "spans",
}
HOUR_S = 3600.0
CANDIDATE = Candidate("r", "main", Commit("b", "mb"), Commit("j", "mj"), Commit("s", "ms"))


def test_nothing_else_reads_the_machines_clock() -> None:
    reading = {
        path.relative_to(ROOM).as_posix()
        for path in ROOM.rglob("*.py")
        if READS_A_CLOCK.search(path.read_text(encoding="utf-8"))
    }
    assert reading == set(ALLOWED), (
        "what a verdict depends on is to read the database's clock (database_time)"
    )


@contextmanager
def machine_off_by(seconds: float) -> Iterator[None]:
    """Let this machine's clock be off."""

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Shifted:
            return cls.fromtimestamp((datetime.now(tz) + timedelta(seconds=seconds)).timestamp(), tz)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(times, "datetime", Shifted)
        yield


def finish(store: Store, check: Check) -> bool:
    return store.checks.finish(
        check,
        verdict=could_not_tell(Problem("x", "x")),
        plan=None,
        evaluations={},
        failure=None,
        reusable=False,
        lakefs_calls=0,
    )


@pytest.mark.parametrize("off_s", [HOUR_S, -HOUR_S])
def test_a_clock_that_jumps_never_lets_two_write(store: Store, off_s: float) -> None:
    """On PostgreSQL nothing happens; SQLite's clock is the machine's, so there it may be taken twice."""
    on_postgresql = store.engine.dialect.name == "postgresql"
    made = store.checks.create(CANDIDATE, "b", "p")
    first = store.checks.claim("first", 60)
    assert first is not None
    with machine_off_by(off_s):
        second = store.checks.claim("second", 60)
        assert (second is None) is (on_postgresql or off_s < 0)
        assert store.checks.renew({first.id: first.attempt}, 60) == (set() if second else {first.id})
        written = [finish(store, check) for check in (first, second) if check is not None]
        assert written == ([False, True] if second else [True])
        done = store.checks.get(made.id)
        assert done is not None
        assert done.state == "done"
    with store.engine.connect() as connection:
        (duration_s,) = connection.execute(select(checks.c.duration_s)).scalars()
    assert duration_s >= 0


@pytest.mark.parametrize("off_s", [HOUR_S, -HOUR_S])
def test_a_machine_whose_clock_is_off_takes_nothing_from_others(postgres: Postgres, off_s: float) -> None:
    store = open_store(postgres.new_database())
    store.checks.create(CANDIDATE, "b", "p")
    claimed = store.checks.claim("worker", 60)
    assert claimed is not None
    revert = Revert("r1", "r", "main", "f", "t", "", "planned", "")
    store.reverts.open(revert, "gate-revert-r1")
    store.workers.beat("worker", 60)
    with machine_off_by(off_s):
        assert store.checks.claim("another", 60) is None
        assert store.workers.alive() == 1
        assert store.reverts.unfinished(older_than_s=600) == []
        assert store.reverts.unfinished(older_than_s=0) == [(revert, "gate-revert-r1")]
        assert 0 <= store.checks.queue().oldest_s < 600
        finish(store, claimed)
        assert prune(store.engine, keep_s=600, most_checks=10, most_evaluations=10).checks == 0
    store.engine.dispose()


def test_the_order_of_the_queue_is_the_databases(store: Store) -> None:
    """A machine whose clock is ahead does not let its checks wait behind all others, or starve theirs."""
    made = []
    for number, off_s in enumerate((HOUR_S, 0.0, -HOUR_S)):
        candidate = Candidate("r", "main", Commit("b", "mb"), Commit(f"j{number}", f"mj{number}"), None)
        with machine_off_by(off_s if store.engine.dialect.name == "postgresql" else 0.0):
            made.append(store.checks.create(candidate, "b", "p").id)
    claimed = [store.checks.claim("w", 60) for _ in made]
    assert [check.id for check in claimed if check] == made


def test_a_sweep_does_not_overwrite_what_the_revert_recorded(store: Store) -> None:
    revert = Revert("r1", "r", "main", "f", "t", "", "planned", "")
    store.reverts.open(revert, "gate-revert-r1")
    done = Revert("r1", "r", "main", "f", "t", "c", "verified", "it is back")
    assert store.reverts.close(done)
    late = Revert("r1", "r", "main", "f", "t", "", "failed", "broke off")
    assert not store.reverts.close(late, was="planned")
    assert store.reverts.get("r1") == done
