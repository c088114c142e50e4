"""Whether the bytes of what would come back are still there: garbage collection takes them, not entries."""

from __future__ import annotations

from collections.abc import Sequence

from gate_server.errors import LakeFSError
from gate_server.lakefs.client import repository_url
from gate_server.model import Commit
from gate_server.reverts.context import RevertContext
from gate_server.reverts.preview import ObjectChange

MOST_LOOKED_AT = 8
GONE = (404, 410)


def bytes_gone(
    context: RevertContext, repository: str, source: Commit, changes: Sequence[ObjectChange]
) -> str:
    """Return what to say where objects that `source` would bring back cannot be opened; empty otherwise.

    Looks at `MOST_LOOKED_AT` of them, spread over all, and reads none.
    """
    back = [change.path for change in changes if change.kind != "removed"]
    looked_at = back[:: max(1, -(-len(back) // MOST_LOOKED_AT))]
    gone = [path for path in looked_at if not _opens(context, repository, source, path)]
    if not gone:
        return ""
    return (
        f"the bytes of {', '.join(gone)} are gone from lakeFS's storage (garbage collection?), of "
        f"{len(looked_at)} objects looked at among {len(back)} that would come back: they could not be read"
    )


def _opens(context: RevertContext, repository: str, source: Commit, path: str) -> bool:
    try:
        with context.lakefs.stream(repository_url(repository, "refs", source.id, "objects"), path=path):
            return True
    except LakeFSError as error:
        if error.http_status in GONE:
            return False
        raise
