"""An audit: a branch's line from its head down to what is trusted, each commit beside the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise

from gate_server.audit.arrivals import arrival_of
from gate_server.audit.line import OPEN, Line, State, Step
from gate_server.audit.record import step_of
from gate_server.errors import CouldNotTell, GateError, NotFound
from gate_server.lakefs.answers import Difference, RepositoryAnswer, as_shape
from gate_server.lakefs.client import repository_url
from gate_server.model import Commit
from gate_server.reverts.context import RevertContext
from gate_server.reverts.gate_files import holds, is_gate_file

BEGAN = ("installed", "audit.began")
ACTION = "_lakefs_actions/gate_pre_merge.yaml"
SOURCES_LOOKED_AT = 20  # how many merges are asked for how they came, the newest


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Parameters
    ----------
    baseline
        The commit that is trusted, empty where none is on the line.
    findings
        What is wrong with the line as a whole.
    """

    repository: str
    branch: str
    line: Line
    baseline: str
    findings: tuple[str, ...] = ()

    @property
    def is_verified(self) -> bool:
        """Whether something vouches for all that the branch holds."""
        return not self.findings and not self.line.held


def baseline_of(context: RevertContext, repository: str, branch: str) -> str:
    """Return the commit from which on a branch is guarded: of the first installation; empty where none is."""
    first = context.store.ledger.first(BEGAN, repository, branch)
    if first is not None:
        return first.commit_id
    return context.store.installations.commit(repository, branch)  # of a gate that kept no ledger


def audit(
    context: RevertContext, repository: str, branch: str, *, since: str = "", most: int | None = None
) -> Audit:
    """Audit a branch.

    Parameters
    ----------
    since
        The commit that is trusted, any ref; else the one with which the gate was installed.
    most
        How many commits are walked; what is older is not looked at.

    Raises
    ------
    NotFound
        When the branch or `since` does not exist, or the branch is not guarded and `since` is not given.
    CouldNotTell
        When `since` is not on the branch's line.
    """
    baseline = (
        context.commits.get(repository, since).id if since else baseline_of(context, repository, branch)
    )
    head = context.commits.head(repository, branch)
    if not baseline:
        raise NotFound(
            f"the gate was not installed on lakefs://{repository}/{branch}",
            "say from which commit on it is to be audited: --since REF",
        )
    commits = _line(context, repository, head, baseline, most)
    is_whole = commits[-1].id == baseline
    findings = []
    if not is_whole and (most is None or len(commits) < most):
        if since:
            raise CouldNotTell(
                f"{since} is not on the first-parent line of {branch}",
                "name a commit that the branch stood at",
            )
        findings.append(
            f"the history of {branch} does not hold commit {baseline} any more, with which the gate was "
            "installed: somebody reset the branch, or made it anew"
        )
    entries = context.store.ledger.of_commits(repository, branch, [commit.id for commit in commits])
    steps = [step_of(commit, entries.get(commit.id, ())) for commit in commits]
    steps = [_placed(context, repository, step, commits) for step in steps]
    if is_whole:
        steps[-1] = Step(commits[-1], State.INSTALLED)
    return Audit(
        repository,
        branch,
        Line(tuple(_with_arrivals(context, repository, branch, steps))),
        baseline if is_whole else "",
        tuple(findings),
    )


def _line(
    context: RevertContext, repository: str, head: Commit, baseline: str, most: int | None
) -> list[Commit]:
    found = []
    line = context.commits.first_parents(repository, head.id, stop_at=baseline)
    for commit in islice(line, most):
        found.append(commit)
        if commit.id == baseline:
            break
    if not found or found[0].id != head.id:
        raise CouldNotTell(f"lakeFS does not give the log of {head.id}", "try again")
    # What the log leaves out would be vouched for by what stands above it.
    for newer, older in pairwise(found):
        if newer.parents[:1] != (older.id,):
            raise CouldNotTell(f"lakeFS's log of {head.id} has a gap below {newer.id}", "try again")
    is_cut = most is None or len(found) < most
    if is_cut and found[-1].id != baseline and found[-1].parents:
        raise CouldNotTell(
            f"lakeFS's log of {head.id} ends at {found[-1].id}, which has a parent", "try again"
        )
    return found


def _placed(context: RevertContext, repository: str, step: Step, commits: Sequence[Commit]) -> Step:
    """Return `step` with what it took back placed: on the line, below it, or, vouching for nothing, aside."""
    took = step.took
    if took is None or took.kind != "to":
        return step
    target = next((commit for commit in commits if commit.id == took.target), None)
    if target is not None and (not took.is_exact or _is_same(context, repository, target, step.commit)):
        return step
    below = context.commits.first_parents(repository, commits[-1].id, stop_at=took.target)
    found = None if target else next((commit for commit in below if commit.id == took.target), None)
    if found is not None and (not took.is_exact or _is_same(context, repository, found, step.commit)):
        return replace(step, took=replace(took, kind="before"))
    state = State.UNVERIFIED if step.state is State.REVERT else step.state
    return replace(step, state=state, took=replace(took, is_exact=False))


def _is_same(context: RevertContext, repository: str, target: Commit, made: Commit) -> bool:
    """Whether `made` holds what `target` does, but for the gate's own files, whatever the record says."""
    if target.metarange == made.metarange:
        return True
    path = repository_url(repository, "refs", target.id, "diff", made.id)
    differing = context.lakefs.pages(path, type="two_dot")
    return all(is_gate_file(as_shape(Difference, item, f"GET {path}").path) for item in differing)


def _with_arrivals(context: RevertContext, repository: str, branch: str, steps: Sequence[Step]) -> list[Step]:
    installed = context.store.installations.files(repository, branch) or {}
    looked_at, found = 0, []
    for step in steps:
        if step.state in OPEN:
            source_asks = None
            if len(step.commit.parents) > 1 and looked_at < SOURCES_LOOKED_AT:
                looked_at += 1
                source_asks = _asks(context, repository, step.commit.parents[1], installed)
            is_forced = bool(source_asks) and _is_read_only(context, repository)
            arrival = arrival_of(step.commit, source_asks=source_asks, is_read_only=is_forced)
            step = replace(step, arrival=arrival)  # noqa: PLW2901
        found.append(step)
    return found


def _is_read_only(context: RevertContext, repository: str) -> bool:
    """Whether merges have to be forced now, which calls no hook (H7)."""
    try:
        found = context.lakefs.get(repository_url(repository))
        return as_shape(RepositoryAnswer, found, f"repository {repository}").read_only
    except GateError:
        return False  # only how it came is not known then


def _asks(context: RevertContext, repository: str, source: str, installed: dict[str, str]) -> bool | None:
    """Whether lakeFS found the gate's action, as it was installed, in what was merged (H1)."""
    if ACTION not in installed:
        return None
    try:
        commit = context.commits.get(repository, source)
        identity = context.listings.of(repository, commit, ACTION).get(ACTION)
        return holds(context, repository, commit, identity, ACTION, installed[ACTION])
    except GateError:
        return None  # only how it came is not known then
