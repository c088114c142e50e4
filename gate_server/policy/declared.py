"""What a plan knows already, without an evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gate_server.model import Candidate, Change, Changes, DeclaredOutcome, Outcome, Rule
from gate_server.policy.globs import matches
from gate_server.policy.targets import gone

CANARY_PREFIX = "_gate/canary-"
CANARY_REFUSED = "the gate's canary: refused, as it has to be"
CONSEQUENCE = {"pass": Outcome.PASS, "warn": Outcome.WARN, "fail": Outcome.FAIL}


def partly_reverted(merge_id: str, revert_id: str, source: str, destination: str) -> DeclaredOutcome:
    """Return that a merge of the source's line was taken back by a revert: it would not come again (R9).

    Parameters
    ----------
    source
        As a lakeFS URI.
    """
    return DeclaredOutcome(
        "partly_reverted",
        Outcome.FAIL,
        f"partly reverted: merge {merge_id[:12]} of this branch was taken back (revert {revert_id}), and "
        "only what is newer would come",
        hint=f"`gate reapply {source} --into {destination}` brings all of it; where that was done, merge "
        f"{destination} into the branch first",
    )


def gate_file_outcomes(candidate: Candidate, changes: Changes, registered: bool) -> Iterable[DeclaredOutcome]:
    """Yield what it means that files of the gate change; `registered`: `gate install` announced it."""
    canaries = [path for path in changes.gate_files if path.startswith(CANARY_PREFIX)]
    for path in canaries:
        yield DeclaredOutcome("canary", Outcome.FAIL, CANARY_REFUSED, path=path)
    for path in changes.gate_files:
        if path in canaries:
            continue
        if registered:
            yield DeclaredOutcome("gate_files", Outcome.PASS, f"{path} changes, as was announced", path=path)
        else:
            yield DeclaredOutcome(
                "gate_files",
                Outcome.FAIL,
                f"{path} belongs to the gate and may not change in a merge",
                path=path,
                hint=f"merge {candidate.destination} into the branch; where the branch changed or deleted it "
                f"itself, put {candidate.destination}'s back; only `gate install` changes it",
            )


def rule_outcomes(
    rule: Rule, candidate: Candidate, changes: Changes, mine: Sequence[Change]
) -> Iterable[DeclaredOutcome]:
    """Yield what a merge would lose, lack or delete under a rule; `mine` are the changes that concern it."""
    for path in changes.lost:
        if matches(path, rule.paths):
            yield DeclaredOutcome(
                "lost",
                Outcome.FAIL,
                f"lost by merge: the source added {path}, the result lacks it",
                rule.name,
                path,
                f"lakeFS drops an added object when {candidate.destination} deleted one of the same content; "
                "upload it again with other metadata",
            )
    for pattern in rule.required:
        if not any(matches(path, (pattern,)) for path in changes.result):
            yield DeclaredOutcome(
                "required",
                Outcome.FAIL,
                f"{pattern} is required, and no object matches it",
                rule.name,
                pattern,
            )
    removed = gone(rule, mine, changes.result)
    if removed and rule.on_delete != "pass":
        yield DeclaredOutcome(
            "deleted",
            CONSEQUENCE[rule.on_delete],
            f"only deletions: {counted(len(removed), 'object')} would go, the first is {removed[0]}",
            rule.name,
            removed[0],
            "set `on_delete: pass` on the rule where deletions are meant to happen",
        )


def linked_outcome(rule: Rule, target: str) -> DeclaredOutcome:
    """Return that a target is linked, and the rule does not allow it."""
    return DeclaredOutcome(
        "linked",
        Outcome.FAIL,
        "lies outside the repository's own data, so it can change after it was judged",
        rule.name,
        target,
        "upload or import a copy, or set `linked: allow` on the rule",
    )


def counted(count: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
