"""A stored check, prepared for its page: the verdict, why, and every result."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gate_server.model import Check, Evaluation, Obligation, Outcome, Problem, Reason, Result, Verdict
from gate_server.policy.declared import CANARY_REFUSED
from gate_server.reports import wording
from gate_server.reports.results import TONES, Section, Tone, place_of, sections

MOST_SHOWN = 200  # of findings, and of obligations; the JSON holds all of them

HEADLINES = {
    Outcome.PASS: "Passed",
    Outcome.WARN: "Passed with warnings",
    Outcome.FAIL: "Failed",
    Outcome.ERROR: "Could not tell",
}


@dataclass(frozen=True)
class Finding:
    """One reason of the verdict, with what its result or problem says more.

    ``place`` is such as "lines 3-5, 9" or "byte 1,024"; ``waived_by`` who answers for it; ``read_at`` the
    commit that the object was read at, empty where none was.
    """

    tone: Tone
    word: str
    message: str
    rule: str = ""
    path: str = ""
    place: str = ""
    expectation: str = ""
    expected: str = ""
    observed: str = ""
    hint: str = ""
    waived_by: str = ""
    read_at: str = ""
    waivable: bool = False


@dataclass(frozen=True)
class CheckReport:
    """All that the page of a check shows.

    ``more_findings`` and its like are how many are left out.
    """

    check: Check
    tone: Tone
    headline: str
    effect: str
    sentence: str
    findings: tuple[Finding, ...]
    remarks: tuple[Finding, ...]
    sections: tuple[Section, ...]
    rules: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    more_findings: int = 0
    more_remarks: int = 0
    more_sections: int = 0

    @property
    def is_running(self) -> bool:
        """Whether there is no verdict yet."""
        return self.tone == "running"

    @property
    def is_look(self) -> bool:
        """Whether a watch looked at what a branch holds."""
        return self.check.source_commit == self.check.base_commit

    @property
    def can_be_asked_again(self) -> bool:
        """Whether there is a merge to ask for: no watch looked, and no audit came later."""
        return self.check.source_name not in ("", "audit") and not self.is_look

    @property
    def command(self) -> str:
        """The command that asks for the same merge again."""
        source = shlex.quote(f"lakefs://{self.check.repository}/{self.check.source_name}")
        return f"gate check {source} --into {shlex.quote(self.check.destination)}"

    @property
    def can_be_waived(self) -> bool:
        """Whether something failed that somebody may answer for, and nothing that nobody may."""
        failed = [finding for finding in self.findings if finding.tone == "fail"]
        return bool(failed) and all(finding.waivable for finding in failed)

    @property
    def is_prediction(self) -> bool:
        """Whether no merge was under way: somebody asked ahead."""
        return not self.check.judged_commit


@dataclass(frozen=True)
class CheckRow:
    """A check in a list, by the verdict that was stored."""

    check: Check
    tone: Tone
    word: str
    sentence: str


def check_row(check: Check) -> CheckRow:
    """Return a check for a list; it needs neither plan nor evaluations, nor the verdict but in one line."""
    if check.state != "done":
        return CheckRow(check, "running", check.state.capitalize(), "")
    if not check.outcome:
        return CheckRow(check, "error", Outcome.ERROR.value, "The check ended without a verdict.")
    outcome = Outcome(check.outcome)
    said = (check.summary or (check.verdict.summary if check.verdict else "")).removeprefix(f"{outcome}: ")
    # Nothing else failed ("and 2 more"): the gate was tried, and did what it should.
    if outcome is Outcome.FAIL and said.startswith(CANARY_REFUSED) and not said.endswith("more)"):
        return CheckRow(check, "info", "CANARY", said)
    return CheckRow(check, TONES[outcome], outcome.value, said)


def check_report(check: Check, verdict: Verdict | None) -> CheckReport:
    """Return the report of `check`.

    Parameters
    ----------
    verdict
        As decided now, waivers and time included; None while the check is not done.
    """
    if verdict is None:
        waits = check.state == "queued"
        where = " elsewhere" if check.place == "elsewhere" else ""
        return CheckReport(
            check=check,
            tone="running",
            headline="Waiting" if waits else "Running",
            effect="No verdict yet, so nothing is merged.",
            sentence=(
                f"The check waits for a worker{where}."
                if waits
                else f"The data is being read and judged{', by a worker elsewhere' if where else ''}."
            ),
            findings=(),
            remarks=(),
            sections=(),
        )
    every_section = sections(check, verdict)
    return CheckReport(
        check=check,
        tone=TONES[verdict.outcome],
        headline=HEADLINES[verdict.outcome],
        effect=_effect(check, verdict),
        sentence=_sentence(check, verdict),
        findings=tuple(_finding(check, reason) for reason in verdict.reasons[:MOST_SHOWN]),
        remarks=tuple(_finding(check, reason) for reason in verdict.reports[:MOST_SHOWN]),
        sections=every_section[:MOST_SHOWN],
        rules=verdict.rules,
        off=verdict.off,
        more_findings=max(0, len(verdict.reasons) - MOST_SHOWN),
        more_remarks=max(0, len(verdict.reports) - MOST_SHOWN),
        more_sections=max(0, len(every_section) - MOST_SHOWN),
    )


def _effect(check: Check, verdict: Verdict) -> str:
    """Return what the verdict means for the merge."""
    if check.source_commit == check.base_commit:
        return f"This is what {check.destination} holds: a watch looked at all of it, nothing is merged."
    would = "is" if check.judged_commit else "would be"
    if verdict.outcome is Outcome.FAIL:
        return f"The merge {would} refused."
    if verdict.outcome is Outcome.ERROR:
        if verdict.allowed:
            return f"The merge {would} let through unverified, as the policy says (on_error: warn)."
        return f"The merge {would} blocked until the gate can tell."
    return f"The merge {would} allowed."


def _sentence(check: Check, verdict: Verdict) -> str:
    if verdict.reasons:
        return _told(verdict)
    if not verdict.rules:
        return "No rule applies to this repository and branch, so nothing was judged."
    obligations = check.plan.obligations if check.plan else ()
    if not obligations:
        return f"{_rules(verdict.rules)} here, and none of the changed paths is theirs to judge."
    objects = sum(len(obligation.objects) for obligation in obligations)
    results = sum(len(evaluation.results) for evaluation in check.evaluations.values())
    return f"All {wording.count(results, 'expectation')} hold, on {wording.count(objects, 'object')}."


def _told(verdict: Verdict) -> str:
    return verdict.summary.removeprefix(f"{verdict.outcome}: ")


def _rules(names: Sequence[str]) -> str:
    return "1 rule applies" if len(names) == 1 else f"{len(names)} rules apply"


def _finding(check: Check, reason: Reason) -> Finding:
    tone = TONES[reason.outcome]
    word = reason.outcome.value
    if reason.waived_by:
        word = "WAIVED"
    elif reason.outcome is Outcome.PASS:
        tone, word = "info", "INFO"
    source = _source(check, reason)
    result = source if isinstance(source, Result) else None
    return Finding(
        tone=tone,
        word=word,
        message=reason.message,
        rule=reason.rule,
        path=reason.path,
        place=place_of(source),
        expectation=reason.expectation,
        expected=result.expected if result else "",
        observed=result.observed if result else "",
        hint=reason.hint,
        waived_by=reason.waived_by,
        read_at=_read_at(check, reason.path),
        waivable=reason.waivable,
    )


def _read_at(check: Check, path: str) -> str:
    objects = (
        item for obligation in (check.plan.obligations if check.plan else ()) for item in obligation.objects
    )
    return next((item.commit_id for item in objects if item.path == path), "")


def _source(check: Check, reason: Reason) -> Result | Problem | None:
    """Return the result or problem that a reason tells of, None where the plan alone declared it."""
    for obligation, evaluation in _evaluated(check):
        if obligation.rule != reason.rule:
            continue
        problem = evaluation.problem
        if reason.expectation:
            for result in evaluation.results:
                if obligation.target == reason.path and _is_told_by(result, reason):
                    return result
        elif (
            problem and problem.message in reason.message and reason.path in (problem.path, obligation.target)
        ):
            return problem
    return None


def _is_told_by(result: Result, reason: Reason) -> bool:
    told = not result.success or result.vacuous
    same = result.expectation == reason.expectation
    return told and same and reason.message.startswith(result.message or result.expectation)


def _evaluated(check: Check) -> Iterator[tuple[Obligation, Evaluation]]:
    for obligation in check.plan.obligations if check.plan else ():
        evaluation = check.evaluations.get(obligation.number)
        if evaluation is not None:
            yield obligation, evaluation
