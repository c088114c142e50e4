"""Checks: the queue, and what came out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    false,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from gate_server.model import (
    Candidate,
    Check,
    Evaluation,
    Outcome,
    Place,
    Plan,
    Problem,
    Verdict,
    dump,
    load,
)
from gate_server.store.check_conditions import HANDED_BACK, free, held_by, of_content, open_key
from gate_server.store.database import reading
from gate_server.store.history import as_text, record_rules, row_counts
from gate_server.store.ledger import append
from gate_server.store.tables import checks
from gate_server.store.times import database_time

COLUMNS = [checks.c[item.name] for item in fields(Check)]
PERSON_CHARS = 256  # as the table has it
COMMAND = "cli@"  # how a worker is called that is a command's own process
COMMAND_LEASE_S = 20.0
ELSEWHERE_WAIT_S = 3600.0


@dataclass(frozen=True)
class Queue:
    """How many checks wait and run at one place, and for how long the oldest one waits."""

    queued: int
    running: int
    oldest_s: float


class Checks:
    """Queries of the checks."""

    def __init__(self, engine: Engine, ring: Callable[[], None] = lambda: None) -> None:
        self._engine = engine
        self._ring = ring

    def create(
        self,
        candidate: Candidate,
        source_name: str,
        policy_digest: str,
        *,
        worker: str = "",
        request_id: str = "",
        ahead: bool = False,
        person: str = "",
    ) -> Check:
        """Add a queued check, or return the open one that judges the same: two asks at once join.

        With a `worker` it is a new one that runs there at once, leased for `COMMAND_LEASE_S`: it is that
        process's alone, nobody waits for it. One made `ahead` of who asks is for idle threads.
        """
        judged = candidate.judged
        row = {
            "id": secrets.token_hex(8),
            "repository": candidate.repository,
            "destination": candidate.destination,
            "base_commit": candidate.base.id,
            "base_metarange": candidate.base.metarange,
            "judged_commit": judged.id if judged else "",
            "judged_metarange": judged.metarange if judged else "",
            "source_commit": candidate.source.id if candidate.source else "",
            "merge_base": candidate.merge_base.id if candidate.merge_base else "",
            "source_name": source_name,
            "policy_digest": policy_digest,
            "request_id": request_id,
            "person": as_text(person)[:PERSON_CHARS],
            "ahead": ahead,
            "state": "running" if worker else "queued",
            "attempt": 1 if worker else 0,
            "worker": worker,
            "lease_until": database_time(COMMAND_LEASE_S) if worker else None,
            "open_key": None if worker else open_key(candidate, policy_digest),
            "reusable": False,
            "outcome": "",
            "created_at": database_time(),
            "started_at": database_time() if worker else None,
        }
        while True:
            try:
                with self._engine.begin() as connection:
                    connection.execute(insert(checks).values(**row))
            except IntegrityError:
                found = self.open_for(candidate, policy_digest)
                if found is None:
                    continue  # it was done meanwhile
                return found
            found = self.get(row["id"])  # type: ignore[arg-type]
            assert found is not None  # noqa: S101 - just written
            self._ring()
            return found

    def get(self, check_id: str) -> Check | None:
        """Return a check, None when there is none of that id."""
        return self._first(checks.c.id == check_id)

    def known(self, candidate: Candidate, policy_digest: str) -> Check | None:
        """Return a finished check of the same content under the same policy (D5), never an ERROR.

        Of a prediction it is another prediction from the same commits, never what a merge is judged as, and
        no merge is answered by it.
        """
        if candidate.judged is not None and not candidate.judged.metarange:
            return None
        reusable = and_(checks.c.reusable, checks.c.outcome != Outcome.ERROR.value)
        return self._first(and_(of_content(candidate, policy_digest), checks.c.state == "done", reusable))

    def just_ended(self, candidate: Candidate, policy_digest: str, within_s: float) -> Check | None:
        """Return the newest check of the same content and policy that ended in the last `within_s` seconds.

        Whatever came out of it, and whether or not it may be used again.
        """
        if candidate.judged is not None and not candidate.judged.metarange:
            return None
        lately = checks.c.finished_at >= database_time(-within_s)
        return self._first(and_(of_content(candidate, policy_digest), checks.c.state == "done", lately))

    def open_for(self, candidate: Candidate, policy_digest: str) -> Check | None:
        """Return a check of the same content that is not done yet."""
        return self._first(checks.c.open_key == open_key(candidate, policy_digest))

    def listed(self, *, repository: str = "", limit: int = 100) -> list[Check]:
        """Return the newest checks, without their evaluations."""
        columns = [column for column in COLUMNS if column.name not in ("evaluations", "plan")]
        query = select(*columns).order_by(checks.c.created_at.desc(), checks.c.id).limit(limit)
        if repository:
            query = query.where(checks.c.repository == repository)
        with reading(self._engine) as connection:
            return [as_check(row) for row in connection.execute(query)]

    def awaited(self, check_id: str) -> None:
        """Say that somebody waits for a check that was made ahead of who asks."""
        ahead = and_(checks.c.id == check_id, checks.c.ahead, checks.c.state != "done")
        with self._engine.begin() as connection:
            connection.execute(update(checks).where(ahead).values(ahead=false()))
        self._ring()

    def claim(
        self,
        worker: str,
        lease_s: float,
        elsewhere_wait_s: float = ELSEWHERE_WAIT_S,
        *,
        ahead: bool = False,
    ) -> Check | None:
        """Take the oldest check that is free, for `lease_s` seconds of the database's clock.

        Free is what is queued, and what a worker let its lease run out of. The raised `attempt` is the
        fencing token. A check whose place is elsewhere is left to workers there for `elsewhere_wait_s`
        seconds; whoever gets it here then is to end it. What was made ahead of who asks is taken by who wants
        that alone, so that nobody who waits is behind it.
        """
        may_be_taken = free(elsewhere_wait_s, ahead)
        with reading(self._engine) as connection:  # looking costs no write lock
            if connection.execute(select(checks.c.id).where(may_be_taken).limit(1)).first() is None:
                return None
        oldest = (
            select(checks.c.id)
            .where(may_be_taken)
            .order_by(checks.c.created_at, checks.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        taken = (
            update(checks)
            .where(checks.c.id == oldest, may_be_taken)
            .values(
                state="running",
                attempt=checks.c.attempt + 1,
                worker=worker,
                lease_until=database_time(lease_s),
                lease_digest=None,
                tasks=0,
                tasks_done=0,
                started_at=database_time(),
            )
            .returning(*COLUMNS)
        )
        with self._engine.begin() as connection:
            row = connection.execute(taken).first()
        return as_check(row) if row else None

    def renew(self, held: Mapping[str, int], lease_s: float) -> set[str]:
        """Hold checks (id -> attempt) for another `lease_s` seconds; return those that are still held."""
        query = (
            update(checks)
            .where(held_by(held))
            .values(lease_until=database_time(lease_s))
            .returning(checks.c.id)
        )
        with self._engine.begin() as connection:
            return set(connection.execute(query).scalars())

    def hand_back(self, held: Mapping[str, int]) -> int:
        """Put checks (id -> attempt) back unharmed: the attempt does not count; return how many."""
        query = update(checks).where(held_by(held)).values(**HANDED_BACK)
        with self._engine.begin() as connection:
            return connection.execute(query).rowcount

    def queue(self, place: Place = "here") -> Queue:
        """Return how the queue stands, of checks that somebody asked for."""
        query = (
            select(checks.c.state, func.count(), func.min(checks.c.created_at), database_time())
            .where(checks.c.state.in_(("queued", "running")), checks.c.place == place, ~checks.c.ahead)
            .group_by(checks.c.state)
        )
        with reading(self._engine) as connection:
            found = {state: counted for state, *counted in connection.execute(query)}
        queued, oldest, now = found.get("queued", (0, None, None))
        age_s = (now - oldest).total_seconds() if now and oldest else 0.0
        running, *_ = found.get("running", (0,))
        return Queue(queued, running, max(age_s, 0.0))

    def finish(
        self,
        check: Check,
        *,
        verdict: Verdict,
        plan: Plan | None,
        evaluations: Mapping[int, Evaluation],
        failure: Problem | None,
        reusable: bool,
        lakefs_calls: int,
    ) -> bool:
        """Write a result, only where id, attempt and state still match; return whether it was written."""
        result = {
            "state": "done",
            "lease_until": None,
            "lease_digest": None,
            "open_key": None,
            "outcome": verdict.outcome.value,
            "summary": as_text(verdict.summary),
            "verdict": dump(verdict),
            "plan": dump(plan) if plan else None,
            "evaluations": {str(number): dump(evaluation) for number, evaluation in evaluations.items()},
            "failure": dump(failure) if failure else None,
            "reusable": reusable,
            "lakefs_calls": lakefs_calls,
        }
        query = update(checks).where(held_by({check.id: check.attempt})).values(**result)
        with self._engine.begin() as connection:
            finished_at = connection.execute(select(database_time())).scalar_one()
            taken_s = (finished_at - (check.started_at or check.created_at)).total_seconds()
            ended = query.values(finished_at=finished_at, duration_s=max(taken_s, 0.0))
            written = connection.execute(ended).rowcount == 1
            if written:
                record_rules(connection, check, verdict, row_counts(plan, evaluations))
            if written and not check.ahead:  # nobody was told it: whoever asks for it is, by an entry of his
                _to_ledger(connection, check, verdict)
        return written

    def progressed(self, check: Check, tasks: int, done: int) -> None:
        """Say how far a check is that is held; for people alone."""
        held = held_by({check.id: check.attempt})
        with self._engine.begin() as connection:
            connection.execute(update(checks).where(held).values(tasks=tasks, tasks_done=done))

    def done(self, check_ids: Iterable[str]) -> set[str]:
        """Return which of `check_ids` are done."""
        query = select(checks.c.id).where(checks.c.id.in_(list(check_ids)), checks.c.state == "done")
        with reading(self._engine) as connection:
            return set(connection.execute(query).scalars())

    def _first(self, condition: ColumnElement[bool]) -> Check | None:
        query = select(*COLUMNS).where(condition).order_by(checks.c.created_at.desc()).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return as_check(row) if row else None


def _to_ledger(connection: Connection, check: Check, verdict: Verdict) -> None:
    append(
        connection,
        "verdict",
        subject=check.id,
        repository=check.repository,
        branch=check.destination,
        commit_id=check.judged_commit,
        content={
            "base": check.base_commit,
            "source": check.source_commit,
            "policy": check.policy_digest,
            "attempt": check.attempt,
            "outcome": verdict.outcome.value,
            "summary": verdict.summary,
        },
    )


def as_check(row: Row[tuple[object, ...]]) -> Check:
    """Return a row as a check."""
    data = dict(row._mapping)
    data["evaluations"] = {int(number): value for number, value in (data.get("evaluations") or {}).items()}
    return load(Check, data)
