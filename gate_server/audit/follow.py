"""Following the guarded branches: what came by another way is found, judged, and told or taken back.

Polling is the truth here: whatever happened, and whether or not lakeFS called anybody, the next look compares
the branch with the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from gate_server.audit.afterwards import Afterwards
from gate_server.audit.automatic import AutomaticReverts
from gate_server.audit.line import State, Step
from gate_server.audit.react import Reactions
from gate_server.audit.walk import BEGAN, Audit, audit
from gate_server.errors import CouldNotTell, GateError, NotFound
from gate_server.model import Policy
from gate_server.reverts.context import RevertContext
from gate_server.store.followed import Seen
from gate_server.store.ledger import Entry, append
from gate_server.telemetry import metrics

WALKED_AT_MOST = 1000  # commits: lakeFS gives them in one call

log = structlog.get_logger()


def failed(repository: str, branch: str) -> Any:
    """Count a look that failed; return the log to tell it in."""
    metrics.audit_failures.labels(repository, branch).inc()
    return log.bind(repository=repository, branch=branch)


class Follows:
    """Looks at each branch that the gate was installed on; to be called again and again.

    One that did not move, and holds nothing outstanding, costs one call.
    """

    def __init__(
        self, context: RevertContext, policy: Callable[[], Policy], reverts: AutomaticReverts
    ) -> None:
        self._context = context
        self._policy = policy
        self._afterwards = Afterwards(context)
        self._reactions = Reactions(context, reverts)

    def __call__(self) -> None:
        """Look once."""
        for repository, branch in self._context.store.installations.places():
            try:
                self._look(repository, branch)
            except (OperationalError, InterfaceError):
                raise  # the database is away: nothing can be told of any
            except GateError as error:  # one that is broken, or forbidden, harms no other
                failed(repository, branch).warning("could not audit", reason=error.message[:500])
            except Exception:  # nor does a defect of ours
                failed(repository, branch).exception("could not audit")

    def _look(self, repository: str, branch: str) -> None:
        store = self._context.store
        seen = store.followed.get(repository, branch)
        try:
            head = self._context.commits.head(repository, branch)
        except NotFound:
            log.warning("a guarded branch is gone", repository=repository, branch=branch)
            return
        if seen is not None and seen.head == head.id and seen.is_settled:
            return
        self._begin(repository, branch)
        found = audit(self._context, repository, branch, most=WALKED_AT_MOST)
        rewrites = seen.rewrites if seen else 0
        if seen is not None and seen.head not in {step.commit.id for step in found.line.steps}:
            rewrites += 1
            self._rewritten(found, seen)
        entries = store.ledger.of_commits(repository, branch, [step.commit.id for step in found.line.held])
        for step in found.line.held:
            self._tell(found, step, entries.get(step.commit.id, ()))
        self._work(found, entries)
        states = [step.state for step in found.line.held]
        store.followed.saw(
            Seen(
                repository,
                branch,
                found.line.head.id,
                unverified=states.count(State.UNVERIFIED),
                failing=states.count(State.FAILING),
                findings=len(found.findings),
                rewrites=rewrites,
            )
        )

    def _begin(self, repository: str, branch: str) -> None:
        """Say from where on a branch is followed that was guarded before there was a ledger."""
        store = self._context.store
        if store.ledger.first(BEGAN, repository, branch) is not None:
            return
        commit_id = store.installations.commit(repository, branch)
        with store.engine.begin() as connection:
            append(
                connection,
                "audit.began",
                subject=commit_id,
                repository=repository,
                branch=branch,
                commit_id=commit_id,
            )

    def _work(self, found: Audit, entries: Mapping[str, tuple[Entry, ...]]) -> None:
        policy = self._policy()
        held = found.line.held
        unknown = [step for step in held if step.state is State.UNVERIFIED]
        bad = []
        for step in held:
            if step.state is not State.FAILING:
                continue
            try:
                governing = self._afterwards.policy_of(found, step, policy)
            except CouldNotTell as error:  # it stays where it is, and keeps from nothing
                log.warning("could not look at a failing commit", commit=step.commit.id, reason=error.message)
                continue
            if not self._afterwards.is_known(step, governing):
                unknown.append(step)
                continue
            is_waived = self._afterwards.waived(found, step, governing)
            if not is_waived and governing.on_unverified_fail == "revert":
                bad.append(step)
        unknown.sort(key=held.index, reverse=True)  # the oldest first: what came after rests on it
        self._afterwards.judge(found, unknown, entries, policy)
        self._reactions.react(found, bad, entries)

    def _rewritten(self, found: Audit, seen: Seen) -> None:
        """Record that the head that was seen last is not on the line any more."""
        content = {"seen": seen.head, "head": found.line.head.id}
        told = [
            entry
            for entry in self._context.store.ledger.of_subject(seen.head)
            if (entry.kind, entry.repository, entry.branch)
            == ("audit.rewritten", found.repository, found.branch)
            and dict(entry.content) == content
        ]
        if not told:
            self._append(found, "audit.rewritten", seen.head, "", content)
            log.error(
                "the history of a guarded branch was rewritten",
                repository=found.repository,
                branch=found.branch,
                **content,
            )

    def _tell(self, found: Audit, step: Step, entries: tuple[Entry, ...]) -> None:
        """Record once that a commit is unverified, and once that it is failing."""
        told = {entry.content["state"] for entry in entries if entry.kind == "audit.found"}
        if step.state.value in told:
            return
        content = {
            "state": step.state.value,
            "came_by": str(step.arrival),
            "check": step.check,
            "committer": step.commit.committer,
        }
        self._append(found, "audit.found", step.commit.id, step.commit.id, content)
        log.error(
            "a guarded branch holds what nobody vouches for",
            repository=found.repository,
            branch=found.branch,
            commit=step.commit.id,
            **content,
        )

    def _append(
        self, found: Audit, kind: str, subject: str, commit_id: str, content: Mapping[str, str]
    ) -> None:
        with self._context.store.engine.begin() as connection:
            append(
                connection,
                kind,
                subject=subject,
                repository=found.repository,
                branch=found.branch,
                commit_id=commit_id,
                content=content,
            )
