"""What an entry of the ledger has to tell: the occasion, what it is about, and each finding with its rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gate_server.model import Check, Occasion, Outcome
from gate_server.model.notices import Tone
from gate_server.reports.json import reason_line
from gate_server.reports.wording import short_id, short_name
from gate_server.store.ledger import Entry

# An unverified commit is judged within seconds: then that is told, or, where it is good, nothing.
JUDGED_WITHIN_S = 60.0
_GOOD = (Outcome.PASS.value, Outcome.WARN.value)


@dataclass(frozen=True)
class Finding:
    """One line of what is told. ``rule`` is empty where it concerns no rule, or each."""

    text: str
    rule: str = ""


@dataclass(frozen=True)
class News:
    """What happened, for whom it may concern.

    Parameters
    ----------
    occasion
        None: what ``topic`` was told of is in order again, for those who were told.
    topic
        What it is about, such as ("merge", repository, branch, source).
    owners
        The owner of each rule that has one.
    link
        Path of the page that says more.
    """

    occasion: Occasion | None
    topic: tuple[str, ...]
    repository: str
    branch: str
    title: str
    findings: tuple[Finding, ...] = ()
    tone: Tone = "failure"
    link: str = ""
    wait_s: float = 0.0
    owners: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Known:
    """What is looked up for an entry: a check by its id, and the owners of the rules of its policy."""

    check: Callable[[str], Check | None]
    owners: Callable[[str], Mapping[str, str]]


def news_of(entry: Entry, known: Known) -> News | None:
    """Return what `entry` has to tell; None for most."""
    if entry.kind == "ask.answered":
        return _of_ask(entry, known)
    if entry.kind == "audit.found":
        return _of_commit(entry)
    if entry.kind == "audit.rewritten":
        return _news(
            entry,
            "unverified",
            ("line", entry.repository, entry.branch),
            "the history was rewritten",
            f"the head that was seen last, {short_id(entry.content['seen'])}, is not on the line any more; "
            f"the head is {short_id(entry.content['head'])}",
        )
    if entry.kind == "audit.held_back":
        return _news(
            entry,
            "held_back",
            ("held back", entry.repository, entry.branch, entry.commit_id),
            "bad data is not taken back",
            f"commit {short_id(entry.commit_id)}: {entry.content['why']}",
        )
    if entry.kind == "revert.closed":
        return _of_revert(entry)
    return None


def _of_ask(entry: Entry, known: Known) -> News | None:
    kind, outcome = entry.content["kind"], entry.content["outcome"]
    event = entry.content["event"]
    if kind == "audit" and outcome in _GOOD:
        return News(
            None,
            _commit_topic(entry),
            entry.repository,
            entry.branch,
            f"{outcome}: {entry.repository}/{entry.branch}, commit {short_id(entry.commit_id)}",
            (Finding("was judged afterwards, and is in order"),),
            "success",
            _page(entry.content["check"]),
        )
    if kind == "hook":
        source = str(event.get("merge_source") or event.get("source_ref") or "")
        topic: tuple[str, ...] = ("merge", entry.repository, entry.branch, source)
        where = f"{entry.repository}: {short_name(source)} into {entry.branch}"
        occasion: Occasion = "fail" if outcome == Outcome.FAIL.value else "error"
    elif kind == "watch":
        watch = str(event.get("watch", ""))
        topic = ("watch", watch, entry.repository, entry.branch)
        where, occasion = f"{entry.repository}/{entry.branch}, watch {watch}", "watch"
    else:
        return None
    if outcome in _GOOD:
        said = (Finding(entry.content["summary"]),)
        return News(
            None, topic, entry.repository, entry.branch, f"{outcome}: {where}", said, "success",
            _page(entry.content["check"]),
        )  # fmt: skip
    check = known.check(entry.content["check"]) if entry.content["check"] else None
    findings = _findings(check)
    return News(
        occasion,
        topic,
        entry.repository,
        entry.branch,
        f"{outcome}: {where}",
        findings or (Finding(entry.content["summary"]),),
        "failure" if outcome == Outcome.FAIL.value else "warning",
        _page(entry.content["check"]),
        owners=known.owners(check.policy_digest) if check else {},
    )


def _findings(check: Check | None) -> tuple[Finding, ...]:
    """Return what a check's verdict rests on; warnings beside a failure are not told."""
    if check is None or check.verdict is None:
        return ()
    bad = (Outcome.FAIL, Outcome.ERROR)
    return tuple(
        Finding(reason_line(reason), reason.rule) for reason in check.verdict.reasons if reason.outcome in bad
    )


def _of_commit(entry: Entry) -> News:
    content = entry.content
    came = f"came by {content['came_by']}" + (f", by {content['committer']}" if content["committer"] else "")
    unverified = content["state"] == "unverified"
    return News(
        "unverified",
        _commit_topic(entry),
        entry.repository,
        entry.branch,
        f"{content['state'].upper()}: {entry.repository}/{entry.branch}, commit {short_id(entry.commit_id)}",
        (Finding(f"it {came}, and nobody vouches for it" if unverified else f"it {came}, and is bad"),),
        "warning" if unverified else "failure",
        _page(content["check"]),
        wait_s=JUDGED_WITHIN_S if unverified else 0.0,
    )


def _of_revert(entry: Entry) -> News:
    content = entry.content
    done = content["state"] in ("verified", "applied", "moved")
    return News(
        "revert",
        ("revert", entry.subject),
        entry.repository,
        entry.branch,
        f"REVERT {content['state']}: {entry.repository}/{entry.branch}",
        tuple(
            Finding(text)
            for text in (
                f"to {short_id(content['to'])}, by {entry.principal}",
                f"reason: {content['reason']}" if content["reason"] else "",
                content["message"],
            )
            if text
        ),
        "info" if done or content["state"] == "unchanged" else "warning",
        f"/reverts/{entry.subject}",
    )


def _news(entry: Entry, occasion: Occasion, topic: tuple[str, ...], what: str, said: str) -> News:
    title = f"{what}: {entry.repository}/{entry.branch}"
    return News(occasion, topic, entry.repository, entry.branch, title, (Finding(said),))


def _commit_topic(entry: Entry) -> tuple[str, ...]:
    return ("commit", entry.repository, entry.branch, entry.commit_id)


def _page(check_id: str | None) -> str:
    return f"/checks/{check_id}" if check_id else ""
