"""Environments: a branch of its own to try things on, with an owner and an end, compared and thrown away.

An environment is a branch ``env-NAME`` whose first own commit, an empty one, says in its metadata whose it is
and until when. lakeFS's branches hold no metadata; a commit's is seen by everybody who sees the branch, in
lakeFS's own pages too, and goes with it. Nothing else is kept anywhere.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gate_client.errors import Conflict, GateError, LakeFSError, NotFound, UsageError
from gate_client.lakefs import LakeFS

PREFIX = "env-"
DEFAULT_DAYS = 7.0
BRANCH_KEY, OWNER_KEY, EXPIRES_KEY = "gate.environment", "gate.owner", "gate.expires"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}")
_NOT_LEGAL = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Environment:
    """An environment. ``owner`` and ``expires_at`` are empty where its first commit cannot be read."""

    repository: str
    branch: str
    head: str
    owner: str = ""
    expires_at: datetime | None = None

    @property
    def uri(self) -> str:
        """Its lakeFS address."""
        return f"lakefs://{self.repository}/{self.branch}"

    def is_over(self, now: datetime | None = None) -> bool:
        """Whether its time is over; never where that is not known."""
        return self.expires_at is not None and self.expires_at <= (now or datetime.now(UTC))


def legal_name(text: str) -> str:
    """Return `text` as lakeFS takes it for a branch: letters, digits, ``_`` and ``-`` (C7).

    Raises
    ------
    UsageError
        When nothing of it can stay.
    """
    name = _NOT_LEGAL.sub("-", text).strip("-")[:200]
    if not name:
        raise UsageError(f"{text!r} holds nothing that a branch's name may", "use letters and digits")
    return name


def create(
    lakefs: LakeFS,
    repository: str,
    name: str,
    *,
    owner: str,
    source: str = "main",
    days: float = DEFAULT_DAYS,
) -> Environment:
    """Make the environment ``env-NAME`` from what `source` has committed.

    Raises
    ------
    Conflict
        When there is one of that name.
    NotFound
        When the repository or `source` does not exist.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a branch", f"such as {legal_name(name)!r}")
    if not owner:
        raise UsageError("an environment needs an owner", "say who is to be asked about it")
    if not 0 < days <= 3650:
        raise UsageError(f"{days:g} days is no time for an environment", "more than 0, at most 3650")
    branch = name if name.startswith(PREFIX) else PREFIX + name
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    at = str(lakefs.commit_of(repository, source)["id"])
    try:
        lakefs.send("POST", repository, "branches", body={"name": branch, "source": at})
    except LakeFSError as error:
        if error.status != 409:
            raise
        raise Conflict(
            f"there is a branch {branch} in {repository}", "choose another name, or `gate env delete` it"
        ) from error
    try:
        commit = lakefs.send(
            "POST",
            repository,
            "branches",
            branch,
            "commits",
            body={
                "message": f"Environment of {owner} until {expires_at:%Y-%m-%d %H:%M} UTC",
                "metadata": {BRANCH_KEY: branch, OWNER_KEY: owner, EXPIRES_KEY: expires_at.isoformat()},
                "allow_empty": True,
            },
        )
    except BaseException as error:
        _take_back(lakefs, repository, branch, error)
        raise
    return Environment(repository, branch, str(commit["id"]), owner, expires_at)


def _take_back(lakefs: LakeFS, repository: str, branch: str, error: BaseException) -> None:
    """Delete a branch that did not become an environment; where that fails too, `error` says so."""
    try:
        lakefs.send("DELETE", repository, "branches", branch)
    except NotFound:
        pass
    except GateError as left:
        uri = f"lakefs://{repository}/{branch}"
        what = f"{uri} is left ({left.message}): `lakectl branch delete {uri}` when lakeFS answers"
        error.add_note(what)
        if isinstance(error, GateError):
            error.hint = f"{error.hint}; {what}" if error.hint else what


def get(lakefs: LakeFS, repository: str, branch: str) -> Environment:
    """Return an environment.

    Raises
    ------
    NotFound
        When there is no such branch.
    Conflict
        When the branch is none, or does not say that it is.
    """
    head = lakefs.branch_head(repository, branch)
    if head is None:
        raise NotFound(f"there is no branch {branch} in {repository}", "`gate env list` lists environments")
    found = _read(lakefs, repository, branch, head)
    if not found.owner:
        raise Conflict(
            f"{found.uri} is no environment: no commit of it says whose it is",
            f"`lakectl branch delete {found.uri}` deletes it all the same",
        )
    return found


def listed(lakefs: LakeFS, repository: str) -> Iterator[Environment]:
    """Yield the repository's environments, and what is called like one, by name."""
    for branch in lakefs.pages(repository, "branches", prefix=PREFIX):
        with contextlib.suppress(NotFound):  # deleted meanwhile
            yield _read(lakefs, repository, branch["id"], branch["commit_id"])


def delete(lakefs: LakeFS, repository: str, branch: str) -> Environment:
    """Throw an environment away, with all that is on it; refuses other branches as `get` does."""
    found = get(lakefs, repository, branch)
    lakefs.send("DELETE", repository, "branches", branch)
    return found


def prune(lakefs: LakeFS, repository: str, now: datetime | None = None) -> list[Environment]:
    """Throw away the environments whose time is over; return them."""
    over = [found for found in listed(lakefs, repository) if found.is_over(now)]
    for found in over:
        with contextlib.suppress(NotFound):  # somebody else was faster
            lakefs.send("DELETE", repository, "branches", found.branch)
    return over


def _read(lakefs: LakeFS, repository: str, branch: str, head: str) -> Environment:
    for commit in lakefs.first_parents(repository, head):
        metadata = commit.get("metadata") or {}
        if metadata.get(BRANCH_KEY) == branch:
            return Environment(
                repository, branch, head, metadata.get(OWNER_KEY, ""), _moment(metadata.get(EXPIRES_KEY, ""))
            )
    return Environment(repository, branch, head)


def _moment(text: str) -> datetime | None:
    """Return a moment with its zone; None, which never ends, where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
