"""Great Expectations' Data Docs of a check: a folder of pages, by its own renderer, that needs no network.

Importing this imports Great Expectations, which takes seconds: only a command does, never the service.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # before it is imported

from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView

from gate_server.engine import blocked, destination  # noqa: F401 - expectations of our own, by their names
from gate_server.reports.great_expectations import ON_THE_WHOLE
from gate_server.reports.wording import count, visible

MOST_PAGES = 500

# What needs the network or a script is taken out; the rest of the frame is its navigation, for a site.
_TAKEN_OUT = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*>|<footer\b.*?</footer>|<img\b[^>]*>|<nav\b.*?</nav>\s*</div>\s*</nav>",
    re.DOTALL | re.IGNORECASE,
)
_POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 68rem; padding: 1rem; }
body { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { border-top: 1px solid #8886; padding: .4rem .6rem; text-align: left; vertical-align: top; }
.row > .col-lg-2, .navbar, [data-toggle=collapse] { display: none; }
.alert { background: #8882; border-radius: 6px; margin-top: 1rem; padding: .5rem .8rem; }
.badge { background: #8883; border-radius: 4px; padding: 0 .3em; }
.text-success::before { content: "\\2713"; color: light-dark(#17693a, #6fd197); font-weight: 700; }
.text-danger { color: light-dark(#a81f24, #ff9490); }
i.text-danger::before { content: "\\2715"; font-weight: 700; font-style: normal; }
i.text-warning::before { content: "!"; font-weight: 700; font-style: normal; }
h5, h6 { font-size: 1.05rem; margin: 0; }
"""


class ExpectTheGateToFindNothingElse(BatchExpectation):
    """What is no expectation's result: its name is all that Great Expectations has to know."""

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: Any = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        raise NotImplementedError("nothing is validated by it")


def write_data_docs(report: Mapping[str, Any], folder: Path) -> Path:
    """Write the pages of a report (`checkpoint_json`) into `folder`; return that of all results.

    A page for each rule and object, what failed first, and no more than `MOST_PAGES`; what is left out is
    counted on the first page.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pages = folder / "validations"
    pages.mkdir(exist_ok=True)
    results = sorted(report["validation_results"], key=lambda result: bool(result["success"]))
    for number, result in enumerate(results[:MOST_PAGES], 1):
        (pages / f"{number:04}.html").write_text(_page(result), encoding="utf-8")
    index = folder / "index.html"
    index.write_text(_index(report, results), encoding="utf-8")
    return index


def _page(result: Mapping[str, Any]) -> str:
    try:
        rendered = _rendered({**result, "results": [_with_observed(one) for one in result["results"]]})
    except Exception:  # some of its renderers want values of cells, which no result of ours holds
        rendered = _rendered({**result, "results": [_in_our_words(one) for one in result["results"]]})
    body = _TAKEN_OUT.sub("", rendered.partition("<body>")[2].rpartition("</body>")[0])
    return _framed(_heading(result), f'<p><a href="../index.html">All results</a></p>{body}')


def _rendered(result: Mapping[str, Any]) -> str:
    # Its templates do not escape: what others chose is made harmless before it comes in.
    loaded = expectationSuiteValidationResultSchema.load(_escaped(result))
    document = ValidationResultsPageRenderer().render(loaded)
    return str(DefaultJinjaPageView().render(document))  # type: ignore[no-untyped-call]


def _with_observed(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return an expectation's result with what was observed, which most renderers show."""
    observed = one["meta"]["gate"].get("observed") or "--"
    return {**one, "result": {"observed_value": observed, **one["result"]}}


def _in_our_words(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return an expectation's result as what it is called, and our message."""
    config = one["expectation_config"]
    column = config["kwargs"].get("column")
    plain = {
        **config,
        "type": ON_THE_WHOLE,
        "kwargs": {},
        "description": f"{config['type']} ({column})" if column else config["type"],
    }
    return {
        **one,
        "expectation_config": plain,
        "result": {"observed_value": one["meta"]["gate"]["message"] or "--"},
    }


def _index(report: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> str:
    gate = report["meta"]["gate"]
    lines = []
    for number, result in enumerate(results[:MOST_PAGES], 1):
        mark = "text-success" if result["success"] else "text-danger"
        word = "holds" if result["success"] else "does not hold"
        link = f'<a href="validations/{number:04}.html">{_text(_heading(result))}</a>'
        lines.append(f'<li><i class="{mark}"></i> {link}: {word}</li>')
    more = len(results) - MOST_PAGES
    note = f"<p>{count(more, 'result')} more in the JSON report.</p>" if more > 0 else ""
    body = (
        f"<p><strong>{_text(gate['summary'])}</strong></p>"
        f"<p>lakefs://{_text(gate['repository'])} into {_text(gate['destination'])}, "
        f"check {_text(gate['check'])}; the merge is {'allowed' if gate['allowed'] else 'not allowed'}.</p>"
        f"<ol>{''.join(lines)}</ol>{note}"
    )
    return _framed(f"{gate['verdict']}: {gate['repository']}", body)


def _heading(result: Mapping[str, Any]) -> str:
    gate = result["meta"]["gate"]
    return " · ".join(part for part in (gate["rule"], gate["target"]) if part) or "the check as a whole"


def _framed(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{_POLICY}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{_text(title)}</h1>{body}</body></html>"
    )


def _text(text: str) -> str:
    return html.escape(visible(text))


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return html.escape(visible(value))
    if isinstance(value, Mapping):
        # The one text that its templates do escape.
        return {key: one if key == "exception_message" else _escaped(one) for key, one in value.items()}
    return [_escaped(one) for one in value] if isinstance(value, list | tuple) else value
