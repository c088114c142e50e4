"""What a pipeline imports: the gate over HTTP.

::

    from gate_client import GateClient, GateRefused

    with GateClient("http://gate:8090", token) as gate:  # or GATE_URL and GATE_API_TOKEN
        gate.require("sales", "import-7", "main")  # raises GateRefused: .failed, .report, .check

`GateClient` and `AsyncGateClient` have the same methods with the same parameters, the second's are awaited:

====================================================================  =================================
``check(repository, source, destination, wait_s=0)``                  ask ahead of a merge: `VerdictBody`
``wait_for_check(check_id, timeout_s=600)``                           its verdict: `CheckBody`
``judge(repository, source, destination, timeout_s=600)``             both in one: `CheckBody`
``require(repository, source, destination, timeout_s=600)``           the same, raises unless allowed
``get_check(check_id, wait_s=0)``, ``list_checks(repository="")``     what was judged
``list_waiting()``, ``take_lease(check_id)``                          checks for a worker elsewhere
``plan_revert(repository, branch, to, ...)``, ``revert(...)``         a dry run; the revert: `RevertAnswer`
``reapply(repository, source, destination)``                          a branch: what a revert took back
``audit(repository, branch, since="")``                                who vouches for each commit
``undo_revert(revert_id)``                                           takes a revert back
``get_revert(revert_id)``, ``list_reverts(repository="")``            what was put back
``register_merge(...)``, ``record_installation(...)``                 for `gate install`
``create_token(name, roles, ...)``, ``list_tokens()``, ``revoke_token(token_id)``
``waive(...)``, ``list_waivers()``, ``end_waiver(waiver_id)``         who answers for what failed
``health()``, ``readiness()``                                         is it up; can it judge
====================================================================  =================================

A 503 is tried again with growing pauses for ``retry_for_s``, where doing it twice is doing it once; nothing
else is. Whatever goes wrong is a `GateError` with ``message``, ``hint``, ``code`` and ``status``
(`gate_client.errors` draws the tree). The bodies stand in `gate_client.wire`, what failed in a check as rows
in `gate_client.failures`.
"""

from gate_client.client import AsyncGateClient, GateClient
from gate_client.errors import (
    Conflict,
    CouldNotTell,
    Forbidden,
    GateError,
    GateRefused,
    GateUnreachable,
    NotFound,
    NotReverted,
    StillRunning,
    TooManyFailures,
    Unauthorized,
    UsageError,
)
from gate_client.failures import FailedExpectation, failed_expectations

__all__ = [
    "AsyncGateClient",
    "Conflict",
    "CouldNotTell",
    "FailedExpectation",
    "Forbidden",
    "GateClient",
    "GateError",
    "GateRefused",
    "GateUnreachable",
    "NotFound",
    "NotReverted",
    "StillRunning",
    "TooManyFailures",
    "Unauthorized",
    "UsageError",
    "failed_expectations",
]
