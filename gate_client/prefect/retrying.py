"""What makes a function a lakeFS task: its tags, and when it is tried again.

======================  ==================================================================================
``reading``             reads: tried again on whatever may go better in a moment (no answer, 429, 5xx)
``settling``            writes where doing it twice is doing it once, or that look first at what an earlier
                        try did: the same
``writing``             other writes: tried again only where lakeFS did nothing for sure
``asking``              calls of the gate, which may be made twice (a revert by its key): tried again when it
                        could not tell
======================  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from gate_client.errors import CouldNotTell, LakeFSError, StillRunning
from gate_client.lakefs import PASSING
from gate_client.prefect.failures import LakeFSFailed

P = ParamSpec("P")
R = TypeVar("R")

TAG = "lakefs"
RETRIES = 3


def reading(call: Callable[P, R]) -> Task[P, R]:
    """Make a task of a call that only reads."""
    return _task(call, _passing)


def settling(call: Callable[P, R]) -> Task[P, R]:
    """Make a task of a call that may be made twice."""
    return _task(call, _passing)


def writing(call: Callable[P, R]) -> Task[P, R]:
    """Make a task of a call that may not be made twice."""
    return _task(call, _untouched)


def asking(call: Callable[P, R]) -> Task[P, R]:
    """Make a task of a call to the gate that may be made twice."""
    return _task(call, _could_not_tell)


def _task(call: Callable[P, R], again: Callable[[BaseException], bool]) -> Task[P, R]:
    def may_be_tried_again(_task: Any, _run: TaskRun, state: State[Any]) -> bool:
        return isinstance(state.data, BaseException) and again(state.data)

    # No cache: Prefect's own, by inputs within a run, would answer a second commit with the first.
    return task(
        tags=[TAG],
        retries=RETRIES,
        retry_delay_seconds=exponential_backoff(1),
        retry_jitter_factor=0.5,
        retry_condition_fn=may_be_tried_again,
        cache_policy=NO_CACHE,
    )(call)


def _passing(error: BaseException) -> bool:
    return isinstance(error, LakeFSFailed) and error.passing


def _untouched(error: BaseException) -> bool:
    return isinstance(error, LakeFSFailed) and error.passing and error.untouched


def _could_not_tell(error: BaseException) -> bool:
    if isinstance(error, LakeFSError):
        return error.status in PASSING
    return isinstance(error, CouldNotTell) and not isinstance(error, StillRunning)
