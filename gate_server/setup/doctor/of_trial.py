"""The round trip: merges, reverts and cherry-picks that have to be refused, on branches made for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gate_server.errors import LakeFSError
from gate_server.lakefs.branches import Branches
from gate_server.policy.declared import CANARY_REFUSED
from gate_server.setup.doctor.finding import Finding, Ground, Place, fine, found, nothing, unseen
from gate_server.setup.doctor.of_branch import Head, only_where_tried
from gate_server.setup.explain import Cause, cause_of, last_line, run_output
from gate_server.setup.gate_files import PRE_MERGE
from gate_server.setup.proof import canary_branch, revert_wrongly

_OF_MERGE = ("D205", "D206", "D207", "D208", "D209")
IDS = (*_OF_MERGE, "D210", "D211")
_FAULT_OF = {"not reached": "D205", "no token": "D206", "token refused": "D207", "no Lua HTTP": "D208"}
# What is known to be in order where that cause was told: lakeFS fills the token in before it calls.
_IN_ORDER = {"D207": ("D205", "D206")}


def look(ground: Ground, head: Head) -> Iterator[Finding]:
    """Yield D205 to D211."""
    only_where_tried(ground)
    branches = head.branches
    with canary_branch(branches, head.commit) as (canary, commit):
        yield from _merge(head, branches, canary, commit)
        yield _refused(
            "D210",
            head.place,
            "a revert that expects another head",
            lambda: revert_wrongly(branches, canary, commit),
        )
        yield _refused("D211", head.place, "a cherry-pick", lambda: branches.cherry_pick(canary, commit))


def _merge(head: Head, branches: Branches, canary: str, commit: str) -> Iterator[Finding]:
    place = head.place
    try:
        branches.merge(commit, canary, "The gate's canary")
    except LakeFSError as error:
        said = run_output(error, branches)
    else:
        yield from _passed(head)
        return
    if CANARY_REFUSED in said:
        yield fine("D205", place, f"lakeFS called {head.gate_url}, and the gate answered")
        yield fine("D206", place, "lakeFS sent a token")
        yield fine("D207", place, "the gate took it")
        yield _lua(head)
        yield fine("D209", place, "the gate refused a merge that it has to refuse")
        return
    yield from _caused(head, cause_of(said), last_line(said))


def _passed(head: Head) -> Iterator[Finding]:
    place = head.place
    if PRE_MERGE not in head.files:
        yield from (unseen(id, place, "no action asks the gate (D203)") for id in _OF_MERGE)
        return
    yield from (unseen(id, place, "the gate was not heard of (D209)") for id in _OF_MERGE[:-1])
    yield found("D209", place, f"it passed; asked was {head.gate_url}")


def _caused(head: Head, cause: Cause | None, said: str) -> Iterator[Finding]:
    """Yield what a refusal that was not the gate's verdict says; of the rest, that it could not be seen."""
    place = head.place
    fault = _FAULT_OF.get(cause.kind, "") if cause else ""
    in_order = _IN_ORDER.get(fault, ())
    for id in _OF_MERGE:
        if id == fault:
            yield found(id, place, said)
        elif id in in_order:
            yield fine(id, place, "the gate refused the token that lakeFS sent")
        elif id == "D208" and (in_order or not head.is_lua):
            yield _lua(head)
        else:
            yield unseen(id, place, f"{fault} came first" if fault else f"the merge failed otherwise: {said}")


def _lua(head: Head) -> Finding:
    if head.is_lua:
        return fine("D208", head.place, "the Lua client asked the gate")
    return nothing("D208", head.place, "the action is a webhook")


def _refused(id: str, place: Place, what: str, attempt: Callable[[], object]) -> Finding:
    try:
        attempt()
    except LakeFSError as error:
        if error.http_status in (403, 412):
            return fine(id, place, f"{what} was refused")
        return unseen(id, place, error.message)
    return found(id, place, f"{what} passed")
