"""Two ways to run a pipeline on branches: around an existing flow, and step by step within one.

Readers of the destination see nothing of a run until the gate has let all of it through, in one merge. A run
that dies promotes nothing: run again, it starts afresh on a branch of its own, or finds that it was promoted.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from prefect import Flow, flow
from prefect.runtime import flow_run, task_run

from gate_client.errors import GateError, UsageError
from gate_client.prefect.artifacts import kept_on_failure
from gate_client.prefect.blocks import GateCredentials, LakeFSCredentials, loaded
from gate_client.prefect.calls import Calls
from gate_client.prefect.names import branch_name
from gate_client.prefect.promotions import PROMOTION_OF, promotion_of
from gate_client.prefect.runs import log, run_began, run_key, say
from gate_client.prefect.tasks.branches import create_branch, delete_branch
from gate_client.prefect.tasks.commits import commit, merge_into_branch
from gate_client.prefect.tasks.gate import merge_through_gate


def isolated(
    call: Flow[..., Any] | Callable[..., Any],
    *,
    repository: str,
    lakefs_credentials: LakeFSCredentials | str,
    gate_credentials: GateCredentials | str,
    destination: str = "main",
    parameters: Mapping[str, str] | None = None,
    name: str = "",
    timeout_s: float = 900.0,
    **options: Any,
) -> Flow[..., Any]:
    """Return a flow that runs `call`, unchanged, on a fresh branch, and promotes the branch through the gate.

    What `call` leaves staged is committed. When it fails, or the gate refuses, the branch stays and the
    destination is untouched; when it was promoted, the run's branches are deleted.

    Parameters
    ----------
    call
        A flow or a function.
    lakefs_credentials, gate_credentials
        Blocks, or the names of stored ones, which are loaded as the flow runs.
    parameters
        The parameters of `call` that tell it where to work, with ``{repository}`` and ``{branch}`` in their
        values: ``{"path": "s3a://{repository}/{branch}/"}``. Without it, ``{"branch": "{branch}"}``.
        The flow returned takes all others.
    name
        Of the flow; that of `call` and ``-isolated`` where it is empty.
    timeout_s
        For the promotion.
    options
        Of Prefect's ``flow``: ``retries``, ``on_failure`` and so on, but not ``persist_result``.

    Returns
    -------
    Flow
        It returns what `call` does; None where a rerun finds that it was promoted before.

    Raises
    ------
    UsageError
        When `call` has no such parameters.
    """
    if isinstance(call, Flow):
        # A rerun takes a completed subflow's stored result, on whatever branch it was made.
        call = call.with_options(persist_result=False)
    places = dict(parameters or {"branch": "{branch}"})
    signature = inspect.signature(_function(call))
    unknown = [place for place in places if place not in signature.parameters]
    if unknown:
        raise UsageError(
            f"{_name(call)} has no parameter {', '.join(unknown)} that tells it where to work",
            'say which one does: parameters={"path": "lakefs://{repository}/{branch}/"}',
        )
    given = signature.replace(
        parameters=[item for key, item in signature.parameters.items() if key not in places]
    )

    def begin() -> _Run | None:
        lakefs = loaded(LakeFSCredentials, lakefs_credentials)
        gate = loaded(GateCredentials, gate_credentials)
        key = run_key()
        run = _Run(repository, destination, lakefs, gate, key, branch_name(_name(call), key[-12:]))
        return None if run.was_promoted() else run

    def all_of(arguments: tuple[Any, ...], more: Mapping[str, Any], branch: str) -> dict[str, Any]:
        told = {key: _filled(text, repository, branch) for key, text in places.items()}
        return _by_name(given.bind(*arguments, **more)) | told

    def run_it(*arguments: Any, **more: Any) -> Any:
        run = begin()
        if run is None:
            return None
        with run.on_branch(timeout_s) as branch:
            return call(**all_of(arguments, more, branch))

    async def run_it_async(*arguments: Any, **more: Any) -> Any:
        run = begin()
        if run is None:
            return None
        with run.on_branch(timeout_s) as branch:
            return await call(**all_of(arguments, more, branch))

    promoted: Any = run_it_async if inspect.iscoroutinefunction(_function(call)) else run_it
    promoted.__signature__ = given
    promoted.__doc__ = inspect.getdoc(_function(call))
    promoted.__name__ = promoted.__qualname__ = f"isolated_{_name(call)}".replace("-", "_")
    # Not stored either: whether it is promoted the log of the destination knows, where a revert is seen too.
    return flow(name=name or f"{_name(call)}-isolated", persist_result=False, **options)(promoted)


@contextmanager
def step_branch(
    repository: str, run_branch: str, lakefs_credentials: LakeFSCredentials | str, step: str = ""
) -> Iterator[str]:
    """Give a step a branch of its own, which is committed and merged into the run's branch at the end.

    When the step fails, its branch stays as it was at that moment, linked from the log and the artifacts.

    Parameters
    ----------
    run_branch
        The run's branch, which `isolated` tells.
    step
        The step's name; the task's where it is empty.
    """
    lakefs = loaded(LakeFSCredentials, lakefs_credentials)
    step = step or task_run.task_name or "step"
    unique = [str(task_run.id)[-8:], str(task_run.run_count)] if task_run.id else []
    branch = "-".join([run_branch, branch_name(step, *unique)])
    base = create_branch(repository, branch, lakefs, source=run_branch)
    with kept_on_failure(lakefs, repository, branch, f"step {step} failed"):
        yield branch
        if _commit_all(lakefs, repository, branch, f"{step} of {run_branch}") != base:
            merge_into_branch(repository, branch, run_branch, lakefs, f"{step}: done")  # type: ignore[unused-coroutine]
    delete_branch(repository, branch, lakefs)


@dataclass(frozen=True)
class _Run:
    """One flow run on its branches; all their names begin with `name`."""

    repository: str
    destination: str
    lakefs: LakeFSCredentials
    gate: GateCredentials
    key: str
    name: str

    def was_promoted(self) -> bool:
        """Whether an earlier try of this very run was promoted, and died afterwards."""
        done = promotion_of(self.lakefs, self.repository, self.destination, self.key, run_began())
        if done is None:
            return False
        say(f"this run was promoted before, as {done.id}: nothing is run again")
        self._clean_up()
        return True

    @contextmanager
    def on_branch(self, timeout_s: float) -> Iterator[str]:
        """Give a fresh branch, and promote it at the end of the block."""
        branch = f"{self.name}-{len(self._branches()) + 1}"
        base = create_branch(self.repository, branch, self.lakefs, source=self.destination)
        with kept_on_failure(self.lakefs, self.repository, branch, "the run failed"):
            yield branch
            head = _commit_all(self.lakefs, self.repository, branch, f"{flow_run.flow_name}: {flow_run.name}")
            if head == base:
                say(f"nothing was changed on {branch}: nothing to promote")
            # An earlier try, taken for dead, may have come back and promoted: once is enough.
            elif not self.was_promoted():
                merge_through_gate(
                    self.repository,
                    branch,
                    self.lakefs,
                    self.gate,
                    destination=self.destination,
                    message=f"{flow_run.flow_name}: {flow_run.name}",
                    metadata={PROMOTION_OF: self.key},
                    timeout_s=timeout_s,
                )
        self._clean_up()

    def _branches(self) -> list[str]:
        calls = Calls(self.lakefs)
        found = calls.all(calls.branches.list_branches, self.repository, prefix=f"{self.name}-")
        return [item.id for item in found]

    def _clean_up(self) -> None:
        """Delete the run's branches, those of failed tries too. What cannot be deleted does no harm."""
        try:
            for branch in self._branches():
                Calls(self.lakefs).branches.delete_branch(self.repository, branch)
        except GateError as error:
            log().warning("branches %s-* of this run are left: %s", self.name, error)


def _commit_all(lakefs: LakeFSCredentials, repository: str, branch: str, message: str) -> str:
    """Commit what is staged, if anything is; return the branch's head."""
    calls = Calls(lakefs)
    if calls.all(calls.branches.diff_branch, repository, branch, limit=1):
        made: Any = commit(repository, branch, message, lakefs)
        return str(made.id)
    return str(calls.branches.get_branch(repository, branch).commit_id)


def _filled(text: str, repository: str, branch: str) -> str:
    return text.replace("{repository}", repository).replace("{branch}", branch)


def _function(call: Flow[..., Any] | Callable[..., Any]) -> Callable[..., Any]:
    return call.fn if isinstance(call, Flow) else call


def _by_name(bound: inspect.BoundArguments) -> dict[str, Any]:
    """Return arguments by name, so that those we add stand wherever they may."""
    found = dict(bound.arguments)
    for key, parameter in bound.signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            found |= found.pop(key, {})
    return found


def _name(call: Flow[..., Any] | Callable[..., Any]) -> str:
    return str(call.name if isinstance(call, Flow) else getattr(call, "__name__", "function"))
