"""A stored check as one HTML file to keep: it needs no network, prints, and has no script."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from gate_server.model import Check, Verdict
from gate_server.reports.check import check_report
from gate_server.reports.markup import set_up_templates


def html_report(check: Check, verdict: Verdict, report_url: str = "") -> str:
    """Return the document; it says what the check's page says, and how many of what it left out."""
    template = _environment().get_template("check.html")
    return template.render(report=check_report(check, verdict), report_url=report_url)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gate_server.reports"), autoescape=True, undefined=StrictUndefined
    )
    set_up_templates(environment)
    return environment
