"""Hidden branches that the gate made for a moment and did not come to delete, found by what it named them."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

from gate_server.errors import GateError
from gate_server.lakefs.branches import Branches
from gate_server.lakefs.client import LakeFS, repository_url


def delete_left(
    lakefs: LakeFS,
    repositories: Iterable[str],
    name: re.Pattern[str],
    *,
    prefix: str,
    made_before_s: float,
    keep: Container[str] = (),
) -> list[str]:
    """Delete hidden branches of an old name; return them, as lakeFS URIs.

    One that lakeFS does not give away stays for the next time, and so do all of a repository that it does
    not list.

    Parameters
    ----------
    name
        What the whole name has to match. Its first group says when the branch was made, in seconds since
        1970, hexadecimal.
    prefix
        What such names begin with.
    keep
        Names that stay.
    """
    deleted = []
    for repository in repositories:
        branches = Branches(lakefs, repository)
        path = repository_url(repository, "branches")
        try:
            every = [str(item["id"]) for item in lakefs.pages(path, prefix=prefix, show_hidden=True)]
            old = [one for one in every if one not in keep and _made_s(name, one) < made_before_s]
            if not old:
                continue
            # lakeFS says only so that a branch is hidden. What people see is theirs, whatever its name.
            seen = {str(item["id"]) for item in lakefs.pages(path, prefix=prefix)}
            for one in old:
                if one not in seen:
                    branches.delete(one)
                    deleted.append(f"lakefs://{repository}/{one}")
        except GateError:
            continue  # told by whoever works there next; it is tried again
    return deleted


def _made_s(name: re.Pattern[str], branch: str) -> float:
    """Return when a branch was made by its name; never, where the name is not the gate's."""
    match = name.fullmatch(branch)
    return int(match[1], 16) if match else float("inf")
