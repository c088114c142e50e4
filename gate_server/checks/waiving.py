"""Waivers that somebody makes: of what failed in a check, or for a rule. They enter in `decide` alone."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gate_server.errors import Conflict, NotFound, UsageError
from gate_server.model import Check, MadeWaiver, Outcome, Verdict, dump
from gate_server.policy.globs import exactly, is_pattern, matches
from gate_server.store.times import now
from gate_server.store.waivers import Waivers

MOST_PATHS = 1000


@dataclass(frozen=True)
class Terms:
    """Who answers for what fails, why and until when; and who has it written down."""

    owner: str
    reason: str
    expires: datetime
    made_by: str


def waive_check(
    waivers: Waivers,
    check: Check,
    verdict: Verdict | None,
    paths: Sequence[str],
    terms: Terms,
    most_days: float,
) -> list[MadeWaiver]:
    """Waive what failed in `check`: for its repository and destination, and exactly the paths that failed.

    Parameters
    ----------
    verdict
        The check's; what is waived in it already can be waived for longer.
    paths
        Patterns that choose among what failed; all of it where there are none.
    most_days
        The farthest end that is allowed.

    Raises
    ------
    UsageError
        When the end is too far away or past.
    Conflict
        When nothing failed that can be waived, or something that cannot.
    """
    _check(terms, paths, most_days)
    chosen = [
        reason
        for reason in (verdict.reasons if verdict else ())
        if (reason.outcome is Outcome.FAIL or reason.waived_by) and (not paths or matches(reason.path, paths))
    ]
    never = next((reason for reason in chosen if not reason.waivable), None)
    if never is not None:
        raise Conflict(
            f"this failure of check {check.id} cannot be waived: {never.message}",
            "waivers are for what a rule finds bad in the data; repair this one",
        )
    if not chosen:
        raise Conflict(
            f"nothing failed in check {check.id} that could be waived", "`gate check` shows what did"
        )
    failed = {reason.rule: {other.path for other in chosen if other.rule == reason.rule} for reason in chosen}
    if sum(map(len, failed.values())) > MOST_PATHS:
        raise UsageError(
            f"more than {MOST_PATHS:,} paths failed in check {check.id}",
            "waive the rule, with patterns of paths",
        )
    exact = [(rule, [exactly(path) for path in sorted(found)]) for rule, found in sorted(failed.items())]
    return _make(waivers, check.repository, check.destination, exact, terms, check.id)


def waive_rule(
    waivers: Waivers,
    repository: str,
    branch: str,
    rule: str,
    paths: Sequence[str],
    terms: Terms,
    most_days: float,
    rules: Collection[str] | None = None,
) -> list[MadeWaiver]:
    """Waive a rule of a repository.

    Parameters
    ----------
    branch
        Merged into; empty for each.
    paths
        Patterns of what is waived under the rule; all where there are none.
    rules
        The rules that there are, where that is known.

    Raises
    ------
    UsageError
        When there is no such rule, a pattern is none, or the end is too far away or past.
    """
    _check(terms, paths, most_days)
    if rules is not None and rule not in rules:
        near = difflib.get_close_matches(rule, rules, 1)
        raise UsageError(
            f"there is no rule {rule}",
            f"did you mean {near[0]}?" if near else "`gate suites list` lists them",
        )
    return _make(waivers, repository, branch, [(rule, list(paths) or ["**"])], terms)


def end_waiver(waivers: Waivers, waiver_id: str, ended_by: str) -> MadeWaiver:
    """End a waiver: from now on what it covered fails again.

    Raises
    ------
    NotFound
        When there is none of that id that could end.
    """
    ended = waivers.end(waiver_id, ended_by)
    if ended is None:
        raise NotFound(f"there is no waiver {waiver_id} that could end", "`gate waivers list` lists them")
    return ended


def waiver_json(waiver: MadeWaiver) -> dict[str, Any]:
    """Return a waiver as it is answered, with its state: active, expired or ended."""
    state = "ended" if waiver.ended_at else "active" if now() < waiver.expires else "expired"
    body = dump(waiver)
    del body["line"]
    return {**body, "state": state}


def _check(terms: Terms, paths: Sequence[str], most_days: float) -> None:
    wrong = next((path for path in paths if not is_pattern(path)), None)
    if wrong is not None:
        raise UsageError(f"paths: {wrong!r} is no pattern")
    today = now()
    if not today < terms.expires <= today + timedelta(days=most_days):
        raise UsageError(
            f"expires: after now and within {most_days:g} days is needed (GATE_WAIVER_DAYS)",
            "waive again when it is still needed then",
        )


def _make(
    waivers: Waivers,
    repository: str,
    branch: str,
    paths_of_rules: Sequence[tuple[str, Sequence[str]]],
    terms: Terms,
    check_id: str = "",
) -> list[MadeWaiver]:
    return waivers.make(
        repository,
        branch,
        paths_of_rules,
        owner=terms.owner,
        reason=terms.reason,
        expires=terms.expires,
        made_by=terms.made_by,
        check_id=check_id,
    )
