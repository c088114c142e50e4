"""What lakeFS's answers look like. One that looks otherwise is no answer: nothing is read out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from gate_server.errors import LakeFSError
from gate_server.model import load

WHO_ANSWERED = "did a proxy answer in lakeFS's place? its log and lakeFS's say more"
T = TypeVar("T")


@dataclass(frozen=True)
class Pagination:
    """Whether there is more, and where it begins."""

    has_more: bool
    next_offset: str = ""


@dataclass(frozen=True)
class Page:
    """A page of a paged call."""

    results: list[dict[str, Any]]
    pagination: Pagination


@dataclass(frozen=True)
class Entry:
    """An object in a listing."""

    path: str
    physical_address: str
    checksum: str
    size_bytes: int
    metadata: Mapping[str, str] | None = None
    content_type: str | None = None


@dataclass(frozen=True)
class CommitAnswer:
    """A commit."""

    id: str
    meta_range_id: str
    parents: list[str]
    message: str = ""
    committer: str = ""
    creation_date: int = 0
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Head:
    """A branch."""

    commit_id: str


@dataclass(frozen=True)
class NamedHead:
    """A branch in a listing."""

    id: str
    commit_id: str


@dataclass(frozen=True)
class PullRequest:
    """A pull request in a listing; neither its description nor a place for others' words is there."""

    id: str
    source_branch: str
    destination_branch: str


@dataclass(frozen=True)
class Named:
    """A repository in a listing."""

    id: str


@dataclass(frozen=True)
class MergeBase:
    """Where a merge would start from."""

    base_commit_id: str


@dataclass(frozen=True)
class Merged:
    """What a merge made."""

    reference: str


@dataclass(frozen=True)
class Deleted:
    """What could not be deleted."""

    errors: list[dict[str, Any]]


@dataclass(frozen=True)
class RepositoryAnswer:
    """A repository."""

    storage_namespace: str
    read_only: bool = False


@dataclass(frozen=True)
class Difference:
    """A line of a diff."""

    path: str
    type: str = ""
    size_bytes: int | None = None


def as_shape(kind: type[T], data: Any, what: str) -> T:
    """Return JSON data as `kind`.

    Raises
    ------
    LakeFSError
        When it does not fit; names `what` was asked.
    """
    try:
        return load(kind, data)
    except ValidationError as error:
        raise LakeFSError(
            f"lakeFS's answer to {what} is not what it should be: {_where(error)}", WHO_ANSWERED
        ) from error


def json_of(answer: httpx.Response, what: str) -> Any:
    """Return an answer's JSON.

    Raises
    ------
    LakeFSError
        When it is none, or broken off.
    """
    try:
        return answer.json()
    except (ValueError, RecursionError) as error:
        raise LakeFSError(f"lakeFS's answer to {what} is no JSON", WHO_ANSWERED) from error


def _where(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(str(step) for step in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])
