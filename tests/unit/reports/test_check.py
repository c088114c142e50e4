"""What a stored check says on its page and as JSON."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gate_client.wire import VerdictBody
from gate_server.model import (
    Check,
    DeclaredOutcome,
    Enforcement,
    Evaluation,
    Format,
    ObjectIdentity,
    Obligation,
    Outcome,
    Plan,
    Policy,
    Problem,
    Result,
    Rule,
    StoredObject,
    Verdict,
    Waiver,
)
from gate_server.policy.decide import could_not_tell, decide
from gate_server.policy.declared import CANARY_REFUSED
from gate_server.reports.check import MOST_SHOWN, check_report, check_row
from gate_server.reports.json import check_json, verdict_json

NOW = datetime(2026, 11, 20, tzinfo=UTC)
NULLS = Result(
    number=0,
    expectation="expect_column_values_to_not_be_null",
    success=False,
    message="`qty`: 2 of 4 values are null, first in line 2",
    column="qty",
    expected="hold no nulls",
    observed="2 of 4 values are null",
    element_count=4,
    missing_count=2,
    unexpected_count=2,
    unexpected_percent=50.0,
    rows=(0, 2),
    lines=(2, 4),
)
HOLDS = Result(number=1, expectation="expect_column_to_exist", success=True, message="`qty` is column 0")
ANSWERED = Evaluation(
    "answered",
    (NULLS, HOLDS),
    rows=4,
    columns=("qty", "price"),
    bytes_read=1500,
    objects_read=2,
    duration_s=0.25,
)


def an_object(path: str) -> StoredObject:
    return StoredObject(path, ObjectIdentity(f"address/{path}", "sum", 10), "c" * 64)


def a_check(
    *evaluations: Evaluation | None, declared: tuple[DeclaredOutcome, ...] = (), **more: Any
) -> Check:
    """Return a finished check with one obligation for each evaluation; None was not evaluated."""
    obligations = tuple(
        Obligation(number, "stock", f"stock/{number}.csv", (an_object(f"stock/{number}.csv"),))
        for number in range(len(evaluations))
    )
    values: dict[str, Any] = {
        "id": "1",
        "repository": "repo",
        "destination": "main",
        "base_commit": "b" * 64,
        "judged_commit": "j" * 64,
        "source_commit": "s" * 64,
        "merge_base": "",
        "source_name": "nightly",
        "policy_digest": "d",
        "state": "done",
        "attempt": 1,
        "outcome": "",
        "created_at": NOW,
        "plan": Plan(obligations, declared, rules=("stock",), changed=len(obligations)),
        "evaluations": {number: item for number, item in enumerate(evaluations) if item is not None},
        **more,
    }
    return Check(**values)


def the_verdict(check: Check, waivers: tuple[Waiver, ...] = (), **rule: Any) -> Verdict:
    stock = Rule("stock", ("stock/**",), "stock", Format("csv"), **rule)
    assert check.plan is not None
    return decide(check.plan, check.evaluations, Policy((stock,), {}, waivers=waivers), NOW)


def test_a_finding_says_where_and_what() -> None:
    check = a_check(ANSWERED)
    report = check_report(check, the_verdict(check))
    (finding,) = report.findings
    assert (report.tone, report.headline, report.effect) == ("fail", "Failed", "The merge is refused.")
    assert (finding.word, finding.path, finding.place, finding.rule) == (
        "FAIL",
        "stock/0.csv",
        "lines 2, 4",
        "stock",
    )
    assert (finding.expected, finding.observed) == ("hold no nulls", "2 of 4 values are null")
    (section,) = report.sections
    assert (section.word, section.facts) == (
        "1 of 2 failed",
        "4 rows · 2 columns · 1.5 kB read of 2 objects · 0.25 s",
    )
    assert [(row.word, row.unexpected, row.place) for row in section.rows] == [
        ("Failed", "2 of 4 (50 %), 2 null", "lines 2, 4"),
        ("Holds", "", ""),
    ]


def test_each_finding_is_told_by_its_own_object() -> None:
    """The same failure in two objects: each with its own lines."""
    elsewhere = replace(ANSWERED, results=(replace(NULLS, lines=(9,), rows=(7,), unexpected_count=1), HOLDS))
    check = a_check(ANSWERED, elsewhere)
    places = {finding.path: finding.place for finding in check_report(check, the_verdict(check)).findings}
    assert places == {"stock/0.csv": "lines 2, 4", "stock/1.csv": "line 9"}


def test_results_of_one_expectation_are_not_mixed_up() -> None:
    other = replace(
        NULLS, number=1, message="`price`: 1 of 4 values are null", column="price", lines=(3,), rows=(1,)
    )
    check = a_check(replace(ANSWERED, results=(NULLS, other)))
    findings = check_report(check, the_verdict(check)).findings
    assert [(finding.message[:7], finding.place) for finding in findings] == [
        ("`qty`: ", "lines 2, 4"),
        ("`price`", "line 3 and 1 more"),
    ]


def test_what_only_warns_raises_no_alarm() -> None:
    check = a_check(ANSWERED)
    waiver = Waiver("stock", "Ada", "until the move is over", datetime(2027, 1, 1, tzinfo=UTC))
    for verdict in (the_verdict(check, enforcement=Enforcement.WARN), the_verdict(check, (waiver,))):
        report = check_report(check, verdict)
        assert (report.tone, report.headline) == ("warn", "Passed with warnings")
        assert [section.tone for section in report.sections] == ["warn"]
        assert [row.tone for row in report.sections[0].rows] == ["warn", "pass"]
    assert report.findings[0].word == "WAIVED"
    assert report.findings[0].waived_by.startswith("Ada: until the move is over (in the policy, until 2027-")


def test_info_is_listed_and_changes_nothing() -> None:
    check = a_check(replace(ANSWERED, results=(replace(NULLS, severity="info"), HOLDS)))
    report = check_report(check, the_verdict(check))
    assert (report.headline, report.findings) == ("Passed", ())
    assert [(remark.word, remark.place) for remark in report.remarks] == [("INFO", "lines 2, 4")]


@pytest.mark.parametrize(
    ("evaluation", "tone", "word", "place"),
    [
        (
            Evaluation(
                "unreadable", problem=Problem("ragged", "line 7 has 3 fields", path="stock/0.csv", line=7)
            ),
            "fail",
            "Unreadable",
            "line 7",
        ),
        (
            Evaluation(
                "unreadable", problem=Problem("gzip", "truncated", path="stock/0.csv", offset_bytes=1024)
            ),
            "fail",
            "Unreadable",
            "byte 1,024",
        ),
        (
            Evaluation("limit_of_data", problem=Problem("rows", "more than 5 rows")),
            "fail",
            "Over a limit",
            "",
        ),
        (
            Evaluation("error", problem=Problem("limit_of_run", "stopped after 300 s")),
            "error",
            "Could not tell",
            "",
        ),
        (Evaluation("answered", rows=0), "fail", "No rows", ""),
        (None, "error", "Could not tell", ""),
        (Evaluation("answered", rows=4), "error", "No result", ""),
    ],
)
def test_no_results_is_told(evaluation: Evaluation | None, tone: str, word: str, place: str) -> None:
    check = a_check(evaluation)
    report = check_report(check, the_verdict(check))
    assert report.tone == tone
    assert [section.word for section in report.sections] == [word]
    assert report.sections[0].tone != "pass"
    assert [finding.place for finding in report.findings] == [place]


def test_what_went_wrong_stands_first() -> None:
    good = replace(ANSWERED, results=(HOLDS,))
    check = a_check(good, None, ANSWERED, good)
    assert [section.target for section in check_report(check, the_verdict(check)).sections] == [
        "stock/2.csv",
        "stock/1.csv",
        "stock/0.csv",
        "stock/3.csv",
    ]


def test_a_dataset_says_in_which_object() -> None:
    places = [{"path": "a.csv", "line": 3}, {"path": "b.csv", "line": 2}, {"path": "b.csv", "line": 3}]
    result = replace(NULLS, lines=(), rows=(1, 5, 6), unexpected_count=5, detail={"places": places})
    check = a_check(replace(ANSWERED, results=(result,)))
    (finding,) = check_report(check, the_verdict(check)).findings
    assert finding.place == "a.csv line 3; b.csv lines 2–3 and 2 more"


def test_a_vacuous_result_is_no_pass() -> None:
    vacuous = replace(HOLDS, vacuous=True, message="")
    check = a_check(replace(ANSWERED, results=(vacuous,)))
    report = check_report(check, the_verdict(check))
    assert report.headline == "Passed with warnings"
    assert [row.word for row in report.sections[0].rows] == ["Vacuous"]


@pytest.mark.parametrize(("state", "headline"), [("queued", "Waiting"), ("running", "Running")])
def test_no_verdict_yet(state: str, headline: str) -> None:
    check = a_check(state=state, plan=None)
    report = check_report(check, None)
    assert (report.headline, report.is_running, report.tone) == (headline, True, "running")
    assert report.effect == "No verdict yet, so nothing is merged."
    assert check_row(check).tone == "running"


def test_an_error_that_is_let_through_is_called_unverified() -> None:
    check = a_check(Evaluation("error", problem=Problem("x", "no answer")))
    report = check_report(check, the_verdict(check, on_error="warn"))
    assert report.headline == "Could not tell"
    assert "let through unverified" in report.effect
    assert "blocked" in check_report(check, the_verdict(check)).effect


def test_a_list_never_calls_a_check_without_verdict_passed() -> None:
    check = a_check(ANSWERED)
    assert check_row(check).word == "ERROR"
    assert check_row(replace(check, outcome="FAIL", verdict=the_verdict(check))).word == "FAIL"


def test_the_gates_own_canary_alarms_nobody_but_what_comes_with_it_does() -> None:
    canary = DeclaredOutcome("canary", Outcome.FAIL, CANARY_REFUSED, path="_gate/canary-1")
    alone = a_check(declared=(canary,))
    row = check_row(replace(alone, outcome="FAIL", summary=the_verdict(alone).summary))
    assert (row.tone, row.word) == ("info", "CANARY")
    beside = a_check(ANSWERED, declared=(canary,))
    row = check_row(replace(beside, outcome="FAIL", summary=the_verdict(beside).summary))
    assert (row.tone, row.word) == ("fail", "FAIL")


def test_a_declared_outcome_stands_for_itself() -> None:
    lost = DeclaredOutcome("lost", Outcome.FAIL, "lost by merge", "stock", "stock/x.csv", "upload it again")
    check = a_check(declared=(lost,))
    (finding,) = check_report(check, the_verdict(check)).findings
    assert (finding.path, finding.hint, finding.expected) == ("stock/x.csv", "upload it again", "")


# -- JSON ---------------------------------------------------------------------------------------------


def test_json_has_great_expectations_format() -> None:
    from great_expectations.core.expectation_validation_result import (
        expectationSuiteValidationResultSchema as schema,
    )

    check = a_check(ANSWERED, None)
    body = check_json(check, the_verdict(check), "http://gate/checks/1", {"stock": "stock_suite"})
    loaded = schema.load(body["validations"][0])
    assert (loaded.success, loaded.suite_name) == (False, "stock_suite")
    assert loaded.statistics["success_percent"] == 50.0
    first = loaded.results[0]
    assert first.expectation_config.type == NULLS.expectation
    assert first.result["unexpected_count"] == 2
    assert first.result["partial_unexpected_index_list"] == [0, 2]
    assert first.meta["gate"]["lines"] == [2, 4]
    assert not schema.load(body["validations"][1]).success


@pytest.mark.parametrize("status", ["unreadable", "limit_of_data", "error"])
def test_json_never_calls_the_unanswered_a_success(status: Any) -> None:
    body = check_json(a_check(Evaluation(status, problem=Problem("x", "y"))), None, "")
    assert body["validations"][0]["success"] is False
    assert body["allowed"] is False


def test_an_answer_without_results_is_no_success() -> None:
    body = check_json(a_check(Evaluation("answered", rows=3)), None, "")
    assert body["validations"][0]["success"] is False


def test_json_of_a_verdict_is_the_api_s_body() -> None:
    check = a_check(ANSWERED)
    for verdict in (the_verdict(check), could_not_tell(Problem("x", "lakeFS is away")), None):
        body = verdict_json(verdict, check, "http://gate/checks/1")
        assert VerdictBody(**body).model_dump() == body
        assert body["allowed"] is False
        assert len(body["reasons"]) == 1


def test_a_page_stays_readable_whatever_the_number() -> None:
    check = a_check(*[ANSWERED] * (MOST_SHOWN + 3))
    report = check_report(check, the_verdict(check))
    assert (len(report.findings), report.more_findings) == (MOST_SHOWN, 3)
    assert (len(report.sections), report.more_sections) == (MOST_SHOWN, 3)
    assert len(check_json(check, None, "")["validations"]) == MOST_SHOWN + 3
