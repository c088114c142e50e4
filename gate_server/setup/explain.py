"""Why lakeFS refused a merge that should have passed, and what to set."""

from __future__ import annotations

import re

from gate_server.errors import CouldNotTell, LakeFSError
from gate_server.lakefs.branches import Branches

TOKEN = "set LAKEFSACTION_GATE_TOKEN in the lakeFS server's environment to the gate's GATE_HOOK_TOKEN"  # noqa: S105
_RUN_ID = re.compile(r"run id '([a-z0-9]+)'")
_KNOWN = (
    ("LAKEFSACTION_GATE_TOKEN not found", "lakeFS has no token for the gate", TOKEN),
    ("status code: 401", "the gate refused lakeFS's token", TOKEN),
    ("answered 401", "the gate refused lakeFS's token", TOKEN),
    ("status code: 403", "lakeFS's token is not for the gate's hook, or not for this branch", TOKEN),
    ("answered 403", "lakeFS's token is not for the gate's hook, or not for this branch", TOKEN),
    (
        "status code: 503",
        "the gate could not tell (503)",
        "its log says why: does its worker run, does it reach lakeFS? Then install again",
    ),
    (
        "net_http_enabled",
        "lakeFS lets no Lua hook ask the gate",
        "set actions.lua.net_http_enabled: true on the lakeFS server, or install without --lua",
    ),
    ("connection refused", "", ""),
    ("no such host", "", ""),
    ("dial tcp", "", ""),
    ("imeout", "", ""),
    ("deadline exceeded", "", ""),
)


def run_output(error: LakeFSError, branches: Branches) -> str:
    """Return what the hooks printed whose refusal `error` is, and lakeFS's message."""
    found = _RUN_ID.search(error.message)
    if found is None:
        return error.message
    try:
        return "\n".join([error.message, *branches.hook_outputs(found.group(1))])
    except LakeFSError as unread:
        # The message alone then has to do; a run that failed early has no record.
        return f"{error.message}\n({unread.message})"


def refused_merge(error: LakeFSError, branches: Branches, gate_url: str) -> CouldNotTell:
    """Return the error to raise for a merge of the gate's own files that lakeFS refused."""
    if error.http_status == 0:
        return error
    said = run_output(error, branches)
    for text, what, hint in _KNOWN:
        if text in said:
            return CouldNotTell(
                what or f"lakeFS does not reach the gate at {gate_url} ({text})",
                hint or "GATE_PUBLIC_URL has to be an address that lakeFS reaches; does the gate run?",
            )
    return CouldNotTell(f"lakeFS refused: {_last_line(said)}", error.hint)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:1000] if lines else "no reason given"
