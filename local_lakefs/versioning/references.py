"""References: a name, a commit id or its unique beginning, followed by ``@``, ``$``, ``~N`` or ``^N``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_lakefs.errors import BadRequest, NotFound
from local_lakefs.versioning import branches, commits
from local_lakefs.versioning.branches import Branch
from local_lakefs.versioning.commits import Commit
from local_lakefs.versioning.names import INVALID_VALUE

if TYPE_CHECKING:
    from local_lakefs.versioning.repositories import Repository

_PARTS = re.compile(r"(?:^|[~^@$])[^~^@$]*")
_DIGEST = re.compile(r"[a-fA-F0-9]{1,64}")
_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_COMMIT_ID_LENGTH = 64


def _invalid(detail: str = "") -> BadRequest:
    return BadRequest(f"{detail}ref: {INVALID_VALUE}")


@dataclass(frozen=True)
class Modifier:
    kind: str
    number: int


@dataclass(frozen=True)
class Reference:
    """A resolved reference: a commit, and the branch whose staged changes are seen through it, if any."""

    commit_id: str
    staged: Branch | None = None
    staging_only: bool = False


def parse(text: str) -> tuple[str, list[Modifier]]:
    """Split a reference into its base and its modifiers; raises BadRequest."""
    base, *rest = (match.group() for match in _PARTS.finditer(text))
    if not base:
        raise _invalid()
    modifiers = []
    for part in rest:
        kind, number = part[0], part[1:]
        if kind in "@$" and number:
            raise _invalid()
        if number and not _NUMBER.fullmatch(number):
            raise _invalid(f"could not parse modifier {part}: ")
        modifiers.append(Modifier(kind, int(number) if number else 1))
    return base, modifiers


def resolve(repository: Repository, text: str) -> Reference:
    """Resolve a reference: a full commit id before a branch, a tag, the beginning of a commit id.

    Raises
    ------
    NotFound, BadRequest
    """
    base, modifiers = parse(text)
    reference = _resolve_base(repository, base)
    if not modifiers:
        return reference
    if modifiers[0].kind in "@$" or any(modifier.kind in "@$" for modifier in modifiers):
        return _branch_view(reference, modifiers)
    commit_id = reference.commit_id
    for modifier in modifiers:
        commit_id = _ancestor(repository, commit_id, modifier)
    return Reference(commit_id)


def _branch_view(reference: Reference, modifiers: list[Modifier]) -> Reference:
    if reference.staged is None or len(modifiers) != 1:
        raise _invalid()
    if modifiers[0].kind == "@":
        return Reference(reference.commit_id)
    return Reference(reference.commit_id, reference.staged, staging_only=True)


def _ancestor(repository: Repository, commit_id: str, modifier: Modifier) -> str:
    if modifier.kind == "~":
        for _ in range(modifier.number):
            parents = commits.get(repository, commit_id).parents
            if not parents:
                raise NotFound("not found")
            commit_id = parents[0]
        return commit_id
    if modifier.number == 0:
        return commit_id
    parents = commits.get(repository, commit_id).parents
    if modifier.number > len(parents) or modifier.number < 0:
        raise _invalid()
    return parents[modifier.number - 1]


def _resolve_base(repository: Repository, base: str) -> Reference:
    is_digest = _DIGEST.fullmatch(base) is not None
    if is_digest and len(base) == _COMMIT_ID_LENGTH and commits.find(repository, base):
        return Reference(base)
    branch = branches.find(repository, base)
    if branch is not None:
        return Reference(branch.commit_id, branch)
    tag = repository.database.one(
        "SELECT commit_id FROM tags WHERE repository = ? AND id = ?", (repository.uid, base)
    )
    if tag is not None:
        return Reference(tag["commit_id"])
    commit = commits.find_by_prefix(repository, base) if is_digest else None
    if commit is None:
        raise NotFound("not found")
    return Reference(commit.id)


def commit_id(repository: Repository, text: str) -> str:
    """Resolve a reference to a commit's id; raises BadRequest for ``BRANCH$``."""
    reference = resolve(repository, text)
    if reference.staging_only:
        raise BadRequest(f"ref: {INVALID_VALUE}: should point to a commit")
    return reference.commit_id


def resolve_commit(repository: Repository, text: str) -> Commit:
    """Resolve a reference to a commit; a branch means its head. Raises BadRequest for ``BRANCH$``."""
    reference = resolve(repository, text)
    if reference.staging_only:
        raise BadRequest(f"reference '{text}': reference to staging area with $ is not a commit")
    return commits.get(repository, reference.commit_id)
