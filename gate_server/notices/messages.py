"""News as a short text for one target. No cell value is in it, and nothing in it calls anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gate_server.model import digest, dump
from gate_server.model.notices import Message, Notice
from gate_server.notices.news import Finding, News
from gate_server.reports.wording import visible

MOST_FINDINGS = 5
MOST_CHARS = 500  # of one line
# Branches, objects and people are named by others: no name is to mention a channel, or be a link's label.
_HARMLESS = str.maketrans({"<": "‹", ">": "›", "@": "＠"})


def message_of(news: News, findings: Sequence[Finding], target: str, public_url: str) -> Message:
    """Return what `target` is told: those of the findings that concern it.

    Parameters
    ----------
    public_url
        Of the gate; no link is in it where that is empty.
    """
    lines = [_plain(finding.text) for finding in findings[:MOST_FINDINGS]]
    if len(findings) > MOST_FINDINGS:
        lines.append(f"and {len(findings) - MOST_FINDINGS} more")
    if owners := _owners(findings, news.owners):
        lines.append(f"owner: {_plain(', '.join(owners))}")
    if news.link and public_url:
        lines.append(public_url.rstrip("/") + news.link)
    told = sorted((finding.rule, finding.text) for finding in findings)
    return Message(
        target=target,
        occasion=news.occasion or "resolved",
        repository=news.repository,
        branch=news.branch,
        topic=digest(news.topic),
        about=digest(news.title, told) if news.occasion else "",
        title=_plain(news.title),
        body="\n".join(lines),
        tone=news.tone,
        wait_s=news.wait_s,
    )


def notice_json(notice: Notice) -> dict[str, Any]:
    """Return how a notice stands, without its text."""
    whole: dict[str, Any] = dump(notice)
    return {name: value for name, value in whole.items() if name not in ("topic", "about", "body", "tone")}


def _owners(findings: Sequence[Finding], owners: Mapping[str, str]) -> list[str]:
    found = {owners[finding.rule] for finding in findings if finding.rule in owners}
    return sorted(found)


def _plain(text: str) -> str:
    plain = visible(text).translate(_HARMLESS)
    return plain if len(plain) <= MOST_CHARS else plain[:MOST_CHARS] + " …"
