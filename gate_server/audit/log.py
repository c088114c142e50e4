"""A branch's log for people: each commit with what the record says of it; a page costs what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from gate_server.audit.line import State, Step
from gate_server.audit.record import step_of
from gate_server.audit.walk import baselines_of
from gate_server.errors import NotFound
from gate_server.model import Commit
from gate_server.reverts.context import RevertContext

MOST_BACK = 10_000


@dataclass(frozen=True)
class LoggedCommit:
    """A commit of a branch.

    ``is_before`` says that it is older than the gate's installation, so that nobody vouches for it.
    """

    step: Step
    is_before: bool


@dataclass(frozen=True)
class BranchLog:
    """Some of a branch's commits, newest first; `older` is the last of them where there are more.

    ``is_guarded``: the gate was installed on it.
    """

    head: Commit
    commits: tuple[LoggedCommit, ...]
    older: str
    is_guarded: bool


def branch_log(
    context: RevertContext, repository: str, branch: str, *, after: str = "", most: int
) -> BranchLog:
    """Return a branch's newest commits, or those below `after`.

    Raises
    ------
    NotFound
        When the branch does not exist, or `after` is not among the newest `MOST_BACK` commits of its line.
    """
    head = context.commits.head(repository, branch)
    line = islice(context.commits.first_parents(repository, head.id), MOST_BACK)
    baseline = next(iter(baselines_of(context, repository, branch)), "")  # the first counts
    is_before = _skip(line, after, baseline, branch) if after else False
    found = list(islice(line, most + 1))
    shown = found[:most]
    entries = context.store.ledger.of_commits(repository, branch, [commit.id for commit in shown])
    commits = []
    for commit in shown:
        step = step_of(commit, entries.get(commit.id, ()))
        if commit.id == baseline:
            step = Step(commit, State.INSTALLED)
        commits.append(LoggedCommit(step, is_before))
        is_before = is_before or commit.id == baseline
    older = shown[-1].id if len(found) > most else ""
    return BranchLog(head, tuple(commits), older, bool(baseline))


def _skip(line: Iterator[Commit], after: str, baseline: str, branch: str) -> bool:
    """Go down to `after`; return whether that is at or below the baseline."""
    is_before = False
    for commit in line:
        is_before = is_before or commit.id == baseline
        if commit.id == after:
            return is_before
    raise NotFound(f"{after} is none of the last {MOST_BACK:,} commits of {branch}", "begin at its head")
