"""What runs inside a child: joins lakeFS and engine, writes its answers to files, ends.

A child holds lakeFS's read keys and nothing else. Its answers are JSON in files of its own folder, one for
each task, so that the parent never waits on a pipe and never unpickles what a child made.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gate_server.engine.content_cache import ContentCache
from gate_server.engine.objects import DataObject
from gate_server.engine.spark.cluster import Cluster
from gate_server.errors import CouldNotTell
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.objects import open_object, read_range
from gate_server.model import (
    Draft,
    Engine,
    Evaluation,
    EvaluationTask,
    Format,
    Limits,
    Problem,
    Sample,
    SampleTask,
    StoredObject,
    Suite,
    digest,
    dump,
)
from gate_server.settings import SparkSettings
from gate_server.telemetry.requests import begin_request
from gate_server.workers.isolation import isolate
from gate_server.workers.spark_sessions import cluster_for

if TYPE_CHECKING:
    from gate_server.engine.datasets import Kept

MOST_STATES_BYTES = 100_000_000  # no more is kept of one dataset for one rule


@dataclass(frozen=True)
class LintTask:
    """A suite to look at, with the format, the parameters and the engine that a rule uses it with."""

    suite: Suite
    format: Format
    parameters: Mapping[str, Any]
    engine: Engine = "polars"


@dataclass(frozen=True)
class DraftTask:
    """Objects, of one table, that a suite is to be drafted from."""

    name: str
    objects: tuple[StoredObject, ...]
    format: Format
    limits: Limits = field(default_factory=Limits)


Task = EvaluationTask | LintTask | DraftTask | SampleTask
SomeTask = TypeVar("SomeTask", bound=Task)


@dataclass(frozen=True)
class Source:
    """Where the objects are, with the keys to read them, and the request that they are read for.

    ``cache`` is the folder of what was read before, and how many bytes it may take; ``spark`` the cluster
    that rules with ``engine: spark`` are judged on.
    """

    repository: str
    credentials: Mapping[str, str]
    timeout_s: float
    request_id: str = ""
    cache: tuple[Path, int] | None = None
    spark: SparkSettings = field(default_factory=SparkSettings)


Readable = Callable[[Sequence[StoredObject]], list[DataObject]]


def run(tasks: Sequence[Task], source: Source | None, folder: str) -> None:
    """Do `tasks` in order; say in `folder` when each begins, and leave each answer there."""
    isolate(folder)
    objects_of = readable(_connect(source, folder), source.repository, source.cache) if source else None
    spark = source.spark if source else SparkSettings()
    keys = source.credentials if source else {}
    with cluster_for(spark, source.repository if source else "", keys, folder) as cluster:
        _run(tasks, objects_of, cluster, folder)


def _run(tasks: Sequence[Task], objects_of: Readable | None, cluster: Cluster, folder: str) -> None:
    together: dict[int, Evaluation | None] = {}
    for number, task in enumerate(tasks):
        begun(folder, number).touch()
        content: Any
        if objects_of is not None and number not in together:
            together |= _together(tasks, number, objects_of, cluster, folder)
        if isinstance(task, LintTask):
            content = _lint(task)
        elif joint := together.get(number):
            content = dump(joint)
        elif objects_of is not None:
            content = dump(_read(task, objects_of, cluster, folder, number))
        else:
            raise CouldNotTell("this child was started without a lakeFS")
        temporary = Path(folder) / "answer.tmp"
        temporary.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
        temporary.rename(answer(folder, number))


def begun(folder: str | Path, number: int) -> Path:
    """Return the file that is there once task `number` has begun."""
    return Path(folder) / f"begun-{number}"


def answer(folder: str | Path, number: int) -> Path:
    """Return the file that holds the answer of task `number`, whole as soon as it is there."""
    return Path(folder) / f"answer-{number}.json"


def known_states(folder: str | Path, number: int) -> Path:
    """Return the file with what is known of the objects of task `number`; there where it is kept."""
    return Path(folder) / f"known-states-{number}"


def made_states(folder: str | Path, number: int) -> Path:
    """Return the file with what is to be kept of the objects of task `number`, where that is new."""
    return Path(folder) / f"made-states-{number}"


def calls(folder: str | Path) -> Path:
    """Return the file with a line for each call to lakeFS: method, path, status, when it began, seconds."""
    return Path(folder) / "calls"


def _lint(task: LintTask) -> Any:
    from gate_server.engine.lint import lint

    return [dump(problem) for problem in lint(task.suite, task.format, task.parameters, task.engine)]


def _connect(source: Source, folder: str) -> LakeFS:
    begin_request(source.request_id)
    told = os.open(calls(folder), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def tell(method: str, path: str, status: int, duration_s: float) -> None:
        line = f"{method} {path} {status} {time.time() - duration_s:.6f} {duration_s:.6f}\n"
        os.write(told, line.encode("ascii"))  # at once: ranges are read in threads

    keys = source.credentials
    return LakeFS(
        keys["endpoint_url"],
        keys["access_key_id"],
        keys["secret_access_key"],
        timeout_s=source.timeout_s,
        on_call=tell,
    )


def _together(
    tasks: Sequence[Task], number: int, objects_of: Readable, cluster: Cluster, folder: str
) -> dict[int, Evaluation | None]:
    """Return the evaluations of task `number` and of those after it that read the same, in one reading.

    None of each where each has to be evaluated by itself.
    """
    from gate_server.engine.evaluate import evaluate_together

    same = [task for task in reading_same(tasks[number:]) if isinstance(task, EvaluationTask)]
    if len(same) < 2:
        return {number: None}
    first = same[0]
    objects = objects_of(first.obligation.objects)
    suites = [(task.suite, task.rule.parameters) for task in same]
    places = range(number, number + len(same))
    kept = [one for place in places if (one := _kept(folder, place)) is not None]
    several = kept if len(kept) == len(same) else []
    evaluations = evaluate_together(
        suites,
        objects,
        first.rule.format,
        first.rule.limits,
        several,
        cluster if on_cluster(first) else None,
        objects_of(first.obligation.before),
    )
    if evaluations is not None:
        for place, one in zip(places, several, strict=False):
            _keep(folder, place, one)
    return dict(enumerate(evaluations or [None] * len(same), start=number))


def reading_same(tasks: Sequence[SomeTask]) -> list[SomeTask]:
    """Return the first task and those right after it that read the same: they are evaluated together."""
    return list(takewhile(lambda task: _reads(task) == _reads(tasks[0]), tasks))


def _reads(task: Task) -> tuple[object, ...]:
    if isinstance(task, EvaluationTask):
        is_dataset = bool(task.obligation.states_key)
        rule, obligation = task.rule, task.obligation
        return (obligation.objects, obligation.before, rule.format, rule.limits, is_dataset, rule.engine)
    return (id(task),)  # the same as no other


def on_cluster(task: EvaluationTask) -> bool:
    """Whether a task is judged on a cluster."""
    return task.rule.engine == "spark"


def _read(
    task: EvaluationTask | DraftTask | SampleTask,
    objects_of: Readable,
    cluster: Cluster,
    folder: str,
    number: int,
) -> Evaluation | Draft | Sample:
    if isinstance(task, DraftTask):
        return _draft(task, objects_of)
    if isinstance(task, SampleTask):
        return _sample(task, objects_of)
    kept = _kept(folder, number)
    evaluation = evaluate_task(task, objects_of, kept, cluster)
    if kept is not None:
        _keep(folder, number, kept)
    return evaluation


def _kept(folder: str, number: int) -> Kept | None:
    from gate_server.engine.datasets import Kept

    known = known_states(folder, number)
    return Kept(known.read_bytes(), most_bytes=MOST_STATES_BYTES) if known.is_file() else None


def _keep(folder: str, number: int, kept: Kept) -> None:
    if kept.made:
        made_states(folder, number).write_bytes(kept.made)


def evaluate_task(
    task: EvaluationTask, objects_of: Readable, kept: Kept | None = None, cluster: Cluster | None = None
) -> Evaluation:
    """Return the evaluation of one task."""
    from gate_server.engine.evaluate import evaluate

    rule, obligation = task.rule, task.obligation
    evaluation: Evaluation = evaluate(
        task.suite,
        objects_of(obligation.objects),
        rule.format,
        rule.parameters,
        rule.limits,
        objects_of(obligation.reference),
        obligation.committed_at,
        kept,
        cluster if on_cluster(task) else None,
        objects_of(obligation.before),
    )
    return evaluation


def _draft(task: DraftTask, objects_of: Readable) -> Draft:
    from gate_server.engine.drafting import draft

    found: Draft = draft(task.name, objects_of(task.objects), task.format, task.limits)
    return found


def _sample(task: SampleTask, objects_of: Readable) -> Sample:
    from gate_server.engine.sampling import sample

    objects = objects_of(task.objects)
    return sample(objects, task.format, task.limits, task.rows, task.first_column, task.mask)


def readable(lakefs: LakeFS, repository: str, cache: tuple[Path, int] | None = None) -> Readable:
    """Return what makes objects of a repository readable, through the cache where there is one."""
    kept = ContentCache(*cache, scope=f"{lakefs.endpoint_url} {repository}") if cache else None

    def objects_of(items: Sequence[StoredObject]) -> list[DataObject]:
        objects = _objects(lakefs, repository, items)
        return [kept.of(data) for data in objects] if kept else objects

    return objects_of


def _objects(lakefs: LakeFS, repository: str, items: Sequence[StoredObject]) -> list[DataObject]:
    def ranges(item: StoredObject) -> Callable[[int, int], bytes | None] | None:
        if item.identity.linked:  # its checksum is what somebody claims: it is compared, always
            return None
        return partial(read_range, lakefs, repository, item.commit_id, item.path, item.identity.size_bytes)

    return [
        DataObject(
            path=item.path,
            size_bytes=item.identity.size_bytes,
            checksum=item.identity.checksum,
            open=partial(open_object, lakefs, repository, item.commit_id, item.path),
            read_range=ranges(item),
            identity="" if item.identity.linked else digest(item.identity),
            uri=f"s3a://{repository}/{item.commit_id}/{item.path}",
        )
        for item in items
    ]


def failed(code: str, message: str, hint: str = "") -> Evaluation:
    """Return the evaluation of a child that gave none: could not tell."""
    return Evaluation(status="error", problem=Problem(code, message, hint))
