"""Temporary branches of reverts that no database knows of any more: found by their name and their age."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gate_server.lakefs.left_branches import delete_left
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
    return delete_left(
        context.lakefs,
        repositories,
        NAME,
        prefix=TEMPORARY,
        made_before_s=now().timestamp() - older_than_s,
        keep={branch for _, branch in context.store.reverts.unfinished()},
    )
