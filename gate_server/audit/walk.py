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
from gate_server.store.ledger import Entry

BEGAN = ("installed", "audit.began")
REWRITTEN = "audit.rewritten"
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
    is_cut
        There are more commits than were to be looked at.
    """

    repository: str
    branch: str
    line: Line
    baseline: str
    findings: tuple[str, ...] = ()
    is_cut: bool = False

    @property
    def is_verified(self) -> bool:
        """Whether something vouches for all that the branch holds."""
        return not self.findings and not self.is_cut and not self.line.held


def baselines_of(context: RevertContext, repository: str, branch: str) -> list[str]:
    """Return the commits from which on a branch is guarded: of its installations, the first one first.

    The first counts, and a later one where somebody installed on a branch that had been made anew.
    """
    began = context.store.ledger.about(BEGAN, repository, branch)
    if not began:  # of a gate that kept no ledger
        began_at = context.store.installations.commit(repository, branch)
        return [began_at] if began_at else []
    return [entry.commit_id for entry in began]


def rewritings_of(context: RevertContext, repository: str, branch: str) -> list[Entry]:
    """Return when the branch lost a head, as far as nobody has agreed to it by installing again since."""
    entries = context.store.ledger.about((*BEGAN, REWRITTEN), repository, branch)
    agreed = max((number for number, entry in enumerate(entries) if entry.kind in BEGAN), default=-1)
    return entries[agreed + 1 :]


def told_rewritings(context: RevertContext, repository: str, branch: str) -> list[str]:
    """Return what to say of them."""
    return [
        f"the history of {branch} was rewritten: {entry.content['seen']}, its head once, is not on it any "
        f"more (seen {entry.at:%Y-%m-%d %H:%M} UTC); `gate install` again says that this is as it should be"
        for entry in rewritings_of(context, repository, branch)
    ]


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
    baselines = (
        [context.commits.get(repository, since).id] if since else baselines_of(context, repository, branch)
    )
    head = context.commits.head(repository, branch)
    if not baselines:
        raise NotFound(
            f"the gate was not installed on lakefs://{repository}/{branch}",
            "say from which commit on it is to be audited: --since REF",
        )
    baseline = baselines[0]
    commits = _line(context, repository, head, baseline, most)
    is_cut = most is not None and len(commits) == most and commits[-1].id != baseline
    if later := [number for number, commit in enumerate(commits) if commit.id in baselines]:
        commits, is_cut = commits[: later[-1] + 1], False
        baseline = commits[-1].id
    is_whole = commits[-1].id == baseline
    findings = [] if since else told_rewritings(context, repository, branch)
    if not is_whole and not is_cut:
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
        is_cut,
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
