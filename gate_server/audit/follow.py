"""Following the guarded branches: what came by another way is found, judged, and told or taken back.

Polling is the truth here: whatever happened, and whether or not lakeFS called anybody, the next look compares
the branch with the record. Events, and what is being judged, only make the next look come sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from gate_server.audit.afterwards import Afterwards
from gate_server.audit.automatic import AutomaticReverts
from gate_server.audit.line import Line, State, Step
from gate_server.audit.react import Reactions
from gate_server.audit.record import DOUBTED
from gate_server.audit.walk import BEGAN, REWRITTEN, Audit, audit, rewritings_of, told_rewritings
from gate_server.errors import CouldNotTell, GateError, NotFound
from gate_server.model import Policy
from gate_server.reverts.context import RevertContext
from gate_server.store.duties import AUDIT
from gate_server.store.followed import Seen
from gate_server.store.ledger import Entry, append
from gate_server.telemetry import metrics

WALKED_AT_MOST = 10_000  # commits since the last at which all was in order; lakeFS gives 1,000 in one call

log = structlog.get_logger()


def _reaches_below(line: Line) -> bool:
    """Whether a revert of the line took back, or brought again, what lies below it."""
    known, last = {step.commit.id for step in line.steps}, line.steps[-1].commit.id
    took = [step.took for step in line.steps if step.took is not None]
    return any(item.target not in known or (item.kind, item.target) == ("undo", last) for item in took)


def _findings(found: Audit) -> int:
    return len(found.findings) + found.is_cut


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
        found = self._audit(repository, branch, seen)
        rewrites = seen.rewrites if seen else 0
        is_lost = seen is not None and seen.head not in {step.commit.id for step in found.line.steps}
        if seen is not None and is_lost and not found.is_cut:
            rewrites += 1
            self._rewritten(found, seen)
            found = self._audit(repository, branch, None)
        self._tell_findings(found, seen)
        entries = store.ledger.of_commits(repository, branch, [step.commit.id for step in found.line.held])
        for step in found.line.held:
            self._tell(found, step, entries.get(step.commit.id, ()))
        self._work(found, entries)
        states = [step.state for step in found.line.held]
        now_seen = Seen(
            repository,
            branch,
            found.line.head.id,
            unverified=states.count(State.UNVERIFIED),
            failing=states.count(State.FAILING),
            findings=_findings(found),
            rewrites=rewrites,
            trusted=seen.trusted if seen else "",
        )
        store.followed.saw(replace(now_seen, trusted=now_seen.head) if now_seen.is_settled else now_seen)

    def _audit(self, repository: str, branch: str, seen: Seen | None) -> Audit:
        """Audit what came since all was in order; all, where what came reaches to before that."""
        if seen is not None and seen.trusted:
            try:
                found = audit(self._context, repository, branch, since=seen.trusted, most=WALKED_AT_MOST)
            except CouldNotTell:  # it is not on the line any more, or lakeFS fails: then it does so again
                pass
            else:
                if not _reaches_below(found.line):
                    rewritten = told_rewritings(self._context, repository, branch)
                    return replace(found, findings=(*found.findings, *rewritten))
        return audit(self._context, repository, branch, most=WALKED_AT_MOST)

    def _tell_findings(self, found: Audit, seen: Seen | None) -> None:
        if _findings(found) == (seen.findings if seen else 0):
            return
        said = list(found.findings)
        if found.is_cut:
            last = found.line.steps[-1].commit.id
            said.append(
                f"there are more than {WALKED_AT_MOST} commits to look at: none below {last} is followed "
                "(`gate audit` looks at all of them; `gate install` again goes on from the head)"
            )
        tell = log.error if said else log.info
        tell(
            "the history of a guarded branch",
            repository=found.repository,
            branch=found.branch,
            findings=said or ["is in order again"],
        )

    def _begin(self, repository: str, branch: str) -> None:
        """Say from where on a branch is followed that was guarded before there was a ledger."""
        store = self._context.store
        if store.ledger.about(BEGAN, repository, branch):
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
        unknown += self._doubted(found, policy)
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
        unknown.sort(
            key=found.line.steps.index, reverse=True
        )  # the oldest first: what came after rests on it
        if self._afterwards.judge(found, unknown, entries, policy):
            self._context.store.duties.ask(AUDIT)
        self._reactions.react(found, bad, entries)

    def _doubted(self, found: Audit, policy: Policy) -> list[Step]:
        """Return what was judged by a policy that nobody vouches for: from now on it is to be judged anew."""
        doubted = []
        for step in found.line.steps if found.line.held else ():
            try:
                is_doubted = self._afterwards.doubted(found, step, policy)
            except CouldNotTell:
                continue  # tried again as long as something is outstanding
            if is_doubted:
                self._append(found, DOUBTED, step.commit.id, step.commit.id, {"check": step.check})
                doubted.append(step)
        return doubted

    def _rewritten(self, found: Audit, seen: Seen) -> None:
        """Record that the head that was seen last is not on the line any more."""
        content = {"seen": seen.head, "head": found.line.head.id}
        entries = rewritings_of(self._context, found.repository, found.branch)
        told = [entry for entry in entries if dict(entry.content) == content]
        if not told:
            self._append(found, REWRITTEN, seen.head, "", content)
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
