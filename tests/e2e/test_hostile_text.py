"""Text from elsewhere on every page: names, messages and reasons that a browser might run are only text."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient

from gate_server.door.context import Services
from gate_server.model import (
    Candidate,
    Evaluation,
    Obligation,
    Plan,
    Problem,
    Reason,
    Result,
    Revert,
    Verdict,
)
from gate_server.model.plans import Outcome
from tests.e2e.test_page_states import NAMES, commit, reader, services

__all__ = ["reader", "services"]  # its fixtures

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "`</code><svg/onload=alert(1)>`",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "=cmd|' /C calc'!A0",
    "</title></style><!--",
    "\u202e\u2066<b>\u0000",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
)
TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "link",
        "body",
        "header",
        "main",
        "section",
        "nav",
        "footer",
        "details",
        "noscript",
        "script",
        "h3",
        "select",
        "option",
        "progress",
        "figure",
        "figcaption",
        "svg",
        "rect",
    ),
    *(
        "summary",
        "h1",
        "h2",
        "h3",
        "p",
        "a",
        "span",
        "div",
        "dl",
        "dt",
        "dd",
        "ul",
        "ol",
        "li",
        "table",
        "thead",
    ),
    *(
        "tbody",
        "tr",
        "th",
        "td",
        "code",
        "bdi",
        "wbr",
        "time",
        "form",
        "input",
        "button",
        "label",
        "img",
        "pre",
    ),
}


class Tags(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def hostile(item: Any, text: str) -> Any:
    """Return a record with `text` in each field that is free text."""
    fixed = {
        "id",
        "state",
        "status",
        "severity",
        "code",
        "from_commit",
        "to_commit",
        "commit_id",
        "answered_from",
        "way",
    }
    changed = {}
    for field in fields(item):
        value = getattr(item, field.name)
        if field.name in fixed:
            continue
        if type(value) is str:  # no enumeration
            changed[field.name] = text
        elif isinstance(value, tuple) and value and all(type(part) is str for part in value):
            changed[field.name] = (text,)
        elif is_dataclass(value) and not isinstance(value, type):
            changed[field.name] = hostile(value, text)
    return replace(item, **changed)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_page_makes_anything_of_it(reader: FlaskClient, services: Services, text: str) -> None:
    candidate = Candidate(text, text, commit("a"), commit("b"), commit("c"))
    checks = services.store.checks
    check = checks.create(candidate, text, services.policy.digest, worker="w")
    result = hostile(Result(0, "x", success=False, message="x", detail={"x": text}), text)
    plan = Plan(
        tuple(hostile(Obligation(number, "x", "x", ()), text) for number in range(3)),
        rules=(text,),
        off=(text,),
    )
    evaluations = {
        0: Evaluation("answered", (result,), rows=1, columns=(text,)),
        1: Evaluation("unreadable", problem=hostile(Problem("x", "x"), text)),
        2: Evaluation("error", problem=hostile(Problem("x", "x"), text)),
    }
    reasons = tuple(hostile(Reason(outcome, "x"), text) for outcome in Outcome)
    verdict = Verdict(Outcome.FAIL, False, reasons, rules=(text,), off=(text,), reports=reasons)
    failure = hostile(Problem("x", "x"), text)
    assert checks.finish(
        check,
        verdict=verdict,
        plan=plan,
        evaluations=evaluations,
        failure=failure,
        reusable=False,
        lakefs_calls=0,
    )
    reverts = services.store.reverts
    revert = Revert(reverts.new_id(), text, text, NAMES["a"], NAMES["b"], "", "planned", text)
    reverts.open(revert, "gate-revert-x")
    reverts.close(hostile(replace(revert, state="failed", notes=(text,), paths=(text,)), text))
    pages = (
        "/",
        "/history",
        "/policy",
        f"/checks/{check.id}",
        f"/reverts/{revert.id}",
        "/sign-in",
        f"/nowhere/{text}",
        f"/checks/{text}",
    )
    for path in pages:
        answer = reader.get(path, query_string={"next": text, "rule": text, "person": text})
        assert answer.status_code in (200, 302, 404), path
        page = Tags(answer.text)
        assert page.tags <= TAGS, (path, page.tags - TAGS)
        names = {name for name, _ in page.attributes}
        assert not {name for name in names if name.startswith("on") or name in ("style", "srcdoc")}, path
        assert answer.text.count("<script") == answer.text.count('<script src="/assets/')
        assert all(
            value.startswith(("/", "#", f"{services.lakefs.endpoint_url}/repositories/"))
            for name, value in page.attributes
            if name in ("href", "src", "action")
        )
        assert "49" not in re.sub(r"[0-9a-f]{8,}|[\d:T.+-]{8,}", "", answer.text) or "7 * 7" not in text
        assert "\u202e" not in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    whole = reader.get(f"/checks/{check.id}.json")
    assert whole.content_type == "application/json"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.get_json()["source_name"] == text
