"""Seeing that the gate is in force, with branches made for it; never with the guarded branch itself."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gate_server.errors import CouldNotTell, LakeFSError
from gate_server.lakefs.branches import Branches
from gate_server.model import Commit
from gate_server.policy.declared import CANARY_PREFIX, CANARY_REFUSED
from gate_server.setup.explain import refused_merge, run_output
from gate_server.setup.gate_files import guards_in_force
from gate_server.setup.temporary import temporary_branch, temporary_name

# lakeFS keeps a branch's action files for up to 7.5 s (H1) and protection rules for up to 5 s (R3).
WAIT_S = 15.0
POLL_S = 0.2
NOWHERE = "0" * 64


def wait_until_protected(branches: Branches, branch: str) -> None:
    """Wait until lakeFS refuses to change `branch` directly, by deleting what is not there.

    Raises
    ------
    CouldNotTell
        When it does not within `WAIT_S`.
    """
    path = f"{CANARY_PREFIX}{secrets.token_hex(8)}"

    def refused() -> bool:
        try:
            branches.delete_object(branch, path)
        except LakeFSError as error:
            if error.http_status == 403:
                return True
            if error.http_status != 404:
                raise
        return False

    _wait(refused, f"lakeFS does not heed the protection of {branch}")


def wait_until_guarded(branches: Branches, branch: str, allow_plain_revert: bool) -> None:
    """Wait until lakeFS runs the guards that `branch` holds, by making a branch that they refuse.

    Raises
    ------
    CouldNotTell
        When it does not within `WAIT_S`.
    """
    name = temporary_name("probe")
    expected = guards_in_force(allow_plain_revert)

    def refused() -> bool:
        try:
            branches.create(name, branch, hidden=True)
        except LakeFSError as error:
            if error.http_status == 412:
                return expected in error.message
            raise
        branches.delete(name)
        return False

    _wait(refused, f"lakeFS does not run the guards that {branch} holds")


def prove(branches: Branches, head: Commit, gate_url: str) -> Iterator[str]:
    """Yield what was seen to be refused, on branches at `head` that the gate's action names too.

    Raises
    ------
    CouldNotTell
        When something passed, or was refused by something else than the gate.
    """
    with canary_branch(branches, head) as (canary, commit):
        _prove_gate(branches, commit, canary, gate_url)
        yield "a merge of the canary was refused by the gate"
        _refused(lambda: revert_wrongly(branches, canary, commit), "a revert that expects another head")
        yield "a revert that expects another head was refused"
        _refused(lambda: branches.commit(canary, "-", allow_empty=True), "a direct commit")
        yield "a direct commit was refused"
        _refused(lambda: branches.cherry_pick(canary, commit), "a cherry-pick")
        yield "a cherry-pick was refused"


@contextmanager
def canary_branch(branches: Branches, head: Commit) -> Iterator[tuple[str, str]]:
    """Give a branch at `head` that its actions guard too, and a commit that the gate refuses there."""
    canary, proof = temporary_name("canary"), temporary_name("proof")
    with temporary_branch(branches, canary, head.id), temporary_branch(branches, proof, head.id):
        branches.upload(proof, CANARY_PREFIX + secrets.token_hex(8), b"refuse me\n")
        yield canary, branches.commit(proof, "The gate's canary").id


def revert_wrongly(branches: Branches, branch: str, commit: str) -> None:
    """Revert a commit, but only at a head that no branch has: the guard of reverts refuses it (H6)."""
    expectation = {"gate.expected_head": NOWHERE, "gate.expected_metarange": NOWHERE}
    branches.revert(branch, commit, parent_number=1, message="-", metadata=expectation, allow_empty=True)


def _prove_gate(branches: Branches, commit: str, canary: str, gate_url: str) -> None:
    try:
        branches.merge(commit, canary, "The gate's canary")
    except LakeFSError as error:
        if error.http_status == 412 and CANARY_REFUSED in run_output(error, branches):
            return
        raise refused_merge(error, branches, gate_url) from error
    raise CouldNotTell(
        "NOT in force: lakeFS let the canary through",
        "does something between lakeFS and the gate answer in its place, with a redirect or a page? "
        f"{gate_url}/hooks/lakefs has to be the gate itself; and lakeFS needs actions.enabled",
    )


def _refused(attempt: Callable[[], object], what: str) -> None:
    try:
        attempt()
    except LakeFSError as error:
        if error.http_status in (403, 412):
            return
        raise
    raise CouldNotTell(f"NOT in force: lakeFS let {what} through", "does it run Lua hooks (actions.enabled)?")


def _wait(until: Callable[[], bool], failure: str) -> None:
    end = time.monotonic() + WAIT_S
    while not until():
        if time.monotonic() > end:
            raise CouldNotTell(
                f"NOT in force: {failure} after {WAIT_S:.0f} s", "does it have actions.enabled?"
            )
        time.sleep(POLL_S)
