"""Waits for a child while it stays within its limits.

`RLIMIT_AS` misfires with Arrow, so the memory is watched from outside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from gate_server.errors import LimitOfRun
from gate_server.model import EvaluationTask, Limits
from gate_server.workers.child import LintTask, Task, begun, on_cluster
from gate_server.workers.folders import size_bytes
from gate_server.workers.memory import memory_bytes
from gate_server.workers.stopping import go_on

LOOK_EVERY_S = 0.05
START_S = 60.0
LINT_LIMITS = Limits(time_s=60, memory_bytes=2_000_000_000, disk_bytes=100_000_000)


def watch(
    process: ForkServerProcess, tasks: Sequence[Task], folder: Path, told: Callable[[int], object]
) -> None:
    """Wait for the child's end, or raise `LimitOfRun` when a task takes more than it may."""
    number, deadline = -1, time.monotonic() + START_S
    while not wait([process.sentinel], LOOK_EVERY_S):
        go_on()
        while number + 1 < len(tasks) and begun(folder, number + 1).exists():
            number += 1
            deadline = time.monotonic() + _limits(tasks[number]).time_s
        told(max(number, 0))
        task = tasks[max(number, 0)]
        limits = _limits(task)
        if time.monotonic() > deadline:
            if number < 0:
                late = f"the process that reads the data did not start in {START_S:g} s"
                raise LimitOfRun(late, limit="start")
            raise LimitOfRun(
                f"stopped after {limits.time_s:g} s (limit time_s)",
                _more_time(task),
                "time_s",
            )
        used = memory_bytes(process.pid)
        if used > limits.memory_bytes:
            raise LimitOfRun(
                f"stopped at {used:,} bytes of memory (limit memory_bytes {limits.memory_bytes:,})",
                "raise limits.memory_bytes of the rule, or split the object",
                "memory_bytes",
            )
        taken = size_bytes(folder)
        if taken > limits.disk_bytes:
            raise LimitOfRun(
                f"stopped at {taken:,} bytes of temporary files (limit disk_bytes {limits.disk_bytes:,})",
                "raise limits.disk_bytes of the rule, or split the object",
                "disk_bytes",
            )


def _limits(task: Task) -> Limits:
    if isinstance(task, EvaluationTask):
        return task.rule.limits
    return LINT_LIMITS if isinstance(task, LintTask) else task.limits


def _more_time(task: Task) -> str:
    more = "raise limits.time_s of the rule"
    if isinstance(task, EvaluationTask) and on_cluster(task):
        return f"{more}, or see on the cluster whether the job got executors at all"
    return more
