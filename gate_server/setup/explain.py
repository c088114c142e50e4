"""Why lakeFS refused a merge that should have passed, and what to set."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from gate_server.errors import CouldNotTell, LakeFSError
from gate_server.lakefs.branches import Branches

TOKEN = "set LAKEFSACTION_GATE_TOKEN in the lakeFS server's environment to the gate's GATE_HOOK_TOKEN"  # noqa: S105
_RUN_ID = re.compile(r"run id '([a-z0-9]+)'")
_REFUSED = "the gate refused lakeFS's token"
_NOT_FOR_THIS = "lakeFS's token is not for the gate's hook, or not for this branch"


class Cause(NamedTuple):
    """Why: recognised by a text in what was said. Without ``what`` and ``hint`` the gate was not reached."""

    text: str
    kind: Literal["no token", "token refused", "could not tell", "no Lua HTTP", "not reached"]
    what: str = ""
    hint: str = ""


_KNOWN = (
    Cause("LAKEFSACTION_GATE_TOKEN not found", "no token", "lakeFS has no token for the gate", TOKEN),
    Cause("status code: 401", "token refused", _REFUSED, TOKEN),
    Cause("answered 401", "token refused", _REFUSED, TOKEN),
    Cause("status code: 403", "token refused", _NOT_FOR_THIS, TOKEN),
    Cause("answered 403", "token refused", _NOT_FOR_THIS, TOKEN),
    Cause(
        "status code: 503",
        "could not tell",
        "the gate could not tell (503)",
        "its log says why: does its worker run, does it reach lakeFS? Then install again",
    ),
    Cause(
        "net_http_enabled",
        "no Lua HTTP",
        "lakeFS lets no Lua hook ask the gate",
        "set actions.lua.net_http_enabled: true on the lakeFS server, or install without --lua",
    ),
    Cause("connection refused", "not reached"),
    Cause("no such host", "not reached"),
    Cause("dial tcp", "not reached"),
    Cause("imeout", "not reached"),
    Cause("deadline exceeded", "not reached"),
)


def cause_of(said: str) -> Cause | None:
    """Return the cause that stands in what lakeFS and the hooks said."""
    return next((cause for cause in _KNOWN if cause.text in said), None)


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
    if cause := cause_of(said):
        return CouldNotTell(
            cause.what or f"lakeFS does not reach the gate at {gate_url} ({cause.text})",
            cause.hint or "GATE_PUBLIC_URL has to be an address that lakeFS reaches; does the gate run?",
        )
    return CouldNotTell(f"lakeFS refused: {last_line(said)}", error.hint)


def last_line(text: str) -> str:
    """Return the last line that says something: of a hook's output, where the reason stands."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:1000] if lines else "no reason given"
