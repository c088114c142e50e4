"""What a policy's `notices:` list has to keep to, and who is told of something."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from gate_server.model import Occasion, Policy, Route, Rule
from gate_server.policy.globs import is_pattern, matches


def wrong_routes(
    file: str, routes: Sequence[Route], rules: Sequence[Rule], *, are_all: bool
) -> Iterable[str]:
    """Return what is wrong, as ``file:line: what is wrong``.

    Parameters
    ----------
    are_all
        Whether `rules` are all that there are; repositories may have their own.
    """
    names = [rule.name for rule in rules]
    owners = sorted({rule.owner for rule in rules if rule.owner})
    for route in routes:
        where = f"{file}:{route.line}: notices"
        for pattern in (*route.repositories, *route.branches, *route.rules, *route.owners):
            if not is_pattern(pattern):
                yield f"{where}: {pattern!r} is no pattern"
        for pattern in route.rules if are_all else ():
            if is_pattern(pattern) and not any(matches(name, (pattern,)) for name in names):
                yield f"{where}: no rule is called {pattern}: there are {', '.join(names)}"
        for pattern in route.owners if are_all else ():
            if is_pattern(pattern) and not any(matches(owner, (pattern,)) for owner in owners):
                yield f"{where}: no rule has the owner {pattern}: there are {', '.join(owners) or 'none'}"


def routes_for(policy: Policy, occasion: Occasion, repository: str, branch: str) -> Iterator[Route]:
    """Yield the routes for an occasion at a branch; an empty repository or branch is each."""
    for route in policy.notices:
        on = not route.on or occasion in route.on
        here = not repository or matches(repository, route.repositories)
        if on and here and (not branch or matches(branch, route.branches)):
            yield route


def concerns(route: Route, rule: str, owners: Mapping[str, str]) -> bool:
    """Whether something about `rule` is for a route; what is no rule's is for every one.

    Parameters
    ----------
    owners
        The owner of each rule that has one.
    """
    if not rule:
        return True
    if route.rules and not matches(rule, route.rules):
        return False
    return not route.owners or matches(owners.get(rule, ""), route.owners)
