"""Runs the hooks of an event and keeps what came of them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_lakefs.actions.action import Action, HookSpec, load_actions
from local_lakefs.actions.condition import ConditionError, should_run
from local_lakefs.actions.endpoint import Ask, no_endpoint
from local_lakefs.actions.lua_hook import Children, LuaHook
from local_lakefs.actions.model import HookEvent, HookRefused, HooksFailed, InvalidAction, several_errors
from local_lakefs.actions.runs import HookRun, Run, RunStore, new_run_id
from local_lakefs.actions.webhook import Webhook

ListActions = Callable[[], Iterable[tuple[str, bytes]]]
ReadObject = Callable[[str], bytes]
# After these lakeFS notes the commit in the run of the pre event.
_COMPLETE_A_RUN = ("post-commit", "post-revert")
_log = logging.getLogger(__name__)


class AirflowHook:
    """A hook of type ``airflow``: not offered here, so it refuses."""

    def run(self) -> None:
        """Refuse."""
        raise HookRefused("hooks of type 'airflow' are not offered by the embedded server")


@dataclass
class _Task:
    """A hook about to run, and the record that it fills."""

    condition: str
    hook: Webhook | LuaHook | AirflowHook
    record: HookRun
    refused: bool = False


class ActionsService:
    """Hooks of one server.

    Parameters
    ----------
    database : Path
        SQLite file of the run records.
    env : Mapping
        The server's environment; hooks see of it what starts with ``LAKEFSACTION_`` (args of Lua hooks:
        ``LAKEFS``, as in lakeFS).
    lua_http : bool
        Whether Lua hooks may use ``net/http``.

    Attributes
    ----------
    endpoint : callable
        Answers what Lua scripts ask of lakeFS, as the API does; to be set once there is one.
    """

    def __init__(self, database: Path, env: Mapping[str, str], *, lua_http: bool = False) -> None:
        self._store = RunStore(database)
        self.endpoint: Ask = no_endpoint
        self._env = env
        self._children = Children(http=lua_http)

    def run(self, event: HookEvent, list_actions: ListActions, read_object: ReadObject) -> str | None:
        """Run the hooks that match, and wait for them.

        Actions run side by side, the hooks of one in turn; after a failure those follow whose ``if`` says so.

        Returns
        -------
        str or None
            The run's id, None when nothing matched.

        Raises
        ------
        HooksFailed
            A hook refused. The message lists the refusals; the caller says of which event and run they are.
        InvalidAction
            A file among the actions cannot be used, or a hook in it; lakeFS answers 500. The message is
            whole, event and run in it.
        """
        run_id = new_run_id()
        try:
            matching = [
                action
                for action in load_actions(list_actions())
                if _matches(action, event.event_type, event.branch_id)
            ]
            tasks = [self._tasks(index, action) for index, action in enumerate(matching)]
        except InvalidAction as error:
            raise InvalidAction(_aborted(event, run_id, str(error))) from error
        tasks = [of_action for of_action in tasks if of_action]
        if not tasks:
            return None
        with ThreadPoolExecutor(max_workers=len(tasks), thread_name_prefix="action") as side_by_side:
            running = [  # each with the context of this thread, in which `hung_up` stands
                side_by_side.submit(
                    copy_context().run, self._run_action, of_action, event, run_id, read_object
                )
                for of_action in tasks
            ]
            errors = [action.result() for action in running]
        run = Run(
            event.repository_id, run_id, event.event_type, event.branch_id, event.source_ref, event.commit_id
        )
        self._store.save(run, [task.record for of_action in tasks for task in of_action])
        first_errors = [error for error in errors if error is not None]
        if first_errors:
            message = several_errors(first_errors)
            if any(task.refused for of_action in tasks for task in of_action):
                raise HooksFailed(message, run_id)
            # only conditions that are none: lakeFS answers 500 to those
            raise InvalidAction(_aborted(event, run_id, message))
        return run_id

    def run_later(self, event: HookEvent, list_actions: ListActions, read_object: ReadObject) -> None:
        """Run the hooks of a post event in a thread of its own; what they do is only recorded."""
        if event.event_type in _COMPLETE_A_RUN and event.pre_run_id:
            self._store.set_commit(event.repository_id, event.pre_run_id, event.commit_id)

        def run() -> None:
            try:
                self.run(event, list_actions, read_object)
            except Exception:
                # Nobody waits for it; not to log it would lose the cause.
                _log.exception("hooks of %s failed", event.event_type)

        threading.Thread(target=run, name=f"{event.event_type} hooks", daemon=True).start()

    def runs(
        self,
        repository: str,
        *,
        branch: str | None = None,
        commit: str | None = None,
        after: str = "",
        amount: int = 100,
    ) -> dict[str, Any]:
        """List runs, newest first: ``{"pagination": ..., "results": [ActionRun]}``.

        Raises
        ------
        ParametersConflict
            Both branch and commit are given; lakeFS answers 400.
        """
        return self._store.runs(repository, branch=branch, commit=commit, after=after, amount=amount)

    def get_run(self, repository: str, run_id: str) -> dict[str, Any]:
        """Tell of one run as lakeFS's ActionRun; raises RunNotFound."""
        return self._store.get_run(repository, run_id)

    def hook_runs(
        self, repository: str, run_id: str, *, after: str = "", amount: int = 100
    ) -> dict[str, Any]:
        """List a run's hooks: ``{"pagination": ..., "results": [HookRun]}``."""
        return self._store.hook_runs(repository, run_id, after=after, amount=amount)

    def output(self, repository: str, run_id: str, hook_run_id: str) -> str:
        """Give what a hook's run left as log, empty for one that was passed over; raises RunNotFound."""
        return self._store.output(repository, run_id, hook_run_id)

    def close(self) -> None:
        """Kill the Lua hooks that run; none starts afterwards."""
        self._children.close()

    def _tasks(self, action_index: int, action: Action) -> list[_Task]:
        return [
            _Task(
                condition=spec.condition,
                hook=self._build(action.name, spec),
                record=HookRun(f"{action_index:04d}_{hook_index:04d}", action.name, spec.id),
            )
            for hook_index, spec in enumerate(action.hooks)
        ]

    def _build(self, action_name: str, spec: HookSpec) -> Webhook | LuaHook | AirflowHook:
        if spec.type == "webhook":
            return Webhook.build(action_name, spec, self._env)
        return LuaHook.build(action_name, spec, self._env) if spec.type == "lua" else AirflowHook()

    def _run_action(
        self, tasks: list[_Task], event: HookEvent, run_id: str, read_object: ReadObject
    ) -> str | None:
        """Run the hooks of one action in turn; give the first error."""
        first_error: str | None = None
        for task in tasks:
            try:
                if not should_run(task.condition, failed=first_error is not None):
                    continue
                problem = self._run_hook(task, event, run_id, read_object)
            except ConditionError as error:
                task.record.start_time_ns = task.record.end_time_ns = time.time_ns()
                problem = str(error)
            if problem is None:
                continue
            record = task.record
            record.output += f"Error: {problem}\n"
            record.error = (
                f"hook run id '{record.hook_run_id}' failed on action '{record.action}'"
                f" hook '{record.hook_id}': {problem}"
            )
            first_error = first_error or record.error
        return first_error

    def _run_hook(self, task: _Task, event: HookEvent, run_id: str, read_object: ReadObject) -> str | None:
        """Run one hook and record it; give the reason when it refused."""
        written: list[str] = []
        task.record.start_time_ns = time.time_ns()
        try:
            if isinstance(task.hook, Webhook):
                task.hook.run(event, written.append)
            elif isinstance(task.hook, LuaHook):
                task.hook.run(event, run_id, written.append, read_object, self._children, self.endpoint)
            else:
                task.hook.run()
        except HookRefused as refusal:
            task.refused = True
            return f"action failed: {refusal}"
        finally:
            task.record.end_time_ns = time.time_ns()
            task.record.output = "".join(written)
        return None


def _matches(action: Action, event_type: str, branch: str) -> bool:
    try:
        return action.matches(event_type, branch)
    except ValueError as error:
        raise InvalidAction(str(error)) from error


def _aborted(event: HookEvent, run_id: str, problem: str) -> str:
    return f"{event.event_type} hook aborted, run id '{run_id}': {problem}"
