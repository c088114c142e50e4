"""Starts a fresh child for each job, watches its time and memory, and kills its whole group.

`multiprocessing`'s forkserver has Great Expectations and pandas loaded: a check costs about 0.12 s instead of
2.1 s. `RLIMIT_AS` misfires with Arrow, so the memory is watched from outside.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import time
from multiprocessing import forkserver
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import psutil
import structlog
from pydantic import ValidationError

from gate_server.errors import CouldNotTell, LimitOfRun
from gate_server.lakefs.client import LakeFS
from gate_server.model import Evaluation, Limits, Obligation, Problem, Rule, Suite, load
from gate_server.workers.child import ANSWER, EvaluateJob, LintJob, failed, run

LOOK_EVERY_S = 0.05
MAX_ANSWER_BYTES = 50_000_000
LINT_LIMITS = Limits(time_s=60, memory_bytes=2_000_000_000)
SECRETS = ("GATE_", "LAKECTL_", "LAKEFS", "AWS_", "PG")

log = structlog.get_logger()
_starting = threading.Lock()


class Runner:
    """Runs jobs in children.

    Parameters
    ----------
    lakefs
        Whose read keys a child gets; None where only suites are looked at.
    """

    def __init__(self, lakefs: LakeFS | None, lakefs_timeout_s: float = 30.0) -> None:
        self._lakefs = lakefs
        self._lakefs_timeout_s = lakefs_timeout_s
        self._context = multiprocessing.get_context("forkserver")
        _start_forkserver()

    def evaluate(self, repository: str, rule: Rule, suite: Suite, obligation: Obligation) -> Evaluation:
        """Return an evaluation; ``error`` when the child overran a limit of the run, or died."""
        if self._lakefs is None:
            raise CouldNotTell("this runner was made without a lakeFS")
        job = EvaluateJob(
            self._lakefs.credentials(), repository, rule, suite, obligation, self._lakefs_timeout_s
        )
        started = time.monotonic()
        try:
            return load(Evaluation, self._run(job, rule.limits))
        except LimitOfRun as error:
            return failed(error.code, error.message, error.hint)
        except ValidationError:
            log.exception("a child's answer is no evaluation")
            return failed("bad_answer", "the child's answer is no evaluation", "report this defect")
        finally:
            log.info(
                "evaluated", rule=rule.name, target=obligation.target, seconds=time.monotonic() - started
            )

    def lint(self, job: LintJob) -> list[list[Problem]]:
        """Return what is wrong with each suite; raises `LimitOfRun` when the child gave no answer."""
        return [[load(Problem, item) for item in found] for found in self._run(job, LINT_LIMITS)]

    def _run(self, job: EvaluateJob | LintJob, limits: Limits) -> Any:
        folder = tempfile.mkdtemp(prefix="gate-child-")
        try:
            process = self._context.Process(target=run, args=(job, folder), daemon=False)
            with _starting:
                process.start()
            try:
                self._watch(process, limits)
            finally:
                _kill_group(process)
            return _answer(process, Path(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _watch(self, process: ForkServerProcess, limits: Limits) -> None:
        deadline = time.monotonic() + limits.time_s
        while not wait([process.sentinel], LOOK_EVERY_S):
            if time.monotonic() > deadline:
                raise LimitOfRun(
                    f"stopped after {limits.time_s:g} s (limit time_s)", "raise limits.time_s of the rule"
                )
            used = _memory_bytes(process.pid)
            if used > limits.memory_bytes:
                raise LimitOfRun(
                    f"stopped at {used:,} bytes of memory (limit memory_bytes {limits.memory_bytes:,})",
                    "raise limits.memory_bytes of the rule, or split the object",
                )


def _start_forkserver() -> None:
    """Start the forkserver without the gate's secrets in its environment; children inherit that one."""
    with _starting:
        multiprocessing.set_forkserver_preload(["gate_server.workers.preload"])
        kept = dict(os.environ)
        try:
            for name in kept:
                if name.startswith(SECRETS):
                    del os.environ[name]
            forkserver.ensure_running()
        finally:
            os.environ.update(kept)


def _memory_bytes(pid: int | None) -> int:
    try:
        process = psutil.Process(pid)
        return int(sum(item.memory_info().rss for item in [process, *process.children(recursive=True)]))
    except psutil.Error:
        return 0  # it ended just now


def _kill_group(process: ForkServerProcess) -> None:
    """Kill the child and all that it started; it leads a group of its own."""
    if process.pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.is_alive():
        process.kill()
    process.join()


def _answer(process: ForkServerProcess, folder: Path) -> Any:
    path = folder / ANSWER
    code = process.exitcode
    if code != 0 or not path.is_file():
        with contextlib.suppress(OSError):
            log.error("a child died", exit_code=code, stderr=_tail(folder / "stderr"))
        how = f"by signal {-code}" if code is not None and code < 0 else f"with {code}"
        raise LimitOfRun(f"the process that read the data died ({how})", "the gate's log says more")
    if path.stat().st_size > MAX_ANSWER_BYTES:
        raise LimitOfRun(f"the answer is over {MAX_ANSWER_BYTES:,} bytes", "fewer expectations per suite")
    return json.loads(path.read_text(encoding="utf-8"))


def _tail(path: Path) -> str:
    """Return the frames of a traceback, without the lines that could hold a cell's value (D10)."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(line.strip() for line in lines if line.lstrip().startswith("File "))[-4000:]
