"""Reports to keep, by the name of their form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from gate_server.errors import Conflict, UsageError
from gate_server.model import Check, Verdict
from gate_server.reports.document import html_report
from gate_server.reports.great_expectations import checkpoint_json
from gate_server.reports.junit import junit

Form = Literal["json", "html", "xml"]
CONTENT_TYPES: Mapping[Form, str] = {
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "xml": "application/xml",
}


def form_called(name: str) -> Form:
    """Return the form of that name; raises `UsageError`."""
    for form in CONTENT_TYPES:
        if form == name:
            return form
    raise UsageError("there is no report of this format", f"there are {', '.join(CONTENT_TYPES)}")


def file_name(check_id: str, form: Form) -> str:
    """Return what a report is called where it is saved."""
    return f"gate-check-{check_id}.{form}"


def no_verdict_yet(check_id: str) -> Conflict:
    """Return what is said where somebody wants the report of a check that is not done."""
    return Conflict(f"check {check_id} has no verdict yet", "ask again when it is done")


def kept_report(
    form: Form, check: Check, verdict: Verdict, report_url: str, policy: Mapping[str, Any] | None
) -> bytes:
    """Return a check that is done as one file: Great Expectations' JSON, HTML, or JUnit XML.

    Parameters
    ----------
    policy
        The content of the policy that it was judged by, where it is known.
    """
    if form == "json":
        return json.dumps(checkpoint_json(check, verdict, report_url, policy), indent=2).encode()
    if form == "html":
        return html_report(check, verdict, report_url).encode("utf-8", "backslashreplace")
    return junit(check, verdict, report_url)
