"""Temporary branches of reverts that no database knows of any more: found by their name and their age."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gate_server.errors import GateError
from gate_server.lakefs.branches import Branches
from gate_server.lakefs.client import repository_url
from gate_server.reverts.apply import TEMPORARY
from gate_server.reverts.context import RevertContext
from gate_server.store.times import now

# No revert lasts so long, and no two clocks differ so much: another gate's, which is at work, is left alone.
ABANDONED_AFTER_S = 24 * 3600.0
NAME = re.compile(re.escape(TEMPORARY) + r"([0-9a-f]{1,12})-[0-9a-f]{16}")


def delete_left_branches(
    context: RevertContext, repositories: Iterable[str], *, older_than_s: float = ABANDONED_AFTER_S
) -> list[str]:
    """Delete what is left of reverts in `repositories`; return the branches, as lakeFS URIs.

    What this gate knows of is `sweep`'s. One that lakeFS does not give away stays for the next time.
    """
    known = {branch for _, branch in context.store.reverts.unfinished()}
    deleted = []
    for repository in repositories:
        branches = Branches(context.lakefs, repository)
        try:
            path = repository_url(repository, "branches")
            pages = context.lakefs.pages(path, prefix=TEMPORARY, show_hidden=True)
            for name in [str(item["id"]) for item in pages]:
                if name not in known and _age_s(name) > older_than_s:
                    branches.delete(name)
                    deleted.append(f"lakefs://{repository}/{name}")
        except GateError:
            continue  # told by whoever reverts there next; it is tried again
    return deleted


def _age_s(name: str) -> float:
    """Return how old a temporary branch is by its name; none where the name is not ours."""
    match = NAME.fullmatch(name)
    return now().timestamp() - int(match[1], 16) if match else 0.0
