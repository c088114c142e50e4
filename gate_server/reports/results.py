"""Every result of a stored check, prepared for its page: a section for each obligation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gate_server.model import Check, Evaluation, Obligation, Outcome, Problem, Result, Verdict
from gate_server.reports import wording

Tone = Literal["pass", "warn", "fail", "error", "info", "running"]

TONES: dict[Outcome, Tone] = {
    Outcome.PASS: "pass",
    Outcome.WARN: "warn",
    Outcome.FAIL: "fail",
    Outcome.ERROR: "error",
}
_STRONGEST_FIRST: tuple[Tone, ...] = ("fail", "error", "warn", "info", "pass", "running")
_BY_SEVERITY: dict[str, tuple[Tone, str]] = {
    "critical": ("fail", "Failed"),
    "warning": ("warn", "Failed, a warning"),
    "info": ("info", "Failed, for information"),
}
_ANSWERED_FROM = {
    "metadata": "metadata",
    "pass": "one pass over the data",
    "great_expectations": "Great Expectations",
    "spark": "Spark",
    "gate": "the gate",
}


@dataclass(frozen=True)
class ResultRow:
    """One expectation in the table of its obligation."""

    tone: Tone
    word: str
    expectation: str
    column: str
    expected: str
    observed: str
    unexpected: str
    place: str
    answered_from: str
    number: int = 0
    has_rows: bool = False


@dataclass(frozen=True)
class NullShare:
    """How many of all values of a column are null, as a result counted them."""

    column: str
    nulls: int
    rows: int

    @property
    def share(self) -> str:
        """In percent, as text."""
        return wording.percent(100 * self.nulls / self.rows)


@dataclass(frozen=True)
class Section:
    """One obligation: a rule on an object or dataset, and all its results.

    ``read_at`` is the commit that its only object was read at, empty where there are several;
    ``schema_changes`` how a table's columns change, in words.
    """

    tone: Tone
    word: str
    rule: str
    target: str
    objects: int
    facts: str
    rows: tuple[ResultRow, ...]
    problem: Problem | None
    place: str
    read_at: str = ""
    number: int = 0
    null_shares: tuple[NullShare, ...] = ()
    schema_changes: tuple[str, ...] = ()

    @property
    def has_places(self) -> bool:
        """Whether any result says where its values stand."""
        return any(row.place for row in self.rows)


def sections(check: Check, verdict: Verdict | None) -> tuple[Section, ...]:
    """Return all obligations of a check, what went wrong first.

    Parameters
    ----------
    verdict
        Says how much a failure weighs: a rule that only warns, or a waiver, takes the alarm out of it.
    """
    obligations = check.plan.obligations if check.plan else ()
    found = [
        _section(item, check.evaluations.get(item.number), _weight(item, verdict)) for item in obligations
    ]
    return tuple(sorted(found, key=lambda section: _STRONGEST_FIRST.index(section.tone)))


def null_shares(evaluation: Evaluation) -> tuple[NullShare, ...]:
    """Return the share of nulls of each column that has some, as counted over all rows, the largest first."""
    found: dict[str, NullShare] = {}
    for result in evaluation.results:
        nulls = _nulls_of(result)
        if not evaluation.rows or result.element_count != evaluation.rows or nulls is None:
            continue  # of a part of the rows, where a condition selects them
        if result.column in evaluation.columns:
            found.setdefault(result.column, NullShare(result.column, nulls, evaluation.rows))
    some = (item for item in found.values() if item.nulls)
    return tuple(sorted(some, key=lambda item: -item.nulls))


def _nulls_of(result: Result) -> int | None:
    if result.expectation == "expect_column_values_to_not_be_null":
        return result.unexpected_count
    if result.expectation == "expect_column_values_to_be_null":
        elements, unexpected = result.element_count, result.unexpected_count
        return None if elements is None or unexpected is None else elements - unexpected
    return result.missing_count


def place_of(source: Result | Problem | None) -> str:
    """Return where a failure stands, such as "lines 3–5, 9", empty where that is not known."""
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


def _weight(obligation: Obligation, verdict: Verdict | None) -> Outcome | None:
    """Return the strongest outcome that an obligation has in the verdict, None where it has none."""
    paths = {obligation.target, *(item.path for item in obligation.objects)}
    for reason in verdict.reasons if verdict else ():
        if reason.rule == obligation.rule and reason.path in paths:
            return reason.outcome  # they stand strongest first
    return None


def _section(obligation: Obligation, evaluation: Evaluation | None, weight: Outcome | None) -> Section:
    tone, word = _state(evaluation)
    problem = evaluation.problem if evaluation else None
    if evaluation is None:
        problem = Problem("not_evaluated", "was not evaluated", "ask again; the gate's log says why")
    only_warns = weight is Outcome.WARN
    return Section(
        tone="warn" if only_warns and tone == "fail" else tone,
        word=word,
        rule=obligation.rule,
        target=obligation.target,
        objects=len(obligation.objects),
        facts=_facts(evaluation) if evaluation else "",
        rows=tuple(_row(result, only_warns=only_warns) for result in evaluation.results)
        if evaluation
        else (),
        problem=problem,
        place=place_of(problem),
        number=obligation.number,
        read_at=obligation.objects[0].commit_id if len(obligation.objects) == 1 else "",
        null_shares=null_shares(evaluation) if evaluation else (),
        schema_changes=tuple(change.message for change in evaluation.schema_changes) if evaluation else (),
    )


def _state(evaluation: Evaluation | None) -> tuple[Tone, str]:
    if evaluation is None or evaluation.status == "error":
        return "error", "Could not tell"
    if evaluation.status == "unreadable":
        return "fail", "Unreadable"
    if evaluation.status == "limit_of_data":
        return "fail", "Over a limit"
    number = len(evaluation.results)
    failed = [_BY_SEVERITY[result.severity][0] for result in evaluation.results if not result.success]
    if failed:
        return min(failed, key=_STRONGEST_FIRST.index), f"{len(failed)} of {number} failed"
    if evaluation.is_empty:
        return "warn", "No rows"
    if not number:
        return "error", "No result"
    if any(result.vacuous for result in evaluation.results):
        return "warn", "Holds, partly vacuous"
    return "pass", f"All {number} hold" if number > 1 else "Holds"


def _facts(evaluation: Evaluation) -> str:
    facts = []
    if evaluation.rows is not None:
        facts.append(wording.count(evaluation.rows, "row"))
    if evaluation.columns:
        facts.append(wording.count(len(evaluation.columns), "column"))
    if evaluation.bytes_read:
        several = f" of {evaluation.objects_read:,} objects" if evaluation.objects_read > 1 else ""
        facts.append(f"{wording.size(evaluation.bytes_read)} read{several}")
    if evaluation.objects_known:
        facts.append(f"{wording.count(evaluation.objects_known, 'object')} known from before")
    facts.append(wording.seconds(evaluation.duration_s))
    return " · ".join(facts)


def _row(result: Result, *, only_warns: bool) -> ResultRow:
    tone, word = _BY_SEVERITY[result.severity]
    if result.success:
        tone, word = ("warn", "Vacuous") if result.vacuous else ("pass", "Holds")
    if result.is_new:
        tone, word = "info", "New"
    return ResultRow(
        tone="warn" if only_warns and tone == "fail" else tone,
        word=word,
        expectation=result.expectation,
        column=result.column,
        expected=result.expected,
        observed=result.observed,
        unexpected=", ".join(_counts(result)),
        place=_places(result),
        answered_from=_ANSWERED_FROM.get(result.answered_from, result.answered_from),
        number=result.number,
        has_rows=bool(result.rows) and not result.success,
    )


def _counts(result: Result) -> Iterator[str]:
    """Tell how many values failed and how many are null, both of all values."""
    unexpected, elements = result.unexpected_count, result.element_count
    if unexpected is not None:
        of_all = f" of {elements:,}" if elements is not None else ""
        share = f" ({wording.percent(100 * unexpected / elements)})" if elements and unexpected else ""
        yield f"{unexpected:,}{of_all}{share}"
    if result.missing_count:
        yield f"{result.missing_count:,} null"
