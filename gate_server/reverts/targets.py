"""Which commit a revert goes back to, or undoes: what the caller named, as a commit of the branch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from gate_server.errors import Conflict, UsageError
from gate_server.model import Commit
from gate_server.reverts.context import RevertContext

SHORT_ID = re.compile(r"[0-9a-f]{6,64}")
# No ref of lakeFS holds a colon, so a time is never taken for a branch or a tag.
TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}")


@dataclass(frozen=True)
class Target:
    """The commit that was meant.

    Parameters
    ----------
    distance
        How many commits of the branch's first-parent line lie between it and the head; 0 for one beside it.
    aside
        It is not on that line.
    note
        What to say about the choice, empty where the caller named the commit itself.
    """

    commit: Commit
    distance: int
    aside: bool = False
    note: str = ""


def find_target(
    context: RevertContext, repository: str, branch: str, head: Commit, named: str, *, allow_side: bool
) -> Target:
    """Return the commit that `named` (any ref, or a time) means.

    Raises
    ------
    NotFound
        When there is no such ref.
    UsageError
        When it looks like a time and is none, or has no zone.
    Conflict
        When the commit was never the branch's state (R6) and `allow_side` is not given, or the branch is
        younger than the time.
    """
    if TIME.match(named):
        return _at_time(context, repository, branch, head, named)
    commit = commit_of(context, repository, named)
    line = context.commits.first_parents(repository, head.id, stop_at=commit.id)
    for distance, of_line in enumerate(line):
        if of_line.id == commit.id:
            return Target(commit, distance)
    if allow_side:
        return Target(
            commit,
            0,
            aside=True,
            note=f"{commit.id} was never the state of {branch}: taken as it was asked for",
        )
    raise Conflict(
        f"commit {commit.id} was never the state of {branch}: it is not on its first-parent line",
        f"`lakectl log --first-parent lakefs://{repository}/{branch}` lists the commits to choose from; "
        "`--allow-side` takes this one all the same",
    )


def commit_of(context: RevertContext, repository: str, ref: str) -> Commit:
    """Return the commit of `ref`; refuses a short id that lakeFS takes for a tag or branch of that name."""
    commit = context.commits.get(repository, ref)
    if SHORT_ID.fullmatch(ref) and any(char.isdigit() for char in ref) and not commit.id.startswith(ref):
        raise Conflict(
            f"{ref} reads like a commit's id, but is the name of a branch or tag, at {commit.id}",
            "write the whole id of the commit that you mean",
        )
    return commit


def _at_time(context: RevertContext, repository: str, branch: str, head: Commit, text: str) -> Target:
    """Return the last commit of the first-parent line that was made at or before a time."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time ({error})", "such as 2026-11-20T08:00Z") from error
    if time.tzinfo is None:
        raise UsageError(
            f"{text!r} does not say in which zone", "append Z for UTC, or an offset such as +01:00"
        )
    for distance, commit in enumerate(context.commits.first_parents(repository, head.id)):
        if commit.created_at <= time.timestamp():
            made = datetime.fromtimestamp(commit.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            note = f"the last commit of {branch} at or before {text} is {commit.id}, of {made}"
            return Target(commit, distance, note=f"{note} by the clock of who committed")
    raise Conflict(
        f"no commit of {branch} is as old as {text}",
        f"`lakectl log --first-parent lakefs://{repository}/{branch}` says when each was made",
    )
