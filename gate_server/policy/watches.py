"""What a policy's `watch:` list has to keep to, and which rules a watch holds against a branch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gate_server.model import Policy, Rule, Watch
from gate_server.policy.globs import is_pattern, matches


def wrong_watches(file: str, watches: Sequence[Watch], rules: Sequence[Rule]) -> Iterable[str]:
    """Return what is wrong, as ``file:line: what is wrong``."""
    by_name = {rule.name: rule for rule in rules}
    seen: set[str] = set()
    for watch in watches:
        where = f"{file}:{watch.line}: watch {watch.name}"
        if watch.name in seen:
            yield f"{where}: the name is taken"
        seen.add(watch.name)
        if not watch.after_merge and not watch.every:
            yield f"{where}: it never looks: `after_merge: true` or `every:` is needed"
        for pattern in (*watch.repositories, *watch.branches):
            if not is_pattern(pattern):
                yield f"{where}: {pattern!r} is no pattern"
        for name in watch.rules:
            if name not in by_name:
                yield f"{where}: there is no rule {name}: valid are {', '.join(by_name)}"
            elif by_name[name].runs == "elsewhere":
                yield f"{where}: rule {name} runs elsewhere, and the gate looks with its own workers"


def watched_rules(policy: Policy, watch: Watch, repository: str, branch: str) -> tuple[Rule, ...]:
    """Return the rules that `watch` holds against a branch; none where it is not for it.

    What runs elsewhere is left out: no worker there is asked.
    """
    if not matches(repository, watch.repositories) or not matches(branch, watch.branches):
        return ()
    return tuple(
        rule
        for rule in policy.rules
        if (not watch.rules or rule.name in watch.rules)
        and rule.runs == "here"
        and matches(repository, rule.repositories)
        and matches(branch, rule.branches)
    )
