"""Starts a fresh child for each check, has it watched, and kills its whole group.

`multiprocessing`'s forkserver has Great Expectations and pandas loaded: a check costs about 0.12 s instead of
2.1 s.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from gate_server.errors import ConfigError, CouldNotTell, LimitOfRun
from gate_server.lakefs.client import LakeFS
from gate_server.model import Draft, Evaluation, EvaluationTask, Problem, Sample, SampleTask, load
from gate_server.settings import SparkSettings
from gate_server.telemetry import metrics, traces
from gate_server.telemetry.requests import request_id
from gate_server.workers.child import (
    DraftTask,
    LintTask,
    Source,
    Task,
    answer,
    begun,
    calls,
    failed,
    reading_same,
    run,
)
from gate_server.workers.folders import CHILD, own_folder, remove_left
from gate_server.workers.spark_sessions import release, spark_session
from gate_server.workers.states import KeptStates, hand_states, keep_states
from gate_server.workers.watch import watch

# A Unix socket's path holds 107 characters; multiprocessing adds 32 to the folder's.
MOST_TEMPDIR = 75
ANSWER_BYTES = 50_000_000  # the limit of a task's output; no rule needs another, so none can set it
RELEASE_S = 30.0
NO_ANSWER = "the process that read the data gave no answer"
SECRETS = ("GATE_", "LAKECTL_", "LAKEFS", "AWS_", "PG", "OTEL_")

log = structlog.get_logger()
_starting = threading.Lock()


class Runner:
    """Runs tasks in children.

    Parameters
    ----------
    lakefs
        Whose read keys a child gets; None where only suites are looked at.
    states
        Keeps what is found of the objects of datasets; None where nothing is kept of them.
    cache
        Where children keep what they read of objects, and how many bytes; None for nowhere.
    spark
        The cluster that rules with ``engine: spark`` are judged on.
    """

    def __init__(
        self,
        lakefs: LakeFS | None,
        lakefs_timeout_s: float = 30.0,
        states: KeptStates | None = None,
        cache: tuple[Path, int] | None = None,
        spark: SparkSettings | None = None,
    ) -> None:
        self._lakefs = lakefs
        self._cache = cache
        self._spark = spark or SparkSettings()
        self._states = states
        self._lakefs_timeout_s = lakefs_timeout_s
        self._context = multiprocessing.get_context("forkserver")
        with _starting:
            _ensure_forkserver()
        if left := remove_left():
            log.warning("removed what a worker left that died", folders=len(left))

    def evaluate(
        self,
        repository: str,
        tasks: Sequence[EvaluationTask],
        told: Callable[[int], object] = lambda _: None,
    ) -> list[Evaluation]:
        """Return the evaluation of each task, in order; `told` hears how many are done, again and again.

        ``error`` where the child overran a limit of the run, or died; the rest goes on in a fresh one. What
        was read together with others is run once more by itself first: the limits are each rule's own.
        """
        source = self._source(repository)
        found: list[Evaluation] = []
        while len(found) < len(tasks):
            rest = tasks[len(found) :]
            answers, fault = self._run(rest, source, partial(_told_after, told, len(found)))
            found += map(_evaluation, answers)
            if len(answers) < len(rest):
                late = reading_same(rest[len(answers) :])
                if len(late) > 1 or (answers and len(reading_same(rest[len(answers) - 1 :])) > 1):
                    log.info("evaluated one by one", rules=[task.rule.name for task in late])
                    found += [_one(task, *self._run([task], source)) for task in late]
                else:
                    found.append(_one(rest[len(answers)], [], fault))
        return found

    def lint(self, tasks: Sequence[LintTask]) -> list[list[Problem]]:
        """Return what is wrong with each suite; raises `LimitOfRun` when the child did not look at all."""
        answers, fault = self._run(tasks, None)
        if len(answers) < len(tasks):
            raise fault or LimitOfRun("the process that looks at the suites gave no answer")
        return [[load(Problem, item) for item in answer] for answer in answers]

    def draft(self, repository: str, task: DraftTask) -> Draft:
        """Return what was drafted; raises `LimitOfRun` when the child overran a limit of the run, or died."""
        return load(Draft, self._answer(repository, task))

    def sample(self, repository: str, task: SampleTask) -> Sample:
        """Return rows; raises `LimitOfRun` when the child overran a limit of the run, or died."""
        return load(Sample, self._answer(repository, task))

    def _answer(self, repository: str, task: Task) -> Any:
        answers, fault = self._run([task], self._source(repository))
        if not answers:
            raise fault or LimitOfRun(NO_ANSWER)
        return answers[0]

    def _source(self, repository: str) -> Source:
        if self._lakefs is None:
            raise CouldNotTell("this runner was made without a lakeFS")
        keys = self._lakefs.credentials()
        return Source(repository, keys, self._lakefs_timeout_s, request_id(), self._cache, self._spark)

    @traces.span("child")
    def _run(
        self, tasks: Sequence[Task], source: Source | None, told: Callable[[int], object] = lambda _: None
    ) -> tuple[list[Any], LimitOfRun | None]:
        """Do `tasks` in one child; return the answers up to the first fault, and that."""
        with own_folder(CHILD) as folder:
            process = self._context.Process(target=run, args=(tasks, source, str(folder)), daemon=False)
            if self._states is not None:
                hand_states(self._states, tasks, folder)
            with _starting:
                _ensure_forkserver()
                process.start()
            fault = None
            try:
                watch(process, tasks, folder, told)
            except LimitOfRun as error:
                fault = error
            finally:
                _kill_group(process)
                self._end_session(folder)
            _tell_calls(calls(folder))
            _tell_tasks(folder, tasks)
            answers, too_large = _answers(folder, len(tasks))
            if self._states is not None:
                keep_states(self._states, tasks[: len(answers)], folder)
            fault = too_large or fault or _death(process, folder)
            if fault is not None:
                metrics.children_stopped.labels(fault.limit).inc()
            return answers, fault

    def _end_session(self, folder: Path) -> None:
        """End what a child that was killed left on a Spark Connect server."""
        left = spark_session(folder)
        if not left.exists():
            return
        asked = (self._spark.remote, left.read_text(encoding="ascii"), str(folder))
        process = self._context.Process(target=release, args=asked, daemon=False)
        with _starting:
            _ensure_forkserver()
            process.start()
        process.join(RELEASE_S)
        if process.exitcode != 0:
            log.warning("a session may be left on the Spark Connect server, until that ends it by itself")
        _kill_group(process)


def _told_after(told: Callable[[int], object], before: int, number: int) -> None:
    told(before + number)


def _ensure_forkserver() -> None:
    """Start the forkserver, also one that died, without the gate's secrets in the environment of children."""
    if len(tempfile.gettempdir()) > MOST_TEMPDIR:
        raise ConfigError(
            f"the folder for temporary files has a name of over {MOST_TEMPDIR} characters: no socket fits in",
            "set TMPDIR to a shorter one",
        )
    multiprocessing.set_forkserver_preload(["gate_server.workers.preload"])
    secrets = {name: value for name, value in os.environ.items() if name.startswith(SECRETS)}
    try:
        for name in secrets:
            del os.environ[name]
        forkserver.ensure_running()
    finally:
        os.environ.update(secrets)


def _kill_group(process: ForkServerProcess) -> None:
    """Kill the child and all that it started; it leads a group of its own."""
    if process.pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.is_alive():
        process.kill()
    process.join()


def _answers(folder: Path, count: int) -> tuple[list[Any], LimitOfRun | None]:
    """Return the answers that are there, up to the first that is not, or is too large."""
    found: list[Any] = []
    for number in range(count):
        path = answer(folder, number)
        if not path.is_file():
            break
        if path.stat().st_size > ANSWER_BYTES:
            return found, LimitOfRun(
                f"the results take more than {ANSWER_BYTES:,} bytes (limit answer_bytes)",
                "fewer expectations in the suite",
                "answer_bytes",
            )
        found.append(json.loads(path.read_text(encoding="utf-8")))
    return found, None


def _tell_calls(told: Path) -> None:
    if told.is_file() and told.stat().st_size <= ANSWER_BYTES:
        for line in told.read_text(encoding="ascii").splitlines(keepends=True):
            if line.endswith("\n"):  # else the child was killed while it wrote
                method, path, status, began_s, duration_s = line.split()
                metrics.lakefs_called(method, int(status), float(duration_s))
                traces.lakefs_called(method, path, int(status), float(duration_s), float(began_s))


def _tell_tasks(folder: Path, tasks: Sequence[Task]) -> None:
    for number, task in enumerate(tasks):
        if not begun(folder, number).exists():
            return
        began_s, done = begun(folder, number).stat().st_mtime, answer(folder, number)
        duration_s = (done.stat().st_mtime if done.exists() else time.time()) - began_s
        rule = task.rule.name if isinstance(task, EvaluationTask) else ""
        traces.told("task", began_s, duration_s, failed=not done.exists(), rule=rule)


def _one(task: EvaluationTask, answers: Sequence[Any], fault: LimitOfRun | None) -> Evaluation:
    """Return what a task by itself was answered, else why it was not."""
    if answers:
        return _evaluation(answers[0])
    fault = fault or LimitOfRun(NO_ANSWER)
    log.warning("not evaluated", rule=task.rule.name, reason=fault.message)
    return failed(fault.code, fault.message, fault.hint)


def _evaluation(data: Any) -> Evaluation:
    try:
        return load(Evaluation, data)
    except ValidationError as error:  # its text holds what was given
        places = [item["loc"] for item in error.errors(include_input=False, include_context=False)]
        log.error("a child's answer is no evaluation", places=places)  # noqa: TRY400
        return failed("bad_answer", "the child's answer is no evaluation", "report this defect")


def _death(process: ForkServerProcess, folder: Path) -> LimitOfRun | None:
    code = process.exitcode
    if code == 0:
        return None
    with contextlib.suppress(OSError):
        log.error("a child died", exit_code=code, stderr=_tail(folder / "stderr"))
    how = f"by signal {-code}" if code is not None and code < 0 else f"with {code}"
    return LimitOfRun(f"the process that read the data died ({how})", "the gate's log says more")


def _tail(path: Path) -> str:
    """Return the frames of a traceback, without the lines that could hold a cell's value (D10)."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(line.strip() for line in lines if line.lstrip().startswith("File "))[-4000:]
