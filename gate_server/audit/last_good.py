"""`last-good`: the newest commit of a branch that holds nothing unverified or failing, for reverts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gate_server.audit.walk import audit
from gate_server.errors import Conflict
from gate_server.reverts.context import RevertContext

LAST_GOOD = "last-good"


def with_last_good(context: RevertContext, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a revert's request with the commit in place of ``last-good``.

    The name is the gate's: a tag or branch that is called so is not taken for it.

    Raises
    ------
    Conflict
        When there is no such commit, or the branch's history is not the one that the gate was installed on.
    """
    if wanted.get("to") != LAST_GOOD:
        return wanted
    repository, branch = wanted["repository"], wanted["branch"]
    found = audit(context, repository, branch)
    good = found.line.last_good
    if not found.baseline or good is None:
        raise Conflict(
            found.findings[-1]
            if not found.baseline
            else f"nothing that {branch} ever held is known to be good",
            f"`gate audit lakefs://{repository}/{branch}` says more; name the commit to go back to",
        )
    return {**wanted, "to": good.id}
