"""Reverts that nobody asks for at the time, with a brake that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from gate_server.audit.afterwards import PRINCIPAL
from gate_server.errors import GateError
from gate_server.model import Commit, Revert, RevertPlan
from gate_server.reports.wording import short_id
from gate_server.reverts.apply import apply_revert
from gate_server.reverts.context import RevertContext
from gate_server.reverts.plan import plan_revert
from gate_server.store.ledger import append

HOUR_S = 3600.0
MOST_ATTEMPTS = 3
LOOKED_BACK_AT = 20  # reverts, the newest
MADE_A_COMMIT = ("applied", "verified", "moved")

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

    def take_back(
        self, repository: str, branch: str, commit_id: str, plan: Callable[[], RevertPlan | None]
    ) -> None:
        """Do what `plan` says, unless it was done before, failed too often, or the brake holds.

        Parameters
        ----------
        commit_id
            What is taken back, by which it is known again: the plan's reason names it.
        plan
            Makes the plan; None where it is not the time, or not to be.
        """
        if any(
            (revert.repository, revert.branch) == (repository, branch)
            for revert, _ in self._store.reverts.unfinished()
        ):
            return  # what comes of it is seen first
        mine = [revert for revert in self._made(repository, branch) if commit_id in revert.reason]
        if any(revert.state in MADE_A_COMMIT for revert in mine):
            why = "it was taken back once, and somebody brought it again"
            self.hold_back(repository, branch, commit_id, why)
            return
        if len(mine) >= MOST_ATTEMPTS:
            why = f"{MOST_ATTEMPTS} attempts failed: {mine[0].message}"
            self.hold_back(repository, branch, commit_id, why)
            return
        if self._store.reverts.count_lately(PRINCIPAL, repository, branch, HOUR_S) >= self._most_an_hour:
            why = f"{self._most_an_hour} reverts in an hour are the most (GATE_AUDIT_REVERTS_PER_HOUR)"
            self.hold_back(repository, branch, commit_id, why)
            return
        try:
            planned = plan()
            if planned is None:
                return
            done = apply_revert(self._context, planned, principal=PRINCIPAL)
        except GateError as error:  # the branch moved, or lakeFS is away: the next look sees how it is then
            log.warning("could not take back", commit=commit_id, reason=error.message[:500])
            return
        log.error(
            "bad data was taken back" if done.state in MADE_A_COMMIT else "bad data was not taken back",
            repository=repository,
            branch=branch,
            commit=commit_id,
            revert=done.id,
            state=done.state,
            message=done.message,
        )

    def take_back_watched(self, repository: str, branch: str, head: Commit, to: str, why: str) -> None:
        """Take a branch back from `head`, which a watch found bad, to `to`, where it found all in order."""
        for revert in self._made(repository, branch)[:LOOKED_BACK_AT]:
            was = self._context.commits.get(repository, revert.from_commit)
            if revert.state in MADE_A_COMMIT and was.metarange == head.metarange:
                said = "this content was taken back once, and somebody brought it again"
                self.hold_back(repository, branch, head.id, said)
                return
        if not to:
            self.hold_back(repository, branch, head.id, "no head was seen at which all was in order")
            return
        self.take_back(
            repository,
            branch,
            head.id,
            lambda: plan_revert(
                self._context, repository, branch, to, reason=f"{why}: {head.id}", expected_head=head.id
            ),
        )

    def hold_back(self, repository: str, branch: str, commit_id: str, why: str) -> None:
        """Record once that a commit is not taken back, and why."""
        content: Mapping[str, str] = {"why": why}
        told = [
            entry
            for entry in self._store.ledger.of_subject(commit_id)
            if entry.kind == "audit.held_back" and dict(entry.content) == content
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

    def _made(self, repository: str, branch: str) -> list[Revert]:
        return self._store.reverts.made_by(PRINCIPAL, repository, branch)
