"""What each role opens, and where a scope reaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from gate_server.model import Principal, Role, Scope
from gate_server.policy.globs import matches

T = TypeVar("T")

# What a role opens, by the role that an endpoint asks for. Who may check or revert may see what came of it.
# The hook's token is known to whoever can write a branch (H10): it opens the hook, and nobody else does.
OPENS: Mapping[Role, frozenset[Role]] = {
    Role.HOOK: frozenset({Role.HOOK}),
    Role.READER: frozenset({Role.READER}),
    Role.CHECKER: frozenset({Role.READER, Role.CHECKER}),
    Role.REVERTER: frozenset({Role.READER, Role.REVERTER}),
    Role.WORKER: frozenset({Role.READER, Role.WORKER}),
    Role.SAMPLER: frozenset({Role.READER, Role.SAMPLER}),
    Role.ADMIN: frozenset(set(Role) - {Role.HOOK}),
}


def opens(principal: Principal, needed: Role) -> bool:
    """Whether one of the principal's roles opens what asks for `needed`."""
    return any(needed in OPENS[role] for role in principal.roles)


def covers(scope: Scope, repository: str, branch: str | None) -> bool:
    """Whether `scope` reaches a branch; None is the whole repository, which a limit to branches forbids."""
    if scope.repositories and not matches(repository, scope.repositories):
        return False
    if not scope.branches:
        return True
    return branch is not None and matches(branch, scope.branches)


def is_everywhere(scope: Scope) -> bool:
    """Whether `scope` limits nothing."""
    return scope == Scope()


def newest_within(
    scope: Scope, limit: int, newest: Callable[[int], list[T]], place: Callable[[T], tuple[str, str]]
) -> list[T]:
    """Return the newest `limit` rows that `scope` reaches.

    Parameters
    ----------
    newest
        Returns the newest rows, as many as it is told.
    place
        The repository and the branch of a row.
    """
    size = limit
    while True:
        rows = newest(size)
        found = [row for row in rows if covers(scope, *place(row))]
        if len(found) >= limit or len(rows) < size:
            return found[:limit]
        size *= 8
