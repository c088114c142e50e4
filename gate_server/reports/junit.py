"""A stored check as JUnit XML, as GitLab, GitHub's actions and Jenkins read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC
from xml.etree import ElementTree as ET

from gate_server.model import Check, Verdict
from gate_server.reports.cases import Case, Group, Standing, groups
from gate_server.reports.wording import count, visible

MOST_CASES = 20_000
MOST_CHARS = 2_000  # of one text
# What XML 1.0 has no form for, escaped or not.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SKIPPED = {"warned": "a warning, refuses nothing", "noted": "for information, refuses nothing"}


def junit(check: Check, verdict: Verdict, report_url: str = "") -> bytes:
    """Return the report: a suite for each rule and object, a case for each expectation.

    FAIL is ``failure``, ERROR ``error``; what did not hold and refuses nothing is ``skipped`` and says why
    (a warning, or who waived it). Where cases are left out, an ``error`` or a skipped case says how many.
    """
    found = groups(check, verdict)
    kept, left_out = _within(found)
    root = ET.Element("testsuites", name=_safe(f"lakefs-gate {check.repository} {check.destination}"))
    for group in kept:
        root.append(_suite(check, verdict, group, report_url))
    if left_out:
        root.append(_suite(check, verdict, _left_out(left_out), report_url))
    if not len(root):
        case = Case("the check", "held", verdict.summary)
        root.append(_suite(check, verdict, Group("", "", (case,)), report_url))
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    root.set("time", f"{check.duration_s or 0:.3f}")
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _within(found: Sequence[Group]) -> tuple[list[Group], list[Case]]:
    """Return what there is room for, what went wrong first, and the cases that there is none for."""
    ordered = sorted(found, key=lambda group: -min(group.count("failed", "error"), 1))
    kept: list[Group] = []
    left_out: list[Case] = []
    room = MOST_CASES
    for group in ordered:
        if len(group.cases) <= room:
            kept.append(group)
            room -= len(group.cases)
        else:
            left_out += group.cases
    return kept, left_out


def _left_out(cases: Sequence[Case]) -> Group:
    bad = sum(case.standing in ("failed", "error") for case in cases)
    told = f"{count(len(cases), 'case')} left out here: the JSON report has all of them"
    standing: Standing = "error" if bad else "warned"
    return Group(
        "", "", (Case("what is left out", standing, f"{told}; {bad} of them failed" if bad else told),)
    )


def _suite(check: Check, verdict: Verdict, group: Group, report_url: str) -> ET.Element:
    name = f"{group.rule}: {group.target}" if group.rule else group.target or "the gate"
    duration_s = group.evaluation.duration_s if group.evaluation else 0.0
    suite = ET.Element(
        "testsuite",
        name=_safe(name),
        tests=str(len(group.cases)),
        failures=str(group.count("failed")),
        errors=str(group.count("error")),
        skipped=str(group.count("warned", "waived", "noted")),
        time=f"{duration_s:.3f}",
        timestamp=check.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    )
    properties = ET.SubElement(suite, "properties")
    for key, value in _properties(check, verdict, report_url):
        ET.SubElement(properties, "property", name=key, value=_safe(value))
    for case in group.cases:
        suite.append(_case(group, case))
    return suite


def _properties(check: Check, verdict: Verdict, report_url: str) -> Iterator[tuple[str, str]]:
    yield "verdict", verdict.outcome.value
    yield "allowed", "true" if verdict.allowed else "false"
    yield "check", check.id
    yield "repository", check.repository
    yield "destination", check.destination
    yield "commit", check.judged_commit or check.source_commit
    if report_url:
        yield "report", report_url


def _case(group: Group, case: Case) -> ET.Element:
    element = ET.Element("testcase", name=_safe(case.name), classname=_safe(group.rule or "gate"), time="0")
    if group.target:
        element.set("file", _safe(group.target))
    if case.standing == "held":
        return element
    if case.standing in ("failed", "error"):
        tag, kind = ("failure", "FAIL") if case.standing == "failed" else ("error", "ERROR")
        said = ET.SubElement(element, tag, message=_safe(case.message), type=kind)
        said.text = _safe("\n".join(_told(group, case)))
        return element
    why = f"waived by {case.waived_by}" if case.waived_by else _SKIPPED[case.standing]
    ET.SubElement(element, "skipped", message=_safe(f"{why}: {case.message}"))
    return element


def _told(group: Group, case: Case) -> Iterator[str]:
    yield case.message
    for label, text in (
        ("object", group.target),
        ("rule", group.rule),
        ("where", case.place),
        ("expected", case.expected),
        ("observed", case.observed),
        ("what to do", case.hint),
    ):
        if text:
            yield f"{label}: {text}"


def _safe(text: str) -> str:
    """Return `text` as XML can hold it, what has no shape of its own written out; bounded."""
    lines = [visible(line) for line in text.split("\n")]
    clean = _ILLEGAL.sub("\ufffd", "\n".join(lines))
    return clean if len(clean) <= MOST_CHARS else clean[:MOST_CHARS] + " …"
