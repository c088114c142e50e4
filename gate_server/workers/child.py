"""What runs inside a child: joins lakeFS and engine, writes its answer to a file, ends.

A child holds lakeFS's read keys and nothing else. Its answer is JSON in a file of its own folder, so that
the parent never waits on a pipe and never unpickles what a child made.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gate_server.model import Evaluation, Format, Obligation, Problem, Rule, Suite, dump

ANSWER = "answer.json"
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class EvaluateJob:
    """One obligation to evaluate."""

    credentials: Mapping[str, str]
    repository: str
    rule: Rule
    suite: Suite
    obligation: Obligation
    lakefs_timeout_s: float


@dataclass(frozen=True)
class LintJob:
    """Suites to look at, each with the format and the parameters that a rule uses it with."""

    uses: Sequence[tuple[Suite, Format, Mapping[str, Any]]]


def run(job: EvaluateJob | LintJob, folder: str) -> None:
    """Do `job` and leave the answer in `folder`."""
    _isolate(folder)
    answer: Any
    if isinstance(job, LintJob):
        from gate_server.engine.lint import lint

        answer = [[dump(problem) for problem in lint(*use)] for use in job.uses]
    else:
        answer = dump(_evaluate(job))
    temporary = Path(folder) / "answer.tmp"
    temporary.write_text(json.dumps(answer, allow_nan=False), encoding="utf-8")
    temporary.rename(Path(folder) / ANSWER)


def _isolate(folder: str) -> None:
    """Lead an own process group, die with the parent, leave no core, keep temporary files in `folder`."""
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(folder)
    tempfile.tempdir = folder
    os.environ["TMPDIR"] = folder
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(nowhere, stream)
    os.dup2(os.open("stderr", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)


def _evaluate(job: EvaluateJob) -> Evaluation:
    from gate_server.engine.evaluate import evaluate
    from gate_server.engine.objects import DataObject
    from gate_server.lakefs.client import LakeFS
    from gate_server.lakefs.objects import open_object

    keys = job.credentials
    lakefs = LakeFS(
        keys["endpoint_url"],
        keys["access_key_id"],
        keys["secret_access_key"],
        timeout_s=job.lakefs_timeout_s,
    )
    objects = [
        DataObject(
            path=item.path,
            size_bytes=item.identity.size_bytes,
            checksum=item.identity.checksum,
            open=_opener(open_object, lakefs, job.repository, item.commit_id, item.path),
        )
        for item in job.obligation.objects
    ]
    evaluation: Evaluation = evaluate(
        job.suite, objects, job.rule.format, job.rule.parameters, job.rule.limits
    )
    return evaluation


def _opener(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    return partial(function, *arguments)


def failed(code: str, message: str, hint: str = "") -> Evaluation:
    """Return the evaluation of a child that gave none: could not tell."""
    return Evaluation(status="error", problem=Problem(code, message, hint))
