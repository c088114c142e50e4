"""Checks: the queue, and what came out."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import fields

from sqlalchemy import ColumnElement, Engine, Row, and_, func, insert, select, update

from gate_server.model import Candidate, Check, Evaluation, Outcome, Plan, Problem, Verdict, dump, load
from gate_server.store.database import reading
from gate_server.store.tables import checks
from gate_server.store.times import now

_COLUMNS = [checks.c[item.name] for item in fields(Check)]


COMMAND = "cli@"  # how a worker is called that is a command's own process


class Checks:
    """Queries of the checks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self, candidate: Candidate, source_name: str, policy_digest: str, *, worker: str = ""
    ) -> Check:
        """Add a check; queued, or, with a `worker`, running there at once."""
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
            "state": "running" if worker else "queued",
            "attempt": 1 if worker else 0,
            "worker": worker,
            "reusable": False,
            "outcome": "",
            "created_at": now(),
            "started_at": now() if worker else None,
        }
        with self._engine.begin() as connection:
            connection.execute(insert(checks).values(**row))
        found = self.get(row["id"])  # type: ignore[arg-type]
        assert found is not None  # noqa: S101 - just written
        return found

    def get(self, check_id: str) -> Check | None:
        """Return a check, None when there is none of that id."""
        return self._first(checks.c.id == check_id)

    def known(self, candidate: Candidate, policy_digest: str) -> Check | None:
        """Return a finished check of the same content under the same policy (D5), never an ERROR."""
        if candidate.judged is None:
            return None
        return self._first(
            and_(
                checks.c.repository == candidate.repository,
                checks.c.destination == candidate.destination,
                checks.c.base_metarange == candidate.base.metarange,
                checks.c.judged_metarange == candidate.judged.metarange,
                checks.c.policy_digest == policy_digest,
                checks.c.state == "done",
                checks.c.reusable,
                checks.c.outcome != Outcome.ERROR.value,
            )
        )

    def open_for(self, candidate: Candidate, policy_digest: str) -> Check | None:
        """Return a check of exactly this candidate that is not done yet.

        One that a command runs in its own process is that process's alone: nobody waits for it.
        """
        return self._first(
            and_(
                ~checks.c.worker.startswith(COMMAND),
                checks.c.repository == candidate.repository,
                checks.c.destination == candidate.destination,
                checks.c.base_commit == candidate.base.id,
                checks.c.judged_commit == (candidate.judged.id if candidate.judged else ""),
                checks.c.source_commit == (candidate.source.id if candidate.source else ""),
                checks.c.policy_digest == policy_digest,
                checks.c.state != "done",
            )
        )

    def listed(self, *, repository: str = "", limit: int = 100) -> list[Check]:
        """Return the newest checks, without their evaluations."""
        columns = [column for column in _COLUMNS if column.name not in ("evaluations", "plan")]
        query = select(*columns).order_by(checks.c.created_at.desc(), checks.c.id).limit(limit)
        if repository:
            query = query.where(checks.c.repository == repository)
        with reading(self._engine) as connection:
            return [_check(row) for row in connection.execute(query)]

    def claim(self, worker: str) -> Check | None:
        """Take the oldest queued check; its raised `attempt` is the fencing token."""
        oldest = (
            select(checks.c.id)
            .where(checks.c.state == "queued")
            .order_by(checks.c.created_at, checks.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        taken = (
            update(checks)
            .where(checks.c.id == oldest, checks.c.state == "queued")
            .values(state="running", attempt=checks.c.attempt + 1, worker=worker, started_at=now())
            .returning(checks.c.id)
        )
        if not self.queue_depth():  # looking costs no write lock
            return None
        with self._engine.begin() as connection:
            check_id = connection.execute(taken).scalar()
        return self.get(check_id) if check_id else None

    def queue_depth(self) -> int:
        """Return how many checks wait for a worker."""
        with reading(self._engine) as connection:
            query = select(func.count()).select_from(checks).where(checks.c.state == "queued")
            return connection.execute(query).scalar_one()

    def requeue(self, worker: str) -> int:
        """Put back what `worker` left running when it died; return how many."""
        query = update(checks).where(checks.c.state == "running", checks.c.worker == worker)
        with self._engine.begin() as connection:
            return connection.execute(query.values(state="queued", worker="")).rowcount

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
        finished_at = now()
        query = (
            update(checks)
            .where(checks.c.id == check.id, checks.c.attempt == check.attempt, checks.c.state == "running")
            .values(
                state="done",
                outcome=verdict.outcome.value,
                verdict=dump(verdict),
                plan=dump(plan) if plan else None,
                evaluations={str(number): dump(evaluation) for number, evaluation in evaluations.items()},
                failure=dump(failure) if failure else None,
                reusable=reusable,
                lakefs_calls=lakefs_calls,
                finished_at=finished_at,
                duration_s=(finished_at - (check.started_at or check.created_at)).total_seconds(),
            )
        )
        with self._engine.begin() as connection:
            return connection.execute(query).rowcount == 1

    def done(self, check_ids: Iterable[str]) -> set[str]:
        """Return which of `check_ids` are done."""
        query = select(checks.c.id).where(checks.c.id.in_(list(check_ids)), checks.c.state == "done")
        with reading(self._engine) as connection:
            return set(connection.execute(query).scalars())

    def _first(self, condition: ColumnElement[bool]) -> Check | None:
        query = select(*_COLUMNS).where(condition).order_by(checks.c.created_at.desc()).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return _check(row) if row else None


def _check(row: Row[tuple[object, ...]]) -> Check:
    data = dict(row._mapping)
    data["evaluations"] = {int(number): value for number, value in (data.get("evaluations") or {}).items()}
    return load(Check, data)
