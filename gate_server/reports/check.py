"""A stored check, prepared for its page: the findings first, then every result of every obligation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from gate_server.model import Check, Evaluation, Obligation, Outcome, Problem, Reason, Result, Verdict
from gate_server.reports import wording

Tone = Literal["pass", "warn", "fail", "error", "info", "running"]

TONES: dict[Outcome, Tone] = {
    Outcome.PASS: "pass",
    Outcome.WARN: "warn",
    Outcome.FAIL: "fail",
    Outcome.ERROR: "error",
}
HEADLINES = {
    Outcome.PASS: "Passed",
    Outcome.WARN: "Passed with warnings",
    Outcome.FAIL: "Failed",
    Outcome.ERROR: "Could not tell",
}
_BY_SEVERITY: dict[str, tuple[Tone, str]] = {
    "critical": ("fail", "Failed"),
    "warning": ("warn", "Failed, a warning"),
    "info": ("info", "Failed, for information"),
}


@dataclass(frozen=True)
class Finding:
    """One reason of the verdict, with what its result or problem says more.

    ``place`` is such as "lines 3-5, 9" or "byte 1,024"; ``waived_by`` who answers for it.
    """

    tone: Tone
    word: str
    message: str
    rule: str = ""
    path: str = ""
    place: str = ""
    expectation: str = ""
    column: str = ""
    expected: str = ""
    observed: str = ""
    hint: str = ""
    waived_by: str = ""


@dataclass(frozen=True)
class ResultRow:
    """One expectation in the table of its obligation."""

    tone: Tone
    word: str
    expectation: str
    column: str
    message: str
    expected: str
    observed: str
    counts: str
    place: str
    answered_from: str


@dataclass(frozen=True)
class Section:
    """One obligation: a rule on an object or dataset, and all its results."""

    tone: Tone
    word: str
    rule: str
    target: str
    objects: int
    facts: str
    rows: tuple[ResultRow, ...]
    problem: Problem | None
    place: str


@dataclass(frozen=True)
class CheckReport:
    """All that the page of a check shows.

    ``verdict`` is None while the check waits or runs; ``unverified`` is an ERROR that was let through.
    """

    check: Check
    tone: Tone
    headline: str
    effect: str
    sentence: str
    findings: tuple[Finding, ...]
    remarks: tuple[Finding, ...]
    sections: tuple[Section, ...]
    rules: tuple[str, ...]
    off: tuple[str, ...]

    @property
    def is_running(self) -> bool:
        """Whether there is no verdict yet."""
        return self.tone == "running"

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
    """Return a check for a list; it needs neither plan nor evaluations."""
    if check.state != "done":
        return CheckRow(check, "running", check.state.capitalize(), "")
    if check.verdict is None:
        return CheckRow(check, "error", Outcome.ERROR.value, "The check ended without a verdict.")
    verdict = check.verdict
    return CheckRow(check, TONES[verdict.outcome], verdict.outcome.value, _told(verdict))


def check_report(check: Check, verdict: Verdict | None) -> CheckReport:
    """Return the report of `check`.

    Parameters
    ----------
    verdict
        As decided now, waivers and time included; None while the check is not done.
    """
    sections = tuple(_sections(check))
    if verdict is None:
        waits = check.state == "queued"
        return CheckReport(
            check=check,
            tone="running",
            headline="Waiting" if waits else "Running",
            effect="No verdict yet, so nothing is merged.",
            sentence="The check waits for a worker." if waits else "The data is being read and judged.",
            findings=(),
            remarks=(),
            sections=sections,
            rules=(),
            off=(),
        )
    return CheckReport(
        check=check,
        tone=TONES[verdict.outcome],
        headline=HEADLINES[verdict.outcome],
        effect=_effect(verdict, is_prediction=not check.judged_commit),
        sentence=_sentence(check, verdict),
        findings=tuple(_finding(check, reason) for reason in verdict.reasons),
        remarks=tuple(_finding(check, reason) for reason in verdict.reports),
        sections=sections,
        rules=verdict.rules,
        off=verdict.off,
    )


def _effect(verdict: Verdict, *, is_prediction: bool) -> str:
    """Return what the verdict means for the merge."""
    would = "would be" if is_prediction else "is"
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
        place=_place(source),
        expectation=reason.expectation,
        column=result.column if result else "",
        expected=result.expected if result else "",
        observed=result.observed if result else "",
        hint=reason.hint,
        waived_by=reason.waived_by,
    )


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


def _place(source: Result | Problem | None) -> str:
    if isinstance(source, Result):
        return _places(source)
    if source is None:
        return ""
    if source.line is not None:
        return f"line {source.line}"
    return f"byte {source.offset_bytes:,}" if source.offset_bytes is not None else ""


def _places(result: Result) -> str:
    """Return where a result's values stand; in a dataset of several objects, in which of them."""
    by_path: dict[str, list[int]] = {}
    for place in result.detail.get("places", ()):
        by_path.setdefault(place["path"], []).extend([place["line"]] if place["line"] is not None else [])
    if not by_path:
        return wording.places(result.lines, result.rows, result.unexpected_count)
    told = [f"{path} {wording.places(lines, (), None)}".rstrip() for path, lines in by_path.items()]
    return "; ".join(told) + wording.and_more(result.unexpected_count, len(result.rows))


def _sections(check: Check) -> Iterator[Section]:
    for obligation in check.plan.obligations if check.plan else ():
        yield _section(obligation, check.evaluations.get(obligation.number))


def _section(obligation: Obligation, evaluation: Evaluation | None) -> Section:
    tone, word = _state(evaluation)
    problem = evaluation.problem if evaluation else None
    if evaluation is None:
        problem = Problem("not_evaluated", "was not evaluated", "ask again; the gate's log says why")
    return Section(
        tone=tone,
        word=word,
        rule=obligation.rule,
        target=obligation.target,
        objects=len(obligation.objects),
        facts=_facts(evaluation) if evaluation else "",
        rows=tuple(_row(result) for result in evaluation.results) if evaluation else (),
        problem=problem,
        place=_place(problem),
    )


def _state(evaluation: Evaluation | None) -> tuple[Tone, str]:
    if evaluation is None or evaluation.status == "error":
        return "error", "Could not tell"
    if evaluation.status == "unreadable":
        return "fail", "Unreadable"
    if evaluation.status == "limit_of_data":
        return "fail", "Over a limit"
    failed = [_BY_SEVERITY[result.severity][0] for result in evaluation.results if not result.success]
    tones: tuple[tuple[Tone, str], ...] = (
        ("fail", f"{len(failed)} of {len(evaluation.results)} failed"),
        ("warn", f"{len(failed)} of {len(evaluation.results)} failed, as a warning"),
        ("info", f"{len(failed)} of {len(evaluation.results)} failed, for information"),
    )
    for tone, word in tones:
        if tone in failed:
            return tone, word
    if evaluation.is_empty:
        return "warn", "No rows"
    if any(result.vacuous for result in evaluation.results):
        return "warn", "Holds, partly vacuous"
    return "pass", f"All {len(evaluation.results)} hold"


def _facts(evaluation: Evaluation) -> str:
    facts = []
    if evaluation.rows is not None:
        facts.append(wording.count(evaluation.rows, "row"))
    if evaluation.columns:
        facts.append(wording.count(len(evaluation.columns), "column"))
    if evaluation.bytes_read:
        facts.append(wording.size(evaluation.bytes_read))
    facts.append(wording.seconds(evaluation.duration_s))
    return " · ".join(facts)


def _row(result: Result) -> ResultRow:
    tone, word = _BY_SEVERITY[result.severity]
    if result.success:
        tone, word = ("warn", "Vacuous") if result.vacuous else ("pass", "Holds")
    return ResultRow(
        tone=tone,
        word=word,
        expectation=result.expectation,
        column=result.column,
        message=result.message,
        expected=result.expected,
        observed=result.observed,
        counts=_counts(result),
        place=_places(result),
        answered_from=result.answered_from.replace("_", " "),
    )


def _counts(result: Result) -> str:
    counts = []
    if result.unexpected_count is not None:
        share = result.unexpected_percent
        counts.append(
            f"{result.unexpected_count:,} unexpected"
            + (f" ({wording.percent(share)})" if share and result.unexpected_count else "")
        )
    if result.missing_count:
        counts.append(f"{result.missing_count:,} null")
    if result.element_count is not None:
        counts.append(f"of {result.element_count:,}")
    return ", ".join(counts)
