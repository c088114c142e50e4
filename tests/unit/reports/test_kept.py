"""Reports to keep: each form says what the verdict says, whatever the names and texts in it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    expectationSuiteValidationResultSchema,
)

from gate_server.engine.catalogue import OFFERED
from gate_server.model import (
    Check,
    DeclaredOutcome,
    Evaluation,
    Format,
    Outcome,
    Policy,
    Problem,
    Rule,
    Suite,
    Verdict,
    Waiver,
    dump,
)
from gate_server.policy.decide import could_not_tell, decide
from gate_server.reports import data_docs, junit
from gate_server.reports.cases import groups
from gate_server.reports.kept import Form, kept_report
from tests.unit.reports.test_check import ANSWERED, HOLDS, NOW, NULLS, a_check

SCHEMA = xmlschema.XMLSchema(str(Path(__file__).with_name("junit.xsd")))
HOSTILE = (
    "</testcase>]]>\x00\x1b\x0b\ud800\ufffe\u202e<img src='https://evil.example/x' onerror=alert(1)> ${x}"
)
DIED = Evaluation("error", problem=Problem("died", "the process died", "look into the log"))
UNREADABLE = Evaluation("unreadable", problem=Problem("csv", "a quote is not closed", line=7))
GOOD = replace(ANSWERED, results=(HOLDS,))
REQUIRED = DeclaredOutcome(
    "required", Outcome.FAIL, "stock/done is required, and nothing matches it", "stock"
)
WAIVER = Waiver("stock", "ann", "a late delivery", NOW + timedelta(days=1))
SUITE = Suite(
    "stock",
    {
        "expectations": [
            {"type": NULLS.expectation, "kwargs": {"column": "qty", "mostly": {"$PARAMETER": "share"}}},
            {"type": HOLDS.expectation, "kwargs": {"column": "qty"}},
        ]
    },
)


def a_policy(waivers: tuple[Waiver, ...] = (), **rule: Any) -> Policy:
    stock = Rule("stock", ("stock/**",), "stock", Format("csv"), parameters={"share": 0.9}, **rule)
    return Policy((stock,), {"stock": SUITE}, waivers=waivers)


def judged(check: Check, policy: Policy) -> Verdict:
    assert check.plan is not None
    return decide(check.plan, check.evaluations, policy, NOW)


def kept(form: Form, check: Check, policy: Policy | None = None, verdict: Verdict | None = None) -> bytes:
    policy = policy or a_policy()
    return kept_report(form, check, verdict or judged(check, policy), "https://gate/checks/1", dump(policy))


def cases(check: Check, policy: Policy | None = None, verdict: Verdict | None = None) -> list[ET.Element]:
    """Return the cases of the JUnit report, which is valid and counts right."""
    content = kept("xml", check, policy, verdict)
    SCHEMA.validate(content.decode())
    root = ET.fromstring(content)
    found = list(root.iter("testcase"))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == (
        str(len(found)),
        str(sum(case.find("failure") is not None for case in found)),
        str(sum(case.find("error") is not None for case in found)),
    )
    return found


def standings(found: list[ET.Element]) -> list[str]:
    return [case[0].tag if len(case) else "passed" for case in found]


def validations(
    check: Check, policy: Policy | None = None, verdict: Verdict | None = None
) -> tuple[dict[str, Any], list[ExpectationSuiteValidationResult]]:
    """Return the JSON report, and its results as Great Expectations loads them."""
    report = json.loads(kept("json", check, policy, verdict))
    return report, [expectationSuiteValidationResultSchema.load(one) for one in report["validation_results"]]


def test_junit_has_a_case_for_each_object_and_expectation() -> None:
    found = cases(a_check(ANSWERED, DIED, UNREADABLE, None, GOOD, declared=(REQUIRED,)))
    assert sorted(
        zip(standings(found), (case.get("file") for case in found), strict=True), key=str
    ) == sorted(
        [
            ("failure", "stock/0.csv"),
            ("passed", "stock/0.csv"),
            ("error", "stock/1.csv"),
            ("failure", "stock/2.csv"),
            ("error", "stock/3.csv"),
            ("passed", "stock/4.csv"),
            ("failure", None),
        ],
        key=str,
    )
    failure = next(case for case in found if case.get("file") == "stock/0.csv")[0]
    assert failure.get("message") == NULLS.message
    assert "where: lines 2, 4" in (failure.text or "")


def test_what_refuses_nothing_is_skipped_and_says_why() -> None:
    waived = cases(a_check(ANSWERED), a_policy(waivers=(WAIVER,)))
    assert standings(waived) == ["skipped", "passed"]
    assert "waived by ann: a late delivery" in str(waived[0][0].get("message"))
    for severity in ("warning", "info"):
        weaker = replace(ANSWERED, results=(replace(NULLS, severity=severity),))
        assert standings(cases(a_check(weaker))) == ["skipped"]


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (a_check(DIED), None),
        (a_check(None), None),
        (a_check(UNREADABLE), None),
        (a_check(GOOD, declared=(REQUIRED,)), None),
        (a_check(ANSWERED), None),
        (a_check(plan=None), could_not_tell(Problem("away", "lakeFS is away"))),
        (a_check(plan=None), Verdict(Outcome.ERROR, True)),
        (a_check(GOOD), Verdict(Outcome.FAIL, False)),
    ],
)
def test_what_is_no_pass_is_none_in_any_form(check: Check, verdict: Verdict | None) -> None:
    verdict = verdict or judged(check, a_policy())
    found = standings(cases(check, verdict=verdict))
    assert ("failure" in found) or ("error" in found)
    report, loaded = validations(check, verdict=verdict)
    assert report["success"] is False
    assert report["meta"]["gate"]["verdict"] == verdict.outcome
    assert not all(one.success for one in loaded)
    assert any(not result.success for one in loaded for result in one.results)
    text = kept("html", check, verdict=verdict).decode()
    assert "Passed" not in text
    assert ("Failed" if verdict.outcome is Outcome.FAIL else "Could not tell") in text


def test_an_error_that_is_let_through_is_still_one() -> None:
    lenient = a_policy(on_error="warn")
    check = a_check(DIED)
    assert judged(check, lenient).allowed
    assert standings(cases(check, lenient)) == ["error"]
    assert validations(check, lenient)[0]["success"] is False
    assert "let through unverified" in kept("html", check, lenient).decode()


def test_a_pass_is_one_in_every_form() -> None:
    check = a_check(GOOD)
    assert standings(cases(check)) == ["passed"]
    report, (loaded,) = validations(check)
    assert (report["success"], loaded.success) == (True, True)
    assert "Passed" in kept("html", check).decode()
    nothing = a_check()
    assert standings(cases(nothing)) == ["passed"]


def test_great_expectations_loads_its_own_format() -> None:
    report, loaded = validations(a_check(ANSWERED, DIED))
    first = loaded[0]
    assert (first.suite_name, first.success) == ("stock", False)
    assert first.results[0].expectation_config is not None
    assert first.results[0].expectation_config.kwargs == {"column": "qty", "mostly": 0.9}
    assert first.results[0].result["unexpected_count"] == 2
    assert first.statistics["unsuccessful_expectations"] == 1
    assert loaded[1].results[0].exception_info["raised_exception"] is True
    assert report["statistics"]["unsuccessful_validations"] == 2
    assert json.loads(json.dumps(first.to_json_dict()))["success"] is False


def test_a_report_without_its_policy_has_no_arguments_and_the_same_results() -> None:
    check = a_check(ANSWERED)
    report = json.loads(kept_report("json", check, judged(check, a_policy()), "", None))
    (found,) = report["validation_results"]
    assert [one["success"] for one in found["results"]] == [False, True]


def hostile() -> Check:
    bad = replace(NULLS, message=HOSTILE, column=HOSTILE, observed=HOSTILE, expected=HOSTILE)
    died = Evaluation("error", problem=Problem("died", HOSTILE, HOSTILE))
    check = a_check(replace(ANSWERED, results=(bad,)), died, repository=HOSTILE, source_name=HOSTILE)
    assert check.plan is not None
    named = tuple(replace(one, target=HOSTILE + one.target) for one in check.plan.obligations)
    return replace(check, plan=replace(check.plan, obligations=named))


class _Outside(HTMLParser):
    """Collects what a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "img", "link", "iframe", "object", "base", "form"}:
            self.found.append(tag)
        for name, value in attrs:
            if (name in {"src", "href"} and ":" in (value or "")) or name in {"onerror", "onload"}:
                self.found.append(f"{name}={value}")


def outside(page: str) -> list[str]:
    parser = _Outside()
    parser.feed(page)
    return parser.found


def test_names_and_texts_of_others_are_only_text() -> None:
    check = hostile()
    assert standings(cases(check)) == ["failure", "error"]
    validations(check)
    page = kept("html", check).decode()
    assert outside(page) == []
    assert "\\u202e" in page
    assert "\u202e" not in page


def test_html_needs_nothing_from_elsewhere_and_prints() -> None:
    page = kept("html", a_check(ANSWERED, DIED)).decode()
    assert outside(page) == []
    assert "default-src 'none'" in page
    assert "@media print" in page
    assert "light dark" in page


def test_large_reports_say_what_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    check = a_check(*[GOOD] * 5, *[ANSWERED] * 300)
    page = kept("html", check).decode()
    assert "And 100 more" in page
    monkeypatch.setattr(junit, "MOST_CASES", 20)
    found = cases(check)
    assert standings(found)[-1] == "error"  # some of those that failed are among what is left out
    assert "585 cases left out" in str(found[-1][0].get("message"))
    assert len(json.loads(kept("json", check))["validation_results"]) == 305


def test_every_reason_is_told_once() -> None:
    check = a_check(ANSWERED, DIED, UNREADABLE, None, declared=(REQUIRED,))
    verdict = judged(check, a_policy())
    told = [case for group in groups(check, verdict) for case in group.cases if case.standing != "held"]
    assert sorted(case.message for case in told) == sorted(reason.message for reason in verdict.reasons)


def test_data_docs_are_great_expectations_own_and_offline(tmp_path: Path) -> None:
    report = json.loads(kept("json", a_check(ANSWERED, DIED, GOOD)))
    report["validation_results"].append(json.loads(kept("json", hostile()))["validation_results"][0])
    index = data_docs.write_data_docs(report, tmp_path / "docs")
    pages = sorted(index.parent.rglob("*.html"))
    assert len(pages) == 5
    texts = {page.name: re.sub(r"\s+", " ", page.read_text(encoding="utf-8")) for page in pages}
    assert all(outside(text) == [] for text in texts.values())
    assert "at least" in texts["0001.html"]  # its own words for `mostly`
    assert "the process died" in texts["0002.html"]
    assert texts["index.html"].count("does not hold") == 3
    assert texts["index.html"].count(": holds") == 1


@pytest.mark.parametrize("expectation", sorted(OFFERED))
def test_data_docs_show_every_expectation_though_no_value_is_there(expectation: str, tmp_path: Path) -> None:
    asked = replace(NULLS, expectation=expectation)
    report = json.loads(kept("json", a_check(replace(ANSWERED, results=(asked, HOLDS)))))
    data_docs.write_data_docs(report, tmp_path)
    page = (tmp_path / "validations" / "0001.html").read_text(encoding="utf-8")
    assert page.count("text-danger") >= 2
    assert "50" in page or "values are null" in page


def test_data_docs_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_docs, "MOST_PAGES", 1)
    report = json.loads(kept("json", a_check(GOOD, ANSWERED, GOOD)))
    index = data_docs.write_data_docs(report, tmp_path)
    assert len(list(tmp_path.rglob("0*.html"))) == 1
    assert "2 results more in the JSON report" in index.read_text(encoding="utf-8")
    assert "null" in (tmp_path / "validations" / "0001.html").read_text(encoding="utf-8")  # what failed first
