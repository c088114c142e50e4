"""What a flow run shows of the gate and of its branches: artifacts.

Nothing depends on them: where Prefect's server does not take one, the log says so and the flow goes on.
"""

from __future__ import annotations

import html
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from prefect.artifacts import LinkArtifact, MarkdownArtifact
from prefect.runtime import flow_run

from gate_client.differences import Difference
from gate_client.failures import FailedExpectation, failed_expectations
from gate_client.prefect.blocks import LakeFSCredentials
from gate_client.prefect.runs import branch_page, commit_page, log, object_page
from gate_client.tables import Shape
from gate_client.wire import CheckBody

VERDICT_KEY = "lakefs-gate-verdict"
REVERT_KEY = "lakefs-gate-revert"
BRANCH_KEY = "lakefs-branch"
DIFFERENCE_KEY = "lakefs-difference"
MOST_ROWS = 100


def show_verdict(
    lakefs: LakeFSCredentials,
    check: CheckBody,
    repository: str,
    source: str,
    destination: str,
    merged: str = "",
) -> None:
    """Show what the gate said about a merge: a table of what failed, with links.

    Parameters
    ----------
    merged
        The merge commit, where one was made.
    """
    branch = branch_page(lakefs, repository, source)
    lines = [
        f"## {check.verdict}: {_text(f'{repository}/{source}')} into {_text(destination)}",
        _text(check.summary),
        "",
        f"- [the gate's report]({check.report})" if check.report else "",
        f"- [the branch in lakeFS]({branch})",
        f"- [the merge commit]({commit_page(lakefs, repository, merged)})" if merged else "",
        f"- rules: {_text(', '.join(check.rules) or 'none applies')}",
        "",
    ]
    failed = failed_expectations(check)
    if failed:
        lines += [
            "| object | expectation | column | expected | observed | what |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_row(lakefs, repository, source, item) for item in failed[:MOST_ROWS]]
        if len(failed) > MOST_ROWS:
            lines.append(f"\n... and {len(failed) - MOST_ROWS} more, see the report")
    _show(MarkdownArtifact(key=VERDICT_KEY, markdown=_joined(lines), description=check.summary))


def show_revert(text: str, lines: Iterable[str], flow_run_id: UUID | None = None) -> None:
    """Show what a revert did, or why it was refused."""
    markdown = _joined([f"## {_text(text)}", "", *(f"- {line}" for line in lines)])
    _show(MarkdownArtifact(key=REVERT_KEY, markdown=markdown, description=text, flow_run_id=flow_run_id))


def show_branch(lakefs: LakeFSCredentials, repository: str, branch: str, why: str) -> None:
    """Link to a branch that stays for inspection."""
    page = branch_page(lakefs, repository, branch)
    text = f"lakefs://{repository}/{branch}"
    _show(LinkArtifact(key=BRANCH_KEY, link=page, link_text=text, description=f"{why}: {text}"))


def show_difference(lakefs: LakeFSCredentials, found: Difference) -> None:
    """Show what a branch holds that another does not, an object a row."""
    text = f"{found.repository}/{found.branch} against {found.against}"
    lines = [
        f"## {_text(text)}",
        f"{len(found.objects)} objects differ, {found.uncommitted} of them not committed",
        "",
        f"- [the branch in lakeFS]({branch_page(lakefs, found.repository, found.branch)})",
        "",
    ]
    if found.objects:
        lines += ["| object | change | rows | columns | note |", "|---|---|---|---|---|"]
    for item in found.objects[:MOST_ROWS]:
        before, after = item.before or Shape(), item.after or Shape()
        rows, columns = f"{before.rows} to {after.rows}", f"{before.columns} to {after.columns}"
        lines.append(f"| {' | '.join(map(_text, (item.path, item.change, rows, columns, item.note)))} |")
    _show(MarkdownArtifact(key=DIFFERENCE_KEY, markdown=_joined(lines), description=text))


@contextmanager
def kept_on_failure(lakefs: LakeFSCredentials, repository: str, branch: str, why: str) -> Iterator[None]:
    """Say, in log and artifacts, that a branch stays when the block fails, or is cancelled."""
    try:
        yield
    except BaseException:
        page = branch_page(lakefs, repository, branch)
        log().warning("%s: lakefs://%s/%s stays for inspection: %s", why, repository, branch, page)
        show_branch(lakefs, repository, branch, why)
        raise


def _row(lakefs: LakeFSCredentials, repository: str, source: str, item: FailedExpectation) -> str:
    page = object_page(lakefs, repository, source, item.path)
    place = f"[{_text(item.path)}]({page})" if item.path else ""
    cells = (item.expectation, item.column, item.expected, item.observed, item.message)
    return f"| {' | '.join([place, *map(_text, cells)])} |"


def _show(artifact: MarkdownArtifact | LinkArtifact) -> None:
    if not (flow_run.id or artifact.flow_run_id):
        return
    try:
        with warnings.catch_warnings():  # a hook runs outside of the run whose artifact it makes
            warnings.simplefilter("ignore", FutureWarning)
            artifact.create(_sync=True)  # type: ignore[call-arg]
    except Exception as error:
        log().warning("Prefect did not take the artifact %s", artifact.key, exc_info=error)


def _text(value: str) -> str:
    """Return `value` so that it is text in a cell of a markdown table, whatever it holds."""
    plain = html.escape(" ".join(value.split()), quote=False)
    for character in "\\`*_[]|":
        plain = plain.replace(character, f"\\{character}")
    return plain


def _joined(lines: Iterable[str]) -> str:
    """Join; a line that is empty stands for a paragraph's end, two of them for one."""
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept)
