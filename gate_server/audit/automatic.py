"""Reverts that nobody asks for at the time, with a brake that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from gate_server.audit.afterwards import PRINCIPAL
from gate_server.errors import BranchMoved, Conflict, GateError, NotFound
from gate_server.model import Commit, Revert, RevertPlan
from gate_server.reports.wording import short_id
from gate_server.reverts.apply import apply_revert
from gate_server.reverts.context import RevertContext
from gate_server.reverts.plan import plan_revert
from gate_server.reverts.sweep import sweep
from gate_server.store.ledger import append

HOUR_S = 3600.0
TOLD_AFTER = 3  # attempts that failed
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 600.0
LOOKED_BACK_AT = 20  # reverts, the newest

log = structlog.get_logger()


class AutomaticReverts:
    """Takes bad data back, once; where that is not to be, records why.

    Parameters
    ----------
    most_an_hour
        How many reverts of one branch it makes in an hour.
    """

    def __init__(self, context: RevertContext, *, most_an_hour: int) -> None:
        self._context = context
        self._store = context.store
        self._most_an_hour = most_an_hour

    def is_busy(self, repository: str, branch: str) -> bool:
        """Whether a revert of the branch is under way: what comes of it is seen first.

        One that broke off is finished here, as soon as its lease is over.
        """
        if not self._store.reverts.is_open(repository, branch):
            return False
        for revert in sweep(self._context):
            log.info("a revert had broken off", revert=revert.id, state=revert.state, message=revert.message)
        return True

    def may(self, repository: str, branch: str, commit_id: str, is_of: Callable[[Revert], bool]) -> bool:
        """Whether a commit may be taken back now; records where it will not be.

        Parameters
        ----------
        is_of
            Whether a revert was this commit's.
        """
        made = self._store.reverts.made_by(PRINCIPAL, repository, branch)
        tried = [revert for revert in made if revert.state != "planned" and is_of(revert)]
        if any(revert.commit_id for revert in tried):
            why = "it was taken back once, and somebody brought it again"
            self.hold_back(repository, branch, commit_id, why)
            return False
        if len(tried) >= TOLD_AFTER:
            why = f"{TOLD_AFTER} attempts and more failed (it goes on trying): {tried[0].message}"
            self.hold_back(repository, branch, commit_id, why)
        if not tried:
            return True
        pause_s = min(FIRST_PAUSE_S * 2.0 ** min(len(tried) - 1, 20), LONGEST_PAUSE_S)
        return self._store.reverts.age_s(tried[0].id) >= pause_s

    def take_back(
        self, repository: str, branch: str, commit_id: str, plan: Callable[[], RevertPlan | None]
    ) -> bool:
        """Do what `plan` says, unless the brake holds; return whether there is nothing else to be done now.

        Parameters
        ----------
        commit_id
            What is taken back.
        plan
            Makes the plan; None where it is not to be. Its `Conflict` says why it cannot be.
        """
        if self._store.reverts.count_lately(PRINCIPAL, repository, branch, HOUR_S) >= self._most_an_hour:
            why = f"{self._most_an_hour} reverts in an hour are the most (GATE_AUDIT_REVERTS_PER_HOUR)"
            self.hold_back(repository, branch, commit_id, why)
            return True
        try:
            planned = plan()
        except BranchMoved:  # the next look sees how it is then
            return True
        except Conflict as error:
            self.hold_back(repository, branch, commit_id, error.message)
            return False
        if planned is None:
            return False
        try:
            done = apply_revert(self._context, planned, principal=PRINCIPAL)
        except GateError as error:  # another revert, or lakeFS is away: the next look sees how it is then
            log.warning("could not take back", commit=commit_id, reason=error.message[:500])
            return True
        log.error(
            "bad data was taken back" if done.commit_id else "bad data was not taken back",
            repository=repository,
            branch=branch,
            commit=commit_id,
            revert=done.id,
            state=done.state,
            message=done.message,
        )
        return True

    def take_back_watched(
        self, repository: str, branch: str, head: Commit, to: Callable[[], str], why: str
    ) -> None:
        """Take a branch back from `head`, which a watch found bad.

        Parameters
        ----------
        to
            Returns the commit at which it finds all in order, empty where there is none.
        """
        if self.is_busy(repository, branch):
            return
        where = (repository, branch, head.id)
        if self._was_taken_back(repository, branch, head):
            self.hold_back(*where, "this content was taken back once, and somebody brought it again")
        elif self.may(*where, lambda revert: head.id in revert.reason):
            self.take_back(*where, lambda: self._to_where_it_was_in_order(repository, branch, head, to, why))

    def _to_where_it_was_in_order(
        self, repository: str, branch: str, head: Commit, to: Callable[[], str], why: str
    ) -> RevertPlan | None:
        target = to()
        if not target or target == head.id:
            self.hold_back(repository, branch, head.id, "no head was seen at which all was in order")
            return None
        reason = f"{why}: {head.id}"
        return plan_revert(self._context, repository, branch, target, reason=reason, expected_head=head.id)

    def _was_taken_back(self, repository: str, branch: str, head: Commit) -> bool:
        for revert in self._store.reverts.made_by(PRINCIPAL, repository, branch)[:LOOKED_BACK_AT]:
            if not revert.commit_id:
                continue
            try:
                was = self._context.commits.get(repository, revert.from_commit)
            except NotFound:
                continue
            if was.metarange == head.metarange:
                return True
        return False

    def hold_back(self, repository: str, branch: str, commit_id: str, why: str) -> None:
        """Record once that a commit is not taken back, and why."""
        content: Mapping[str, str] = {"why": why}
        told = [
            entry
            for entry in self._store.ledger.of_subject(commit_id)
            if (entry.kind, entry.repository, entry.branch) == ("audit.held_back", repository, branch)
            and dict(entry.content) == content
        ]
        if told:
            return
        with self._store.engine.begin() as connection:
            append(
                connection,
                "audit.held_back",
                subject=commit_id,
                repository=repository,
                branch=branch,
                commit_id=commit_id,
                content=content,
            )
        log.error(
            "bad data is not taken back",
            repository=repository,
            branch=branch,
            commit=short_id(commit_id),
            why=why,
        )
